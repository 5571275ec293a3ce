"""Answers land while the real dialog is on the screen: each counts once, by whoever is first, and the log says who."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from agent.claude import screen
from tests.agent.conftest import ORIGIN, door_headers
from tests.agent.tasks import TaskAgent, running_task_agent, script
from tests.agent.terminals import press, screen_of
from tests.rigs import claude
from tests.rigs.waiting import wait_until

OFFSET_SECONDS = 0.15
KEYS = {"Enter": "allow", "No": "deny", "Escape": "deny"}
"""What a key does to the dialog as it opens; `No` stands for that option's number."""
NO_PATTERN = re.compile(r"^\W*(\d)\. No\b", re.MULTILINE)
AT_ONCE = 3
Request = dict[str, Any]


@pytest.fixture(scope="module", params=claude.VERSIONS)
def tasks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TaskAgent]:
    with running_task_agent(tmp_path_factory.mktemp("tasks"), version=request.param) as running:
        yield running


def dialog(tasks: TaskAgent, task_id: str, command: str) -> Request:
    """Wait until the dialog about a command is on the screen, and return its request."""

    def request() -> Request:
        pending = tasks.get(task_id).get("pending_permission") or {}
        return pending if pending.get("tool_input", {}).get("command") == command else {}

    found = wait_until(request, what=f"{task_id} asks for {command}", seconds=60, every=0.02)
    wait_until(
        lambda: "❯ 1. Yes" in screen.unstyled(screen_of(tasks, task_id)), what="the dialog", seconds=20, every=0.02
    )
    return found


def answer(tasks: TaskAgent, task_id: str, request_id: str, decision: str, via: str) -> dict[str, Any]:
    """Answer with the admin's token, or as somebody who is signed in."""
    if via == "token":
        return tasks.answer(task_id, request_id, decision)
    headers = [*door_headers(), ("Origin", ORIGIN)]
    path = f"/oauth/api/claude/tasks/{task_id}/permissions/{request_id}"
    answered = tasks.agent.session("POST", path, headers, json_body={"decision": decision})
    assert answered.status == 200, answered.text
    found: dict[str, Any] = answered.json()
    return found


WHO = {"token": "admin", "session": "alice", "terminal": "terminal"}


def audited(tasks: TaskAgent, task_id: str, request_id: str) -> list[dict[str, Any]]:
    """Return what the audit log has about a request, oldest first."""
    entries = tasks.call("GET", f"/audit?limit=1000&task_id={task_id}").json()["entries"]
    return [each for each in reversed(entries) if each["detail"].get("request") == request_id]


def answered_all(tasks: TaskAgent, name: str, decisions: list[str]) -> None:
    """Answer the requests of one task as they come, and check each by what the tool did and what the log has."""
    commands = [f"touch {name}-{number}" for number in range(len(decisions))]
    task_id = tasks.create(*({"bash": command} for command in commands), "Done.")
    for number, (command, decision) in enumerate(zip(commands, decisions, strict=True)):
        request, via = dialog(tasks, task_id, command), ("token", "session")[number % 2]
        before = time.time()
        answered = answer(tasks, task_id, request["request_id"], decision, via)
        after = time.time()
        assert answered["result"] == "applied", (command, answered)
        permission = answered["permission"]
        assert (permission["decision"], permission["answered_by"], permission["via"]) == (decision, WHO[via], via)
        (entry,) = audited(tasks, task_id, request["request_id"])
        assert (entry["action"], entry["who"], entry["via"]) == (f"permission.{decision}", WHO[via], via)
        assert (entry["detail"]["tool"], entry["detail"]["asked"]) == ("Bash", command)
        assert before <= entry["at"] <= after
    tasks.wait(task_id, "idle")
    for number, decision in enumerate(decisions):
        assert (tasks.home / f"{name}-{number}").exists() is (decision == "allow"), number


def answered_in_several_tasks(tasks: TaskAgent, each: int, chance: random.Random) -> None:
    decisions = ["allow", "deny"] * each
    chance.shuffle(decisions)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        parts = [pool.submit(answered_all, tasks, f"part{n}", decisions[n::AT_ONCE]) for n in range(AT_ONCE)]
        for part in parts:
            part.result()


def test_ten_approvals_and_ten_denials_take_effect(tasks: TaskAgent) -> None:
    answered_in_several_tasks(tasks, 10, random.Random(35))


@pytest.mark.soak
def test_a_hundred_approvals_and_a_hundred_denials_take_effect(tasks: TaskAgent) -> None:
    answered_in_several_tasks(tasks, 100, random.Random(100))


@dataclass(frozen=True)
class Race:
    """One dialog, a key pressed and an answer sent at nearly the same moment.

    Attributes:
        offset: How much later than the key the answer is sent, in seconds.
    """

    command: str
    key: str
    decision: str
    offset: float
    via: str


def races(name: str, count: int, chance: random.Random) -> list[Race]:
    kinds = [("Enter", "deny"), ("No", "allow"), ("Enter", "allow"), ("No", "deny"), ("Escape", "allow")]
    return [
        Race(
            f"touch {name}-{number}",
            *kinds[number % len(kinds)],
            chance.uniform(-OFFSET_SECONDS, OFFSET_SECONDS),
            chance.choice(("token", "session")),
        )
        for number in range(count)
    ]


