"""What subagents say and use belongs to their task."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.tasks import TaskAgent, running_task_agent
from tests.rigs import claude
from tests.rigs.waiting import wait_until


@pytest.fixture(params=claude.VERSIONS)
def tasks(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TaskAgent]:
    with running_task_agent(tmp_path, version=request.param) as running:
        yield running


def test_a_subagents_words_and_tokens_are_the_tasks(tasks: TaskAgent) -> None:
    plain = tasks.create("Begun.", {"bash": "true"}, "Done.")
    asking = tasks.create("Begun.", {"agent": ["I looked around.", {"bash": "true"}, "I am through."]}, "Done.")
    tasks.wait(plain, "idle")

    wait_until(lambda: "I am through." in said_by_subagents(tasks, asking), what="the subagent speaks", seconds=60)
    tasks.wait(asking, "idle")

    assert said_by_subagents(tasks, asking) == ["I looked around.", "I am through."]
    wait_until(
        lambda: used(tasks, asking) >= 2 * used(tasks, plain), what="the tokens of both conversations", seconds=20
    )


def said_by_subagents(tasks: TaskAgent, task_id: str) -> list[str]:
    entries = tasks.call("GET", f"/tasks/{task_id}/transcript").json()["entries"]
    return [entry["text"] for entry in entries if entry.get("agent_id") and entry["kind"] == "text"]


def used(tasks: TaskAgent, task_id: str) -> int:
    return int(tasks.get(task_id)["usage"]["input_tokens"])
