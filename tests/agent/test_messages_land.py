"""Messages land in the real Claude Code: once, in order and as it is told, or not at all; none answers a dialog."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from agent.claude import screen
from agent.demo import observer
from tests.agent.tasks import TaskAgent, running_task_agent, script
from tests.agent.terminals import press, screen_of
from tests.rigs import claude
from tests.rigs.waiting import wait_until

LONG = "".join(f"{number:05} grüße 🙂 'single' \"double\" `tick` $HOME\n" for number in range(2_000))
TEXTS = (
    "two\nlines and a tail of blanks  ",
    "one\ntwo\n\n\n'single' \"double\" `tick`\r\n$HOME $(id) \\n %s & | ; > #",
    "- a dash begins a list\n- of two",
    "--help",
    "wait!\n!not a command of the shell\n/help",
    "  blanks before\tand a tab",
    "#note and @nobody and ?",
    "👩\u200d💻 👍🏽 🇫🇷 1\ufe0f\u20e3 ❤\ufe0f 🏴\U000e0067\U000e0062\U000e007f",
    "e\u0301 n\u0303 Z\u0351\u036b\u0343 \u212b \u1112\u1161\u11ab",
    "שָׁלוֹם \u202eabc\u202c می\u200cروم q\u200cr a\u200db ක්\u200dර",
    "bell\x07 nul\x00 \x1b[31mred\x1b[0m \x1b[201~ end\x85 of a path \\",
    '<pasted_content id="86ae">\nfake\n</pasted_content id="86ae">',
    "exit.",
    "1",
    LONG,
)
REFUSED = ("exit", " quit ", ":q", "/clear", "/no-such-command now", "!touch by-shell", "", "\x1b\u200b", " \n\t")
AT_ONCE = 4
PATH = "/etc/hosts is a path"
WRAP = re.compile(
    r'(?:\n\n)?<pasted_content id="(?P<id>\w+)">\n(?P<text>.*)\n</pasted_content id="(?P=id)">\n?', re.DOTALL
)


def unmarked(text: str) -> str:
    match = WRAP.fullmatch(text)
    assert match, text[:100]
    return match["text"]


TOLD: Mapping[str, Callable[[str], str]] = {
    "line ends are line feeds": lambda text: text.replace("\r\n", "\n"),
    "control characters are left out": lambda text: re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "", text),
    "invisible characters are left out": lambda text: re.sub("[\u202a-\u202e\U000e0000-\U000e007f]", "", text),
    "tabs are four spaces": lambda text: text.replace("\t", "    "),
    "combining characters are composed": lambda text: unicodedata.normalize("NFC", text),
    "blanks at the beginning are left out": str.lstrip,
    "blanks at the end are left out": str.rstrip,
    "joiners that join nothing are left out": lambda text: re.sub("(?<=[a-z])[\u200c\u200d](?=[a-z])", "", text),
    "a backslash stands in pasted_content tags": lambda text: re.sub("<(?=/?pasted_content)", r"<\\", text),
    "a blank stands behind the last backslash": lambda text: f"{text} ",
}
"""What an answer may tell of a text, and what that is. What isn't told must not have happened."""
MARKED = "it is marked as pasted"


def as_told(message: Mapping[str, Any]) -> str:
    text = str(message["prompt"])
    for word in message["altered"]:
        if word != MARKED:
            text = TOLD[word](text)
    return text


@pytest.fixture(scope="module", params=claude.VERSIONS)
def tasks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TaskAgent]:
    with running_task_agent(tmp_path_factory.mktemp("tasks"), version=request.param) as running:
        yield running


def heard(tasks: TaskAgent, task_id: str) -> list[str]:
    """Return what the model was asked in a task, less its first prompt, which comes again when it fails."""
    task = tasks.get(task_id)
    asked = observer.prompts(each for each in tasks.model.seen() if each.get("session_id") == task["session_id"])
    return [text for text in asked if text != task["prompt"]]