def run_races(tasks: TaskAgent, course: list[Race]) -> Counter[str]:
    """Run races one after another in one task, each in a turn of its own; return who won how often."""
    task_id = tasks.create("Ready.")
    won: Counter[str] = Counter()
    for race in course:
        tasks.wait(task_id, "idle", "stopped")
        sent = tasks.send(task_id, script({"bash": race.command}, "Done."))
        assert sent["delivery"] == "delivered", sent.get("delivery_reason")
        won[run(tasks, task_id, race)] += 1
    return won


def run(tasks: TaskAgent, task_id: str, race: Race) -> str:
    request_id = dialog(tasks, task_id, race.command)["request_id"]
    key, started = race.key, time.time()
    if key == "No":
        key = NO_PATTERN.findall(screen.unstyled(screen_of(tasks, task_id)))[-1]

    def press_key() -> None:
        time.sleep(max(0.0, -race.offset))
        press(tasks, task_id, key)

    human = threading.Thread(target=press_key)
    human.start()
    time.sleep(max(0.0, race.offset))
    answered = answer(tasks, task_id, request_id, race.decision, race.via)
    human.join()
    activity = tasks.wait(task_id, "idle", "stopped")["activity"]
    ran = (tasks.home / race.command.removeprefix("touch ")).exists()

    assert answered["result"] in ("applied", "already_answered"), (race, answered)
    is_applied = answered["result"] == "applied"
    winner, decision = (race.via, race.decision) if is_applied else ("terminal", KEYS[race.key])
    # A late Esc interrupts the tool that was allowed, perhaps before it did anything; then no line tells of the answer.
    if not (is_applied and race.key == "Escape" and activity == "stopped"):
        assert has_hook_decision(tasks, task_id, race.command) is is_applied, (race, answered)
        assert ran is (decision == "allow"), (race, answered)
    check_told(tasks, task_id, request_id, (winner, decision))
    check_audited(tasks, task_id, request_id, race, winner, since=started)
    return winner


def has_hook_decision(tasks: TaskAgent, task_id: str, command: str) -> bool:
    """Tell by Claude's own transcript whether the answer of the hook counted."""
    (file,) = tasks.home.glob(f".claude/projects/*/{tasks.get(task_id)['session_id']}.jsonl")

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in file.read_text().split("\n")[:-1]]

    def blocks(kind: str) -> list[dict[str, Any]]:
        contents = [line["message"]["content"] for line in lines() if line["type"] in ("assistant", "user")]
        return [each for content in contents if isinstance(content, list) for each in content if each["type"] == kind]

    (tool_use_id,) = {each["id"] for each in blocks("tool_use") if each["input"].get("command") == command}
    # The decision stands before the result.
    wait_until(
        lambda: tool_use_id in [each["tool_use_id"] for each in blocks("tool_result")],
        what="the result is in the transcript",
        seconds=20,
        every=0.05,
    )
    decided = [line["attachment"] for line in lines() if line["type"] == "attachment"]
    return any(each["type"] == "hook_permission_decision" and each["toolUseID"] == tool_use_id for each in decided)


def check_told(tasks: TaskAgent, task_id: str, request_id: str, expected: tuple[str, str]) -> None:
    """Check that everybody is told the same afterwards."""
    listed = tasks.call("GET", f"/tasks/{task_id}/permissions").json()["permissions"]
    (permission,) = [each for each in listed if each["request_id"] == request_id]
    assert permission["state"] == "answered"
    assert (permission["via"], permission["decision"]) == expected
    assert permission["answered_by"] == WHO[expected[0]]


def check_audited(tasks: TaskAgent, task_id: str, request_id: str, race: Race, winner: str, *, since: float) -> None:
    """Check that the log has the winner once, and of a loser that their answer didn't count."""

    def results() -> list[tuple[str, str, str, str]]:
        entries = audited(tasks, task_id, request_id)
        assert all(since <= each["at"] <= time.time() for each in entries)
        return [(each["via"], each["who"], each["action"], each["detail"]["result"]) for each in entries]

    given = (race.via, WHO[race.via], f"permission.{race.decision}", "given")
    late = (*given[:3], "already_answered")
    pressed = ("terminal", "terminal", f"permission.{KEYS[race.key]}", "applied")
    if winner == "terminal":
        wait_until(lambda: pressed in results(), what="the key is in the log", seconds=10, every=0.05)
        assert Counter(each for each in results() if each != given) == Counter((late, pressed))
    else:
        assert results() == [given]


def raced(tasks: TaskAgent, count: int, seed: int) -> None:
    chance = random.Random(seed)
    courses = [races(f"race{seed}-{number}", count // AT_ONCE, chance) for number in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        won = sum(pool.map(lambda course: run_races(tasks, course), courses), Counter())
    print(f"{count} races: {dict(won)}")
    assert won.total() == count


def test_of_a_key_and_an_answer_at_the_same_moment_exactly_one_counts(tasks: TaskAgent) -> None:
    raced(tasks, 15, 15)


@pytest.mark.soak
def test_of_a_key_and_an_answer_at_the_same_moment_exactly_one_counts_a_hundred_times(tasks: TaskAgent) -> None:
    raced(tasks, 99, 99)
