"""The same task everywhere: one workspace that fails doesn't stop the others."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubecoder.agentclient.reach import Endpoint, UrlReach
from kubecoder.cli.task import fleetwide
from kubecoder.cluster.pods import StoppedError
from tests.fleets import fleet, user
from tests.rigs.cli import Cli
from tests.unit.cli.task.played import TOKEN, PlayedAgent
from tests.unit.cluster.server import Server
from tests.unit.shelf import holding


class Stopped:
    """The way to a workspace that is stopped."""

    name = "jane"

    def endpoint(self, _: Endpoint | None = None) -> Endpoint:
        raise StoppedError("jane is stopped", hint="kubecoder start jane")

    def explain(self) -> None:
        """Know nothing."""

    def close(self) -> None:
        """Hold nothing open."""


@pytest.fixture
def agents() -> list[PlayedAgent]:
    return [PlayedAgent(), PlayedAgent()]


@pytest.fixture
def everywhere(agents: list[PlayedAgent], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cli]:
    """`kubecoder` in a fleet of imran and john, who run, and jane, who is stopped."""
    with Server(agents[0]) as one, Server(agents[1]) as two:
        reaches: list[Any] = [UrlReach(one.url, TOKEN), Stopped(), UrlReach(two.url, TOKEN)]
        reaches[0].name, reaches[2].name = "imran", "john"
        monkeypatch.setattr(fleetwide, "open_fleet", lambda *_, **__: fleet(user("imran"), user("jane"), user("john")))
        monkeypatch.setattr(fleetwide, "connect", lambda *_: holding())
        monkeypatch.setattr(fleetwide, "pod_reaches", lambda *_: reaches)
        yield Cli({}, tmp_path)
    for agent in agents:
        agent.join()


def test_all_that_can_get_the_task_and_a_table_says_what_happened(everywhere: Cli, agents: list[PlayedAgent]) -> None:
    done = everywhere("task", "run", "--all", "update", "--name", "weekly").expect(1)
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["NAME", "TASK", "STATUS"],
        ["imran", "1764075600-00000000", "starting"],
        ["jane", "<none>", "failed"],
        ["john", "1764075600-00000000", "starting"],
    ]
    assert "error: jane is stopped\nhint: kubecoder start jane\n" in done.stderr
    assert [agent.sent for agent in agents] == [[("POST tasks", {"prompt": "update", "name": "weekly"})]] * 2


def test_the_document_has_every_workspace(everywhere: Cli) -> None:
    document = everywhere("task", "run", "--all", "update", "-o", "json").expect(1).json()
    results = [(item["name"], item["result"], item.get("hint")) for item in document["workspaces"]]
    assert results == [
        ("imran", "launched", None),
        ("jane", "failed", "kubecoder start jane"),
        ("john", "launched", None),
    ]
    assert document["workspaces"][0]["task"]["task_id"] == "1764075600-00000000"


def test_each_is_waited_for(everywhere: Cli, agents: list[PlayedAgent]) -> None:
    def becoming(agent: PlayedAgent, activity: str) -> Callable[[], None]:
        return lambda: agent.become("1764075600-00000000", activity=activity)

    agents[0].after_looks(1, becoming(agents[0], "idle"))
    agents[1].after_looks(1, becoming(agents[1], "failed"))
    done = everywhere("task", "run", "--all", "update", "--wait", "-p", "1").expect(1)
    assert [line.split()[-1] for line in done.stdout.splitlines()[1:]] == ["idle", "failed", "failed"]


def test_ctrl_c_leaves_the_tasks_and_ends_all_threads(everywhere: Cli, agents: list[PlayedAgent]) -> None:
    agents[1].after_looks(1, lambda: os.kill(os.getpid(), signal.SIGINT))
    done = everywhere("task", "run", "--all", "update", "--wait").expect(130)
    assert "tasks that were launched go on" in done.stderr


def test_a_fleet_without_users_has_nowhere_to_go(everywhere: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleetwide, "open_fleet", lambda *_, **__: fleet())
    assert "the fleet has no users" in everywhere("task", "run", "--all", "x").expect(2).stderr
