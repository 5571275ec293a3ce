"""Commands that act on tasks: what they send, what they say, and how they exit."""

from __future__ import annotations

from typing import Any

import pytest

from agent.models import AnswerResult
from tests.rigs.cli import Cli
from tests.unit.cli.task.played import TASK_ID, PlayedAgent, permission, task

QUESTIONS = {
    "questions": [
        {"question": "Which colour?", "options": [{"label": "Red"}, {"label": "Blue", "description": "as the sky"}]},
        {"question": "Which parts?", "multiSelect": True, "options": [{"label": "A"}, {"label": "B"}, {"label": "C"}]},
    ]
}
POSTED = f"POST tasks/{TASK_ID}"


def test_a_task_is_launched_and_its_id_printed(run: Cli, agent: PlayedAgent) -> None:
    done = run("task", "run", "say hello", "--name", "greeting", "--model", "sonnet", "--timeout", "1h").expect()
    assert done.stdout == "1764075601-00000001\n"
    assert agent.sent == [
        ("POST tasks", {"prompt": "say hello", "name": "greeting", "model": "sonnet", "timeout_seconds": 3600})
    ]


def test_every_option_reaches_the_agent(run: Cli, agent: PlayedAgent) -> None:
    options = ("--workdir", "app", "--permission-mode", "plan", "--webhook", "https://x/", "--idle-timeout", "0")
    document = run("task", "run", "/compact", *options, "--allow-commands", "-o", "json").expect().json()
    assert document["task_id"] == "1764075601-00000001"
    assert agent.sent[0][1] == {
        "prompt": "/compact",
        "workdir": "app",
        "permission_mode": "plan",
        "webhook": "https://x/",
        "idle_timeout_seconds": 0,
        "allow_commands": True,
    }
    assert run("task", "run", "x", "-o", "name").expect().stdout == "task/1764075602-00000002\n"


def test_a_prompt_comes_from_a_file_or_stdin_exactly(run: Cli, agent: PlayedAgent) -> None:
    file = run.directory / "prompt.md"
    file.write_text("-- a\r\n\tb 'c' \"d\" $e `f` \n\n", newline="")
    run("task", "run", "--file", str(file)).expect()
    run.run("task", "run", "-", stdin="from stdin\n").expect()
    run.run("task", "run", "--file", "-", stdin="again\n").expect()
    prompts = [body["prompt"] for _, body in agent.sent]
    assert prompts == ["-- a\r\n\tb 'c' \"d\" $e `f` \n\n", "from stdin\n", "again\n"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "there is no prompt"),
        (("",), "the prompt is blank"),
        (("x", "--file", "y"), "exclude each other"),
        (("--file", "/nowhere"), "/nowhere can't be read: No such file or directory"),
        (("--file", "/proc/self/exe"), "isn't text in UTF-8"),
        (("x", "--model", "a b"), "--model: "),
        (("x", "--timeout", "900d"), "--timeout: "),
        (("x", "--permission-mode", "yolo"), "--permission-mode: "),
        (("x", "--follow", "--wait"), "--follow shows one task as text"),
        (("x", "--follow", "-o", "json"), "--follow shows one task as text"),
        (("x", "--all", "-u", "john"), "-u and --all exclude each other"),
    ],
)
def test_what_cannot_be_launched_is_said_before_anything_is_sent(
    arguments: tuple[str, ...], said: str, run: Cli, agent: PlayedAgent
) -> None:
    assert said in run("task", "run", *arguments).expect(2).stderr
    assert agent.sent == []


def test_the_agents_refusal_has_exit_code_6_and_its_hint(run: Cli, agent: PlayedAgent) -> None:
    agent.refusal = (409, "not_signed_in", "Claude has neither key nor login")
    done = run("task", "run", "x").expect(6)
    assert "error: 127.0.0.1" in done.stderr
    assert "Claude has neither key nor login" in done.stderr


