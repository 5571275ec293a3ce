"""`kubecoder task` against the real agent with the real Claude Code: what a person sees is what happens."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.conftest import Agent, running_agent
from tests.agent.tasks import TaskAgent, running_task_agent, script
from tests.rigs import claude
from tests.rigs.cli import Cli
from tests.rigs.terminal import Terminal
from tests.rigs.waiting import wait_until


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TaskAgent]:
    with running_task_agent(tmp_path_factory.mktemp("tasks")) as running:
        yield running


@pytest.fixture
def run(tasks: TaskAgent, tmp_path: Path) -> Cli:
    """`kubecoder` with the agent's address and token."""
    return by_address(tasks.agent, tmp_path)


def by_address(agent: Agent, directory: Path) -> Cli:
    return Cli({"KUBECODER_URL": f"http://{agent.api_address}", "KUBECODER_TOKEN": agent.admin_token}, directory)


@pytest.fixture
def on_terminal(run: Cli) -> Iterator[Callable[..., Terminal]]:
    """Run `kubecoder` on terminals; they are gone after the test."""
    with contextlib.ExitStack() as stack:

        def start(*argv: str, cli: Cli = run) -> Terminal:
            terminal = Terminal(cli, *argv)
            stack.callback(terminal.kill)
            return terminal

        yield start


def test_a_prompt_is_waited_for_and_the_object_is_the_apis_own(run: Cli, tasks: TaskAgent) -> None:
    done = run("task", "run", script("The answer is 42."), "--name", "answer", "--wait", "-o", "json").expect()
    document = done.json()
    assert document["activity"] == "idle"
    served = tasks.get(document["task_id"])
    changing = ("evidence_age", "recent_output")
    assert {key: document[key] for key in document if key not in changing} == {
        key: served[key] for key in served if key not in changing
    }
    assert "The answer is 42." in run("task", "output", "answer").expect().stdout
    assert "The answer is 42.\n" in run("task", "transcript", "answer").expect().stdout
    assert [task["task_id"] for task in run("task", "list", "-o", "json").expect().json()["tasks"]] == [
        task["task_id"] for task in tasks.call("GET", "/tasks").json()["tasks"]
    ]


def test_a_request_is_seen_approved_and_waited_for(run: Cli, tasks: TaskAgent) -> None:
    identity = run("task", "run", script({"bash": "touch by-command"}, "Done.")).expect().stdout.strip()
    request = tasks.ask(identity)
    shown = run("task", "status", identity).expect().stdout
    assert "waits for permission" in shown
    assert "Bash wants to run:\n" in shown
    assert "    touch by-command\n" in shown
    listed = run("task", "list", "--status", "waiting_permission", "-o", "name").expect().stdout.splitlines()
    assert listed == [f"task/{identity}"]

    approved = run("task", "approve", identity, request["request_id"]).expect()

    assert approved.stdout == "Bash touch by-command: allowed by admin\n"
    run("task", "wait", identity, "--timeout", "60s").expect()
    assert (tasks.home / "by-command").exists()
    assert "somebody was faster" in run("task", "deny", identity, request["request_id"]).expect(1).stderr


def test_a_question_and_a_denial_by_command(run: Cli, tasks: TaskAgent) -> None:
    steps = ({"ask": "Which colour?", "options": ["Red", "Blue"], "header": "Colour"}, {"bash": "touch no"}, "I see.")
    identity = run("task", "run", script(*steps)).expect().stdout.strip()
    tasks.ask(identity)
    run("task", "approve", identity, "--answer", "2", "--yes").expect()
    tasks.wait(identity, "waiting_permission")
    run("task", "deny", identity, "--reason", "not on a Friday").expect()
    run("task", "wait", identity, "--timeout", "60s").expect()
    shown = run("task", "transcript", identity, "-o", "wide").expect().stdout
    assert "Blue" in shown
    assert "not on a Friday" in shown
    assert not (tasks.home / "no").exists()


