"""`kubecoder task` as people run it, against an agent that the test plays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs.cli import Cli
from tests.unit.cli.task.played import TOKEN, PlayedAgent, task
from tests.unit.cluster.server import Server


@pytest.fixture
def agent() -> Iterator[PlayedAgent]:
    """An agent with one task at work."""
    played = PlayedAgent(task())
    yield played
    played.join()


@pytest.fixture
def server(agent: PlayedAgent) -> Iterator[Server]:
    """Where it listens."""
    with Server(agent) as server:
        yield server


@pytest.fixture
def run(server: Server, tmp_path: Path) -> Cli:
    """`kubecoder` with the agent's address and token."""
    return Cli({"KUBECODER_URL": server.url, "KUBECODER_TOKEN": TOKEN, "HOME": str(tmp_path)}, tmp_path)