def test_a_text_is_sent_and_its_delivery_said(run: Cli, agent: PlayedAgent) -> None:
    assert run("task", "send", TASK_ID, "go on").expect().stdout == "delivered\n"
    assert agent.sent == [(f"{POSTED}/message", {"prompt": "go on", "allow_commands": False})]
    agent.delivered = {"message_id": "m2", "delivery": "queued"}
    assert run("task", "send", TASK_ID, "go on").expect().stdout.startswith("queued: ")
    assert run("task", "send", TASK_ID, "go on", "-o", "json").expect().json()["message_id"] == "m2"
    assert run("task", "send", TASK_ID, "go on", "-o", "name").expect().stdout == "message/m2\n"
    agent.delivered = {"message_id": "m3", "delivery": "delivered", "delivery_altered": ["tabs are four spaces"]}
    assert run("task", "send", TASK_ID, "go\ton").expect().stdout == "delivered (tabs are four spaces)\n"


@pytest.mark.parametrize("delivery", ["blocked", "refused", "unknown", "taken_back"])
def test_a_text_that_did_not_arrive_is_exit_1_with_the_reason(delivery: str, run: Cli, agent: PlayedAgent) -> None:
    agent.delivered = {"message_id": "m1", "delivery": delivery, "delivery_reason": "because"}
    done = run("task", "send", TASK_ID, "go on").expect(1)
    assert done.stdout == ""
    assert done.stderr.startswith("warning: ")
    assert "(because)" in done.stderr


def test_a_send_without_an_answer_names_where_to_look(run: Cli, agent: PlayedAgent) -> None:
    def cut(*_: Any) -> None:
        raise OSError

    agent._act = cut  # type: ignore[method-assign,assignment]
    done = run("task", "send", TASK_ID, "go on").expect(6)
    assert f"kubecoder task messages {TASK_ID} shows whether it arrived" in done.stderr


def test_interrupt_and_resume(run: Cli, agent: PlayedAgent) -> None:
    assert "stopped by a person" in run("task", "interrupt", TASK_ID).expect().stdout
    agent.tasks[TASK_ID] = task(status="interrupted")
    assert run("task", "resume", TASK_ID, "go on", "-o", "json").expect().json()["activity"] == "starting"
    assert run("task", "resume", TASK_ID, "-o", "name").expect().stdout == f"task/{TASK_ID}\n"
    assert [body for _, body in agent.sent[1:]] == [
        {"prompt": "go on", "allow_commands": False},
        {"allow_commands": False},
    ]


def test_several_tasks_are_killed_without_a_question(run: Cli, agent: PlayedAgent) -> None:
    agent.tasks["1764075601-00000001"] = task("1764075601-00000001", name="other")
    done = run("task", "kill", TASK_ID, "nobody", "other", "other").expect(1)
    assert [line.split() for line in done.stdout.splitlines()[1:]] == [
        [TASK_ID, "killed"],
        ["1764075601-00000001", "killed"],
    ]
    assert "no task 'nobody'" in done.stderr
    assert [what for what, _ in agent.sent] == [f"DELETE tasks/{TASK_ID}", "DELETE tasks/1764075601-00000001"]


def test_one_task_that_cannot_be_killed_has_its_own_exit_code(run: Cli) -> None:
    assert run("task", "kill", TASK_ID, "-o", "json").expect().json()["status"] == "killed"
    assert run("task", "kill", "nobody").expect(4).stdout == ""


def test_a_named_request_is_approved_and_who_did_it_is_said(run: Cli, agent: PlayedAgent) -> None:
    agent.permissions = [permission("r1"), permission("r2")]
    done = run("task", "approve", TASK_ID, "r2", "--session").expect()
    assert done.stdout == "Bash touch x: allowed by admin\n"
    assert agent.sent == [(f"{POSTED}/permissions/r2", {"decision": "allow", "remember": "session"})]


def test_a_request_is_denied_with_a_reason(run: Cli, agent: PlayedAgent) -> None:
    agent.permissions = [permission()]
    assert run("task", "deny", TASK_ID, "--reason", "no").expect().stdout == "Bash touch x: denied by admin\n"
    assert agent.sent[0][1] == {"decision": "deny", "reason": "no"}