def test_a_text_is_sent_to_an_idle_session_and_a_dialog_is_not_answered_by_one(run: Cli, tasks: TaskAgent) -> None:
    identity = (
        run("task", "run", script("Hello."), "--wait", "-o", "name").expect().stdout.strip().removeprefix("task/")
    )
    text = "with 'quotes', $HOME\nand a second line"
    assert run.run("task", "send", identity, "-", stdin=text).expect().stdout == "delivered\n"
    run("task", "wait", identity, "--timeout", "60s").expect()
    assert text in "\n".join(tasks.model.prompts())
    assert "delivered" in run("task", "messages", identity).expect().stdout
    assert "refused" in run("task", "send", identity, "/clear").expect(1).stderr
    run("task", "send", identity, script({"bash": "touch by-enter"}, "Done.")).expect()
    tasks.ask(identity)
    assert "blocked" in run("task", "send", identity, "yes").expect(1).stderr
    run("task", "deny", identity).expect()
    assert not (tasks.home / "by-enter").exists()


def test_interrupt_kill_and_resume(run: Cli, tasks: TaskAgent) -> None:
    identity = run("task", "run", script({"wait": 60}, "Never.")).expect().stdout.strip()
    tasks.wait(identity, "working")
    assert "isn't done yet" in run("task", "wait", identity, "--timeout", "500ms").expect(7).stderr
    run("task", "interrupt", identity).expect()
    tasks.wait(identity, "stopped")
    run("task", "wait", identity).expect(1)
    assert "killed" in run("task", "kill", identity).expect().stdout
    assert "no longer running" in run("task", "send", identity, "x").expect(6).stderr
    run("task", "resume", identity, script("Back.")).expect()
    run("task", "wait", identity, "--timeout", "60s").expect()
    assert "Back." in run("task", "transcript", identity).expect().stdout


def test_following_tells_the_whole_story_once(run: Cli, tasks: TaskAgent) -> None:
    steps = ("I look.", {"bash": "touch told; echo hello-from-bash"}, "All done.")
    with run.running("task", "run", script(*steps), "--follow", "--wait-timeout", "90s") as process:
        waiting = wait_until(lambda: waiting_task(tasks), what="the request", seconds=60, every=0.1)
        tasks.answer(waiting["task_id"], tasks.ask(waiting["task_id"])["request_id"], "allow")
        stdout, stderr = process.communicate(timeout=90)
    assert process.returncode == 0, stderr
    lines = stdout.splitlines()
    assert sum("❯ " in line for line in lines) == 1
    assert sum("● Bash touch told; echo hello-from-bash" in line for line in lines) == 1
    assert "  ⎿ hello-from-bash" in lines
    assert lines.count("All done.") == 1
    assert "— Bash touch told; echo hello-from-bash: allowed by admin" in lines
    assert lines.index("Bash wants to run:") < lines.index("  ⎿ hello-from-bash") < lines.index("All done.")
    assert lines[-1].startswith("— idle")


def waiting_task(tasks: TaskAgent) -> dict[str, Any]:
    found = tasks.call("GET", "/tasks?activity=waiting_permission").json()["tasks"]
    return dict(found[0]) if found else {}


def test_a_person_at_the_terminal_is_asked_and_answers(
    run: Cli, tasks: TaskAgent, on_terminal: Callable[..., Terminal]
) -> None:
    terminal = on_terminal("task", "run", script({"bash": "touch by-person"}, "Thanks."), "--follow")
    terminal.wait_for("Bash wants to run:\r\n")
    terminal.wait_for("    touch by-person\r\n")
    terminal.wait_for("l: leave it] ")
    terminal.type("y\n")
    terminal.wait_for("Thanks.")
    terminal.wait_for("— idle")
    assert terminal.close() == 0
    assert (tasks.home / "by-person").exists()


def test_whoever_is_faster_than_the_person_is_named(
    run: Cli, tasks: TaskAgent, on_terminal: Callable[..., Terminal]
) -> None:
    terminal = on_terminal("task", "run", script({"bash": "touch by-other"}, "Thanks."), "--follow")
    terminal.wait_for("l: leave it] ")
    waiting = waiting_task(tasks)
    tasks.answer(waiting["task_id"], tasks.ask(waiting["task_id"])["request_id"], "deny", reason="no")
    terminal.wait_for("— Bash touch by-other: denied by admin: no")
    terminal.wait_for("— idle")
    assert terminal.close() == 0


