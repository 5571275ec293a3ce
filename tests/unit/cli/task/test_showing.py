"""What the commands that look at tasks write."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.models import Message, Usage
from tests.rigs.cli import Cli
from tests.unit.cli.task.played import TASK_ID, PlayedAgent, permission, said, task

EVIL = "\x1b]0;owned\x07\x9b2J\rgone"


def test_a_list_shows_the_state_that_says_most(run: Cli, agent: PlayedAgent) -> None:
    agent.tasks["1764075601-00000001"] = task("1764075601-00000001", name="nightly", status="completed")
    agent.tasks["1764075602-00000002"] = task("1764075602-00000002", activity="waiting_permission", pending=1)
    lines = run("task", "list").expect().stdout.splitlines()
    assert lines[0].split() == ["ID", "NAME", "STATUS", "SINCE", "ASKS", "PROMPT", "AGE"]
    assert [line.split()[2] for line in lines[1:]] == ["waiting_permission", "completed", "working"]
    assert run("task", "list", "-o", "name").stdout.splitlines()[1] == "task/1764075601-00000001"


def test_a_list_as_json_is_the_apis_own(run: Cli, agent: PlayedAgent) -> None:
    document = run("task", "list", "-o", "json").expect().json()
    assert list(document) == ["tasks"]
    assert document["tasks"][0]["task_id"] == TASK_ID
    assert document["tasks"][0]["usage"]["output_tokens"] == 0


def test_a_list_can_be_filtered_and_cut(run: Cli, agent: PlayedAgent) -> None:
    for number in range(1, 4):
        agent.tasks[f"{number}-00000000"] = task(f"{number}-00000000", status="killed")
    assert len(run("task", "list", "--status", "killed", "-o", "name").expect().stdout.splitlines()) == 3
    assert len(run("task", "list", "--status", "working", "-o", "name").expect().stdout.splitlines()) == 1
    cut = run("task", "list", "--limit", "2").expect()
    assert len(cut.stdout.splitlines()) == 3
    assert cut.stderr == "these are the newest 2; --limit 0 shows all\n"
    assert "neither a status nor an activity" in run("task", "list", "--status", "happy").expect(2).stderr


def test_status_tells_what_is_known_and_from_what(run: Cli, agent: PlayedAgent) -> None:
    agent.tasks[TASK_ID] = task(
        name="nightly",
        activity="waiting_permission",
        activity_detail="Bash",
        activity_source="sessions_file",
        evidence_age=2.4,
        pending=1,
        usage=Usage(input_tokens=7, output_tokens=3, cache_read_input_tokens=5, cost_usd=0.125),
        recent_output="last line",
    )
    agent.permissions = [permission()]
    shown = run("task", "status", "nightly").expect().stdout
    assert "State:      waits for permission: Bash (3s)\n" in shown
    assert "Known by:   sessions file, 2 s old\n" in shown
    assert "Tokens:     7 in, 3 out, 5 from cache\n" in shown
    assert "Cost:       $0.12\n" in shown
    assert "Bash wants to run:\n    touch x\n" in shown
    assert f"kubecoder task approve {TASK_ID} r1" in shown
    assert shown.endswith("\nlast line\n")


def test_status_as_json_is_the_apis_own(run: Cli) -> None:
    assert run("task", "status", TASK_ID, "-o", "json").expect().json()["session_id"].startswith("11111111-")
    assert run("task", "status", TASK_ID, "-o", "name").expect().stdout == f"task/{TASK_ID}\n"


def test_output_is_shown_from_its_end(run: Cli, agent: PlayedAgent) -> None:
    agent.output = "one\ntwo\nthree"
    assert run("task", "output", TASK_ID, "--tail", "2").expect().stdout == "two\nthree\n"


@pytest.mark.parametrize("command", ["output", "status", "transcript", "list", "messages"])
@pytest.mark.parametrize("format", [None, "json", "yaml"])
def test_nothing_that_claude_says_steers_the_terminal(
    command: str, format: str | None, run: Cli, agent: PlayedAgent
) -> None:
    agent.tasks[TASK_ID] = task(prompt=EVIL, name=EVIL, activity_detail=EVIL, recent_output=EVIL, error=EVIL, pending=1)
    agent.output = EVIL
    agent.entries = [said(EVIL, kind) for kind in ("prompt", "text", "thinking", "result", "system")]
    agent.entries.append(said("", "tool", tool_name=EVIL, tool_input={"command": EVIL}))
    agent.permissions = [permission(tool_input={"command": EVIL}, agent_type=EVIL)]
    agent.messages = [Message(message_id="m1", prompt=EVIL, sent_at=1.0, delivery="refused", reason=EVIL)]
    arguments = () if command == "list" else (TASK_ID,)
    shown = run("task", command, *arguments, *(("-o", format) if format and command != "output" else ())).expect()
    assert {character for character in shown.stdout if not character.isprintable()} <= {"\n", "\t"}
    if format == "json" and command == "status":
        assert shown.json()["prompt"] == EVIL


def test_a_transcript_is_a_conversation(run: Cli, agent: PlayedAgent) -> None:
    agent.entries = [
        said("fix it\nplease", "prompt"),
        said("I look.", "text"),
        said("", "tool", tool_name="Bash", tool_input={"command": "cat  x\ny", "description": "d"}, tool_use_id="t1"),
        said("\n".join(map(str, range(20))), "result", tool_use_id="t1"),
        said("", "thinking"),
        said("in an agent", "text", agent_id="a1"),
    ]
    assert run("task", "transcript", TASK_ID).expect().stdout == (
        "\n❯ fix it\n  please\nI look.\n● Bash cat x y\n  ⎿ 0\n    1\n    2\n    3\n    4\n    … 15 more lines\n"
        "  │ in an agent\n"
    )
    assert "\n    19\n" in run("task", "transcript", TASK_ID, "-o", "wide").expect().stdout
    document = run("task", "transcript", TASK_ID, "-o", "json").expect().json()
    assert (document["task_id"], len(document["entries"])) == (TASK_ID, 6)
    run("task", "transcript", TASK_ID, "-o", "name").expect(2)


def test_messages_say_what_became_of_them(run: Cli, agent: PlayedAgent) -> None:
    agent.messages = [
        Message(message_id="m1", prompt="go on", sent_at=1.0, delivery="delivered", altered=("tabs became spaces",)),
        Message(message_id="m2", prompt="x" * 100, sent_at=1.0, delivery="blocked", reason="a dialog is open"),
    ]
    lines = run("task", "messages", TASK_ID).expect().stdout.splitlines()
    assert "tabs became spaces" in lines[1]
    assert "a dialog is open" in lines[2]
    assert run("task", "messages", TASK_ID, "-o", "json").expect().json()["messages"][1]["delivery"] == "blocked"


def test_json_of_what_is_not_printable_is_still_that_text() -> None:
    from kubecoder.output import json_text

    text = "a\x1b\x9b\u202e\ud800\U000e0001é🎉\n"
    assert json.loads(json_text({"text": text})) == {"text": text}
    assert all(character.isprintable() or character == "\n" for character in json_text(text))


def facts_of(shown: str) -> dict[str, Any]:
    return dict(line.split(":", 1) for line in shown.splitlines() if ":" in line)


def test_an_ended_task_says_how(run: Cli, agent: PlayedAgent) -> None:
    agent.tasks[TASK_ID] = task(status="error", error="tmux is gone", exit_code=1, finished_at=1764075660.0)
    facts = facts_of(run("task", "status", TASK_ID).expect().stdout)
    assert facts["State"].strip().startswith("ended with an error")
    assert facts["Error"].strip() == "tmux is gone"
    assert facts["Exit code"].strip() == "1"


def test_a_queued_task_says_its_place(run: Cli, agent: PlayedAgent) -> None:
    agent.tasks[TASK_ID] = task(status="queued", queue_position=2)
    assert "waits for room among the running tasks (number 2 in the queue)" in run("task", "status", TASK_ID).stdout