def test_without_a_terminal_an_approval_names_its_request(run: Cli, agent: PlayedAgent) -> None:
    agent.permissions = [permission()]
    done = run("task", "approve", TASK_ID).expect(2)
    assert f"kubecoder task approve {TASK_ID} r1" in done.stderr
    assert agent.sent == []
    run("task", "approve", TASK_ID, "--yes").expect()


def test_requests_that_are_not_there_or_not_clear(run: Cli, agent: PlayedAgent) -> None:
    assert "asks nothing now" in run("task", "deny", TASK_ID).expect(4).stderr
    agent.permissions = [permission("r1"), permission("r2", tool_input={"command": "rm -r y"})]
    assert "r1 (Bash touch x), r2 (Bash rm -r y)" in run("task", "deny", TASK_ID).expect(2).stderr
    assert "never asked r3" in run("task", "deny", TASK_ID, "r3").expect(4).stderr
    assert "isn't a question" in run("task", "approve", TASK_ID, "r1", "--answer", "x").expect(2).stderr


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (AnswerResult.ALREADY_ANSWERED, "somebody was faster: denied by jane"),
        (AnswerResult.EXPIRED, "the request is gone"),
        (AnswerResult.UNCONFIRMED, "nothing shows yet that it took effect"),
    ],
)
def test_an_answer_without_effect_is_exit_1(result: AnswerResult, said: str, run: Cli, agent: PlayedAgent) -> None:
    agent.permissions = [permission(state="answered", decision="deny", answered_by="jane", via="session")]
    agent.result = result
    done = run("task", "approve", TASK_ID, "r1").expect(1)
    assert said in done.stderr
    assert done.stdout == ""
    assert run("task", "approve", TASK_ID, "r1", "-o", "json").expect(1).json()["result"] == result.value
    assert run("task", "approve", TASK_ID, "r1", "-o", "name").expect(1).stdout == "permission/r1\n"


def test_a_question_is_answered_by_numbers_labels_or_words(run: Cli, agent: PlayedAgent) -> None:
    def ask() -> None:
        agent.permissions = [permission(kind="question", tool_name="AskUserQuestion", tool_input=QUESTIONS)]

    for given in (("2", "1, 3"), ("Which parts?=1,3", "Blue"), ("Which colour?=2", "A, C")):
        ask()
        run("task", "approve", TASK_ID, "r1", *(word for text in given for word in ("--answer", text))).expect()
    answers = [body["answers"] for _, body in agent.sent]
    assert answers == [{"Which colour?": "Blue", "Which parts?": "A, C"}] * 3


@pytest.mark.parametrize("given", [(), ("2",), ("3", "1"), ("1, 2", "1"), ("2", "1", "1"), ("2", "")])
def test_answers_that_do_not_fit_are_not_sent(given: tuple[str, ...], run: Cli, agent: PlayedAgent) -> None:
    agent.permissions = [permission(kind="question", tool_name="AskUserQuestion", tool_input=QUESTIONS)]
    run("task", "approve", TASK_ID, "r1", *(word for text in given for word in ("--answer", text))).expect(2)
    assert agent.sent == []


def test_a_question_without_an_answer_shows_itself(run: Cli, agent: PlayedAgent) -> None:
    agent.permissions = [permission(kind="question", tool_name="AskUserQuestion", tool_input=QUESTIONS)]
    shown = run("task", "approve", TASK_ID, "r1").expect(2).stderr
    assert "Which colour?\n" in shown
    assert "  2. Blue: as the sky\n" in shown
    assert "Which parts? (several may be chosen)\n" in shown


def test_attach_by_address_says_what_is_needed(run: Cli) -> None:
    done = run("task", "attach", TASK_ID).expect(6)
    assert "has no terminals" in done.stderr
    assert "/oauth/" in done.stderr