def test_the_real_session_is_joined_left_and_watched(
    run: Cli, tasks: TaskAgent, on_terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    local = as_local(tasks, tmp_path)
    identity = local("task", "run", script("Welcome."), "-u", "local", "--wait", "-o", "name").expect().stdout
    identity = identity.strip().removeprefix("task/")

    terminal = on_terminal("task", "attach", identity, "-u", "local", cli=local)
    terminal.wait_for("Welcome.")
    wait_until(lambda: attached(tasks, identity) == 1, what="a client", seconds=20)
    terminal.type("\x02d")
    terminal.wait_for("[detached")
    assert terminal.close() == 0
    assert tasks.get(identity)["activity"] == "idle"

    watching = on_terminal("task", "attach", identity, "-u", "local", "--read-only", cli=local)
    watching.wait_for("Welcome.")
    watching.type("typed by a watcher\r")

    def leave() -> bool:
        watching.type("\x02d")  # keys that come at once are a paste to tmux, so another try may be needed
        return attached(tasks, identity) == 0

    wait_until(leave, what="the watcher leaves", seconds=20, every=0.5)
    watching.wait_for("[detached")
    assert watching.close() == 0
    assert "typed by a watcher" not in run("task", "output", identity).expect().stdout
    assert tasks.get(identity)["activity"] == "idle"


def as_local(tasks: TaskAgent, directory: Path) -> Cli:
    """Describe the agent as `kubecoder local up` does."""
    file = directory / "data" / "kubecoder" / "local" / "workspace.json"
    file.parent.mkdir(parents=True)
    facts = {
        "url": f"http://{tasks.agent.api_address}",
        "token_file": str(tasks.agent.admin_token_file),
        "tmux_socket": str(tasks.tmux_socket),
    }
    file.write_text(json.dumps(facts))
    return Cli({"XDG_DATA_HOME": str(directory / "data"), "TERM": "xterm-256color"}, directory)


def attached(tasks: TaskAgent, identity: str) -> int:
    session = tasks.get(identity)["tmux_session"]
    argv = ["tmux", "-S", str(tasks.tmux_socket), "display-message", "-p", "-t", f"={session}:", "#{session_attached}"]
    return int(subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20).stdout)


def test_following_survives_a_killed_agent_and_tells_what_happened_meanwhile(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    tmp_path = tmp_path_factory.mktemp("killed")  # a socket's path must be short
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {"API_ADDRESS": f"127.0.0.1:{port}", "CLAUDE": str(claude.program(claude.NEWEST))}
    with running_task_agent(tmp_path / "agent", settings=settings) as tasks:
        run = by_address(tasks.agent, tmp_path)
        identity = run("task", "run", script({"bash": "touch survived"}, "Still here.")).expect().stdout.strip()
        request = tasks.ask(identity)
        # The user's token outlives the agent; the rig gives each agent another admin's token.
        follower = run.with_environment(KUBECODER_TOKEN=tasks.agent.user_token)
        with follower.running("task", "follow", identity, "--until-done", "--timeout", "120s") as process:
            assert process.stdout is not None
            wait_until(lambda: "wants to run" in process.stdout.readline(), what="it follows", seconds=30, every=0)  # type: ignore[union-attr]
            os.kill(tasks.agent.process.pid, signal.SIGKILL)
            tasks.agent.process.popen.wait()
            variables = claude.environment(tasks.home, tasks.model.address)
            with running_agent(tmp_path / "agent", settings=settings, more_environment=variables) as again:
                by_address(again, tmp_path)("task", "approve", identity, request["request_id"]).expect()
                stdout, stderr = process.communicate(timeout=120)
                assert process.returncode == 0, stderr
                assert "back again" in stderr
                assert stdout.count("Still here.") == 1
                assert (tasks.home / "survived").exists()
