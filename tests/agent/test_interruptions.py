"""What tmux takes along is interrupted and goes on by `resume`; what a full disk doesn't take is written later."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.demo.messages import digest
from agent.processes import marked
from tests.agent.killing import KillableAgent, killable_agent
from tests.rigs import claude
from tests.rigs.waiting import wait_until


def last_history(agent: KillableAgent) -> list[str]:
    """Return the digests of all prompts that the model was last asked with."""
    turns = [entry for entry in agent.model.seen() if entry["event"] == "request" and entry["kind"] == "turn"]
    return list(turns[-1]["history"])


@pytest.mark.parametrize("version", claude.VERSIONS)
def test_a_kill_of_tmux_interrupts_and_resume_continues_the_same_conversation(tmp_path: Path, version: str) -> None:
    with killable_agent(tmp_path, version=version) as agent:
        spoke = agent.create("I remember the blue house.")
        tool = agent.create({"bash": "touch begun; sleep 3000"}, "Never said.")
        agent.answer(tool, agent.ask(tool)["request_id"], "allow")
        wait_until((agent.home / "begun").exists, what="the tool runs", seconds=20, every=0.05)
        before = agent.wait(spoke, "idle")

        agent.kill_tmux()
        killed = time.monotonic()

        for task_id in (spoke, tool):
            assert agent.wait(task_id, "interrupted", seconds=20)["error"]
        print(f"{version}: interrupted {time.monotonic() - killed:.2f} s after the kill of tmux")
        assert marked("KUBECODER_TASK", tool) == []
        assert "blue house" in agent.call("GET", f"/tasks/{spoke}/output?tail=2000").text
        assert "touch begun" in agent.call("GET", f"/tasks/{tool}/output?tail=2000").text

        assert agent.call("POST", f"/tasks/{spoke}/resume", {"prompt": "Go on, please."}).status == 200
        after = agent.wait(spoke, "idle")
        assert (after["session_id"], after["launches"]) == (before["session_id"], 2)
        assert last_history(agent) == [digest(before["prompt"]), digest("Go on, please.")]
        assert agent.get(tool)["status"] == "interrupted", "nothing goes on unasked"


def test_tmux_and_the_agent_killed_together_are_interrupted_and_go_on_by_themselves_where_asked(tmp_path: Path) -> None:
    with killable_agent(tmp_path) as agent:
        task_id = agent.create({"bash": "touch once"}, "Once is enough.")
        agent.answer(task_id, agent.ask(task_id)["request_id"], "allow")
        agent.wait(task_id, "idle")
        asked = len(agent.model.seen())

        agent.kill()
        agent.kill_tmux()
        agent.restart(RESUME_INTERRUPTED="1")

        wait_until(lambda: agent.get(task_id)["launches"] == 2, what="it goes on", seconds=20)
        agent.wait(task_id, "idle")
        assert len(agent.model.seen()) == asked, "no prompt was sent again"


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a small file system until the end of the block."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", str(folder)], check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        yield
    finally:

        def is_let_go() -> bool:
            return subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode == 0

        wait_until(is_let_go, what="the file system is let go", seconds=20)


def fill(file: Path) -> None:
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as ballast:
        while ballast.write(b"x" * 4096) == 4096:
            pass


def test_a_full_disk_refuses_new_tasks_and_running_ones_keep_their_records(tmp_path: Path) -> None:
    with small_disk(tmp_path / "home"), killable_agent(tmp_path) as agent:
        idle = agent.create("I am here.")
        asking = agent.create({"bash": "touch allowed"}, "Done.")
        agent.wait(idle, "idle")
        request = agent.ask(asking)
        ballast = agent.home / "ballast"
        fill(ballast)

        refused = agent.call("POST", "/tasks", {"prompt": "No room."})
        assert (refused.status, refused.json()["code"]) == (507, "disk_full")
        agent.kill()
        agent.restart()
        agent.wait(idle, "idle", seconds=2)
        assert agent.ask(asking, seconds=2)["request_id"] == request["request_id"]
        assert agent.call("DELETE", f"/tasks/{idle}").json()["status"] == "killed"
        assert "I am here." in agent.call("GET", f"/tasks/{idle}/output").text

        ballast.unlink()
        record = agent.agent.state_directory / "tasks" / idle / "task.json"
        wait_until(lambda: json.loads(record.read_text())["status"] == "killed", what="it is recorded", seconds=20)
        agent.kill()
        agent.restart()
        assert agent.get(idle)["status"] == "killed"
        assert agent.answer(asking, request["request_id"], "allow")["result"] == "applied"
        agent.wait(asking, "idle")
        assert (agent.home / "allowed").exists()
