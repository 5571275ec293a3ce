"""Following a task: everything once, in order, whatever happens to the connection; questions only on a terminal."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.models import AnswerResult
from tests.rigs.cli import Cli
from tests.rigs.terminal import Terminal
from tests.unit.cli.task.played import TASK_ID, PlayedAgent, permission, said, task
from tests.unit.cli.task.test_acting import QUESTIONS


def test_follow_tells_what_happens_until_the_session_ends(run: Cli, agent: PlayedAgent) -> None:
    agent.entries = [said("earlier", "prompt")]

    def go_on() -> None:
        agent.say(said("I write.", "text"))
        agent.become(activity="working", activity_detail="Bash")
        agent.ask(permission())
        agent.become(activity="waiting_permission", activity_detail="Bash", pending=1)
        agent.decide("r1", decision="allow", answered_by="jane", via="session")
        agent.publish("message", message={"message_id": "m1", "prompt": "x", "sent_at": 1, "delivery": "queued"})
        agent.become(activity="idle")
        agent.become(status="completed")

    agent.after_looks(2, go_on)
    assert run("task", "follow", TASK_ID).expect().stdout == (
        "\n❯ earlier\n— working\nI write.\n"
        f"Bash wants to run:\n    touch x\n  kubecoder task approve {TASK_ID} r1   (or deny)\n"
        "— waits for permission: Bash\n"
        "— Bash touch x: allowed by jane\n"
        "— message m1 queued\n"
        "— idle: the prompt is done\n— completed\n"
    )


def test_follow_until_done_has_the_exit_code_of_wait(run: Cli, agent: PlayedAgent) -> None:
    agent.after_looks(2, lambda: agent.become(activity="failed", activity_detail="rate limit"))
    done = run("task", "follow", TASK_ID, "--until-done").expect(1)
    assert done.stdout == "— working\n— failed; the session lives: rate limit\n"
    agent.tasks[TASK_ID] = task()
    run("task", "follow", TASK_ID, "--until-done", "--timeout", "50ms").expect(7)


def test_run_follows_what_it_launched_to_its_end(run: Cli, agent: PlayedAgent) -> None:
    made = "1764075601-00000001"
    agent.entries = [said(f"piece {number}", "text") for number in range(20)]
    agent.after_looks(2, lambda: agent.become(made, activity="idle"))
    done = run("task", "run", "x", "--follow").expect()
    assert done.stdout.splitlines()[:20] == [f"piece {number}" for number in range(20)]
    assert done.stderr == f"task {made}\n"


def test_a_long_conversation_is_not_told_from_its_beginning(run: Cli, agent: PlayedAgent) -> None:
    agent.tasks[TASK_ID] = task(status="completed")
    agent.entries = [said(f"piece {number}", "text") for number in range(25)]
    shown = run("task", "follow", TASK_ID).expect().stdout.splitlines()
    assert shown[0] == f"… 15 earlier pieces: kubecoder task transcript {TASK_ID}"
    assert shown[1:11] == [f"piece {number}" for number in range(15, 25)]


def test_what_a_gap_has_hidden_is_told_once(run: Cli, agent: PlayedAgent) -> None:
    def go_on() -> None:
        agent.say(said("one", "text"))
        agent.entries.append(said("two", "text"))
        twice = said("same", "text", at=5.0)
        agent.entries += [twice, twice]
        agent.permissions = [permission()]
        agent.after_looks(2, go_further)
        agent.publish("gap")

    def go_further() -> None:
        agent.publish("transcript", entry=agent.entries[-1].model_dump())
        agent.permissions = [permission(state="answered", decision="deny", via="terminal", reason="no")]
        agent.after_looks(2, lambda: agent.become(status="completed"))
        agent.publish("gap")

    agent.after_looks(2, go_on)
    lines = run("task", "follow", TASK_ID).expect().stdout.splitlines()
    assert [line for line in lines if line in ("one", "two", "same")] == ["one", "two", "same", "same"]
    assert lines.count("Bash wants to run:") == 1
    assert lines[-2] == "— Bash touch x: denied in the terminal: no"


def test_a_dialog_that_blocks_is_shown_without_its_rules(run: Cli, agent: PlayedAgent) -> None:
    screen = "\n".join(["banner", *("old" for _ in range(20)), "╌" * 80, "", "Do you like it?", "❯ 1. Yes", "  2. No"])
    agent.after_looks(2, lambda: agent.become(activity="blocked", activity_detail=screen))
    lines = run("task", "follow", TASK_ID, "--until-done").expect(1).stdout.splitlines()
    assert lines[1] == "— blocked by a dialog that only the terminal can answer:"
    assert lines[-3:] == ["    Do you like it?", "    ❯ 1. Yes", "      2. No"]
    assert len(lines) == 17


def test_as_json_the_apis_own_events_come_line_by_line(run: Cli, agent: PlayedAgent) -> None:
    def go_on() -> None:
        agent.say(said("\x9b2J", "text"))
        agent.become(status="killed")

    agent.after_looks(1, go_on)
    lines = run("task", "follow", TASK_ID, "-o", "json").expect().stdout.splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["gap", "transcript", "task"]
    assert all(line.isprintable() for line in lines)
    run("task", "follow", TASK_ID, "-o", "yaml").expect(2)


def test_a_lost_connection_is_told_and_mended(run: Cli, agent: PlayedAgent) -> None:
    def go_on() -> None:
        agent.on_listen = lambda _: agent.become(status="completed")
        agent.cut()

    agent.after_looks(2, go_on)
    done = run("task", "follow", TASK_ID).expect()
    assert "the agent ended the stream; trying to get back" in done.stderr
    assert "back again" in done.stderr


@pytest.fixture
def on_terminal(run: Cli) -> Iterator[Callable[..., Terminal]]:
    """Run `kubecoder` on terminals; they are gone after the test."""
    terminals: list[Terminal] = []

    def start(*argv: str) -> Terminal:
        terminals.append(Terminal(run, *argv))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.kill()


def test_on_a_terminal_a_permission_is_asked_and_answered(
    agent: PlayedAgent, on_terminal: Callable[..., Terminal]
) -> None:
    terminal = on_terminal("task", "follow", TASK_ID, "--until-done")
    terminal.wait_for("— working")
    agent.ask(permission(tool_input={"command": "touch x", "description": "Make x"}))
    terminal.wait_for("Bash wants to run:\r\n    # Make x\r\n    touch x\r\n")
    terminal.wait_for("s: yes for this session, l: leave it] ")
    terminal.type("perhaps\n")
    terminal.wait_for("Allow? [")
    assert agent.sent == []
    terminal.type("y\n")
    terminal.wait_for("— Bash touch x: allowed by admin")
    agent.become(activity="idle")
    terminal.wait_for("— idle")
    assert terminal.close() == 0
    assert agent.sent == [(f"POST tasks/{TASK_ID}/permissions/r1", {"decision": "allow"})]


def test_what_was_typed_before_the_question_does_not_answer_it(
    agent: PlayedAgent, on_terminal: Callable[..., Terminal]
) -> None:
    terminal = on_terminal("task", "follow", TASK_ID)
    terminal.wait_for("— working")
    terminal.type("y\n")
    terminal.wait_for("y\r\n")
    agent.ask(permission())
    terminal.wait_for("l: leave it] ")
    agent.say(said("meanwhile", "text"))
    terminal.wait_for("meanwhile\r\nAllow? [")
    assert agent.sent == []
    terminal.type("n use y\n")
    terminal.wait_for("denied by admin")
    assert agent.sent[0][1] == {"decision": "deny", "reason": "use y"}


def test_an_answer_from_elsewhere_ends_the_question(agent: PlayedAgent, on_terminal: Callable[..., Terminal]) -> None:
    terminal = on_terminal("task", "follow", TASK_ID)
    terminal.wait_for("— working")
    agent.ask(permission("r1"))
    agent.ask(permission("r2", tool_input={"command": "touch y"}))
    terminal.wait_for("Allow? [")
    agent.decide("r1", decision="allow", answered_by="jane", via="session")
    terminal.wait_for("— Bash touch x: allowed by jane")
    terminal.wait_for("    touch y\r\n")
    terminal.wait_for("Allow? [")
    agent.result = AnswerResult.ALREADY_ANSWERED
    agent.permissions[1] = permission("r2", state="answered", decision="deny", via="terminal")
    terminal.type("s\n")
    terminal.wait_for("somebody was faster: denied in the terminal")
    assert [body for _, body in agent.sent] == [{"decision": "allow", "remember": "session"}]


def test_a_long_request_is_cut_and_shown_whole_when_asked(
    agent: PlayedAgent, on_terminal: Callable[..., Terminal]
) -> None:
    agent.permissions = [permission(tool_input={"command": "\n".join(f"line {number}" for number in range(60))})]
    terminal = on_terminal("task", "follow", TASK_ID)
    terminal.wait_for("… 20 more lines")
    terminal.wait_for("v: view all")
    terminal.type("v\n")
    terminal.wait_for("line 59")
    terminal.wait_for("Allow? [")
    terminal.type("l\n")
    terminal.wait_for(f"left open: kubecoder task approve {TASK_ID} r1")
    agent.become(status="killed")
    assert terminal.close() == 0
    assert agent.sent == []


def test_questions_are_asked_one_after_the_other(agent: PlayedAgent, on_terminal: Callable[..., Terminal]) -> None:
    agent.permissions = [permission(kind="question", tool_name="AskUserQuestion", tool_input=QUESTIONS)]
    terminal = on_terminal("task", "follow", TASK_ID)
    terminal.wait_for("Which colour? [a number")
    terminal.type("9\n")
    terminal.wait_for("Which colour? [a number")
    terminal.type("2\n")
    terminal.wait_for("Which parts? [a number")
    terminal.type("1,3\n")
    terminal.wait_for("allowed by admin")
    assert agent.sent[0][1]["answers"] == {"Which colour?": "Blue", "Which parts?": "A, C"}


def test_a_question_can_be_declined_and_a_plan_agreed_to(
    agent: PlayedAgent, on_terminal: Callable[..., Terminal]
) -> None:
    agent.permissions = [permission(kind="question", tool_name="AskUserQuestion", tool_input=QUESTIONS)]
    terminal = on_terminal("task", "follow", TASK_ID)
    terminal.wait_for("Which colour? [a number")
    terminal.type("d\n")
    terminal.wait_for("denied by admin")
    agent.ask(permission("r2", kind="plan", tool_name="ExitPlanMode", tool_input={"plan": "1. dig"}))
    terminal.wait_for("    1. dig\r\n")
    terminal.wait_for("Allow? [y: yes, n: no, n REASON, l: leave it] ")
    terminal.type("y\n")
    terminal.wait_for("a plan: allowed by admin")


def test_the_end_of_the_input_decides_nothing(agent: PlayedAgent, on_terminal: Callable[..., Terminal]) -> None:
    agent.permissions = [permission()]
    terminal = on_terminal("task", "follow", TASK_ID)
    terminal.wait_for("Allow? [")
    terminal.type("\x04")
    terminal.wait_for("left open")
    agent.ask(permission("r2"))
    terminal.wait_for(f"kubecoder task approve {TASK_ID} r2")
    agent.become(status="completed")
    assert terminal.close() == 0


def test_an_answer_that_fails_is_told_and_asked_again(agent: PlayedAgent, on_terminal: Callable[..., Terminal]) -> None:
    agent.permissions = [permission()]
    terminal = on_terminal("task", "follow", TASK_ID)
    terminal.wait_for("Allow? [")
    agent.refusal = (503, "unavailable", "the home is gone")
    terminal.type("y\n")
    terminal.wait_for("the home is gone")
    terminal.wait_for("Allow? [")


def test_ctrl_c_leaves_the_task_and_says_how_to_come_back(
    agent: PlayedAgent, on_terminal: Callable[..., Terminal]
) -> None:
    agent.permissions = [permission()]
    terminal = on_terminal("task", "follow", TASK_ID)
    terminal.wait_for("Allow? [")
    terminal.type("\x03")
    terminal.wait_for(f"the task goes on: kubecoder task follow {TASK_ID}")
    assert terminal.close() == 130


def test_only_watching_asks_nothing(agent: PlayedAgent, on_terminal: Callable[..., Terminal]) -> None:
    agent.permissions = [permission()]
    terminal = on_terminal("task", "follow", TASK_ID, "--no-ask")
    terminal.wait_for(f"kubecoder task approve {TASK_ID} r1   (or deny)")
    agent.become(status="completed")
    terminal.wait_for("— completed")
    assert terminal.close() == 0
    assert b"Allow?" not in terminal.shown


def test_approving_the_only_request_on_a_terminal_shows_it_first(
    agent: PlayedAgent, on_terminal: Callable[..., Terminal]
) -> None:
    agent.permissions = [permission()]
    terminal = on_terminal("task", "approve", TASK_ID)
    terminal.wait_for("    touch x\r\nAllow? [y/N]: ")
    terminal.type("n\n")
    assert terminal.close() == 1
    assert agent.sent == []


def test_attach_here_becomes_tmux(agent: PlayedAgent, run: Cli, tmp_path: Path) -> None:
    from tests.unit.cli.task.played import TOKEN

    program = tmp_path / "bin" / "tmux"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "TMUX=$TMUX $*"\n')
    program.chmod(0o755)
    data = tmp_path / "data" / "kubecoder" / "local"
    data.mkdir(parents=True)
    (tmp_path / "token").write_text(TOKEN)
    facts = {
        "url": run.environment["KUBECODER_URL"],
        "token_file": str(tmp_path / "token"),
        "tmux_socket": "/run/here/tasks",
    }
    (data / "workspace.json").write_text(json.dumps(facts))
    path = {"PATH": f"{program.parent}:{os.environ['PATH']}", "XDG_DATA_HOME": str(tmp_path / "data"), "TMUX": "inside"}
    cli = Cli({**run.environment, **path}, tmp_path)
    for option, words in (((), ""), (("--read-only",), "-r ")):
        terminal = Terminal(cli, "task", "attach", TASK_ID, "-u", "local", *option)
        terminal.wait_for(f"TMUX= -u -S /run/here/tasks attach-session {words}-t =claude-{TASK_ID}\r\n")
        assert terminal.close() == 0
    assert "attach needs a terminal" in cli("task", "attach", TASK_ID, "-u", "local").expect(2).stderr
