"""An agent that is killed while it makes a task: whoever asks again gets that task, and Claude is asked once."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.agent.killing import KillableAgent, killable_agent
from tests.agent.tasks import script
from tests.rigs import claude

LONGEST_MAKING = 0.15
"""A task is made within so many seconds on an idle machine."""


def make(agent: KillableAgent, number: int) -> str:
    """Ask for a task with a key of its own, and return its id."""
    body = {"prompt": f"make {number} {script('Made.')}"}
    return str(agent.call("POST", "/tasks", body, Idempotency_Key=f"making-{number}").json()["task_id"])


def make_and_kill(agent: KillableAgent, number: int, after: float) -> None:
    """Kill the agent some time after it was asked for a task, and start another."""

    def ask() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            make(agent, number)

    worker = threading.Thread(target=ask)
    worker.start()
    time.sleep(after)
    agent.kill()
    worker.join()
    agent.restart()


def killed_while_creating(directory: Path, *, kills: int, version: str) -> None:
    with killable_agent(directory, version=version, settings={"MAX_TASKS": str(kills)}) as agent:
        made = []
        for number in range(kills):
            make_and_kill(agent, number, LONGEST_MAKING * number / kills)
            made.append(make(agent, number))
            agent.wait(made[-1], "idle")
        assert {task["task_id"] for task in agent.call("GET", "/tasks").json()["tasks"]} == set(made)
        asked = Counter(prompt.split(" [[")[0] for prompt in agent.model.prompts())
        assert asked == {f"make {number}": 1 for number in range(kills)}


def test_a_kill_at_any_moment_of_making_a_task_leaves_one_task(tmp_path: Path) -> None:
    killed_while_creating(tmp_path, kills=8, version=claude.NEWEST)


@pytest.mark.soak
@pytest.mark.parametrize("version", claude.VERSIONS)
def test_many_kills_at_every_moment_of_making_a_task_leave_one_task(tmp_path: Path, version: str) -> None:
    killed_while_creating(tmp_path, kills=40, version=version)