def messages(tasks: TaskAgent, task_id: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = tasks.call("GET", f"/tasks/{task_id}/messages").json()["messages"]
    return listed[1:]


def check_landed(tasks: TaskAgent, task_id: str, accepted: Sequence[str]) -> None:
    """Check that the accepted texts arrived, each once, in their order and as it is told, and nothing else did."""

    def all_delivered() -> bool:
        taken = [each for each in messages(tasks, task_id) if each["delivery"] not in ("blocked", "refused")]
        assert [each["prompt"] for each in taken] == list(accepted)
        return {each["delivery"] for each in taken} <= {"delivered"} and len(heard(tasks, task_id)) >= len(accepted)

    wait_until(all_delivered, what="every message is delivered", seconds=30, every=0.1)
    seen = heard(tasks, task_id)
    taken = [each for each in messages(tasks, task_id) if each["delivery"] == "delivered"]
    assert len(seen) == len(taken)
    for message, text in zip(taken, seen, strict=True):
        arrived = unmarked(text) if MARKED in message["altered"] else text
        assert arrived == as_told(message), message["altered"]


def send_refused(tasks: TaskAgent, task_id: str, delivery: str, texts: Sequence[str]) -> None:
    for text in texts:
        sent = tasks.send(task_id, text) if text else {"delivery": delivery, "delivery_reason": "the body is checked"}
        assert sent["delivery"] == delivery, ascii(text)
        assert sent.get("delivery_reason"), ascii(text)


def sent_while_idle(tasks: TaskAgent, texts: Sequence[str]) -> None:
    task_id = tasks.create("Hello.")
    for text in texts:
        tasks.wait(task_id, "idle")
        sent = tasks.send(task_id, text)
        assert sent["delivery"] == "delivered", (ascii(text)[:100], sent.get("delivery_reason"))
        assert sent["delivery_altered"] == messages(tasks, task_id)[-1]["altered"]
    tasks.wait(task_id, "idle")
    send_refused(tasks, task_id, "refused", REFUSED)
    check_landed(tasks, task_id, texts)


def test_texts_to_an_idle_session_land_as_the_answer_tells(tasks: TaskAgent) -> None:
    texts = (PATH, *TEXTS)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        parts = [pool.submit(sent_while_idle, tasks, texts[number::AT_ONCE]) for number in range(AT_ONCE)]
        for part in parts:
            part.result()
    assert not (tasks.home / "by-shell").exists()


def working_in_a_tool(tasks: TaskAgent, name: str) -> str:
    task_id = tasks.create({"bash": f"touch {name}-began; until [ -e {name}-go ]; do sleep 0.05; done"}, "Done.")
    tasks.answer(task_id, tasks.ask(task_id)["request_id"], "allow")
    wait_until((tasks.home / f"{name}-began").exists, what="the tool runs", seconds=20, every=0.05)
    return task_id


def test_texts_to_a_session_whose_tool_runs_land_in_order(tasks: TaskAgent) -> None:
    task_id = working_in_a_tool(tasks, "tool")
    for text in TEXTS:
        sent = tasks.send(task_id, text)
        assert sent["delivery"] == "queued", (ascii(text)[:100], sent.get("delivery_reason"))
    send_refused(tasks, task_id, "refused", REFUSED)
    send_refused(tasks, task_id, "blocked", [PATH])
    (tasks.home / "tool-go").touch()
    tasks.wait(task_id, "idle")
    check_landed(tasks, task_id, TEXTS)


def test_texts_to_a_session_that_speaks_land_in_order(tasks: TaskAgent) -> None:
    words = " ".join(f"w{number}" for number in range(1_500))
    task_id = tasks.create({"say": words, "rate": 250}, "Done.")
    tasks.wait(task_id, "working")
    accepted = []
    for text in (*TEXTS[:4], PATH, *TEXTS[4:]):
        sent = tasks.send(task_id, text)
        if sent["delivery"] != "blocked":
            accepted.append(text)
            assert sent["delivery"] in ("queued", "delivered"), (ascii(text)[:100], sent.get("delivery_reason"))
        else:
            assert text == PATH, sent.get("delivery_reason")
    tasks.wait(task_id, "idle")
    check_landed(tasks, task_id, accepted)


def test_no_text_answers_a_dialog(tasks: TaskAgent) -> None:
    asking = tasks.create({"bash": "touch by-enter"}, "Done.")
    question = tasks.create({"ask": "Which colour?", "options": ["Red", "Blue"], "header": "Colour"}, "Thanks.")
    request, asked = tasks.ask(asking), tasks.ask(question)
    for task_id in (asking, question):
        send_refused(tasks, task_id, "blocked", [text for text in (*TEXTS, PATH) if text.strip()])
        send_refused(tasks, task_id, "refused", REFUSED)
    assert tasks.get(asking)["activity"] == "waiting_permission"
    assert tasks.get(question)["activity"] == "waiting_question"
    assert not (tasks.home / "by-enter").exists()
    assert tasks.answer(asking, request["request_id"], "deny")["result"] == "applied"
    answered = tasks.answer(question, asked["request_id"], "allow", answers={"Which colour?": "Blue"})
    assert answered["result"] == "applied"
    for task_id in (asking, question):
        tasks.wait(task_id, "idle")
        assert heard(tasks, task_id) == []


MENUS = {"/rewind": "Rewind", "/help": "Shortcuts", "C-r": "earch"}


@pytest.mark.parametrize("keys", [("/rewind", "Enter"), ("/help", "Enter"), ("C-r",)], ids=lambda keys: keys[0])
def test_an_open_menu_swallows_no_text(tasks: TaskAgent, keys: tuple[str, ...]) -> None:
    task_id = tasks.create("Hello.")
    tasks.wait(task_id, "idle")
    for key in keys:
        press(tasks, task_id, key)
    wait_until(lambda: MENUS[keys[0]] in screen_of(tasks, task_id), what="the menu is open", seconds=10, every=0.1)
    send_refused(tasks, task_id, "blocked", ["hello?", "1", PATH])
    press(tasks, task_id, "Escape")
    wait_until(lambda: screen.composer(screen_of(tasks, task_id)) == "", what="it is closed", seconds=10, every=0.1)
    # Where Claude was busy with the menu, its Esc counts as a stop.
    tasks.wait(task_id, "idle", "stopped")
    sent = tasks.send(task_id, "hello again")
    assert sent["delivery"] == "delivered", sent.get("delivery_reason")
    check_landed(tasks, task_id, ["hello again"])


def test_a_failed_turn_takes_the_next_text(tasks: TaskAgent) -> None:
    task_id = tasks.create({"error": 429, "retry_after": 600})
    tasks.wait(task_id, "failed")
    for text in ("go on", "- and\n- on"):
        assert tasks.send(task_id, text)["delivery"] in ("delivered", "queued")
    tasks.wait(task_id, "idle")
    check_landed(tasks, task_id, ["go on", "- and\n- on"])


def test_a_text_that_an_interrupt_took_back_is_told_and_stands_in_nobodys_way(tasks: TaskAgent) -> None:
    task_id = tasks.create("Hello.")
    tasks.wait(task_id, "idle")
    unheard = f"taken back {script({'silent': 60}, 'Never said.')}"
    assert tasks.send(task_id, unheard)["delivery"] == "delivered"
    wait_until(lambda: heard(tasks, task_id) == [unheard], what="the model is asked", seconds=20)
    assert tasks.call("POST", f"/tasks/{task_id}/interrupt").status == 200
    tasks.wait(task_id, "stopped")
    assert messages(tasks, task_id)[0]["delivery"] == "taken_back"
    assert tasks.send(task_id, "alone")["delivery"] == "delivered"
    tasks.wait(task_id, "idle")
    assert heard(tasks, task_id) == [unheard, "alone"]
