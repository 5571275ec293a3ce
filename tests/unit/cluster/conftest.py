"""A scripted API server and a client whose waiting takes no time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kubecoder.cluster import Cluster, config
from kubecoder.cluster.exchange import Exchange
from kubecoder.cluster.retry import DEFAULT, Policy
from tests.unit.cluster.server import Script, Server, write_kubeconfig


class Clock:
    """Time that passes only by sleeping.

    Attributes:
        now: Seconds.
        pauses: Every sleep so far.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def serve() -> Iterator[Callable[[Script], Server]]:
    """Start servers by their scripts; they end with the test."""
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(Server(script))


@pytest.fixture
def connect(clock: Clock, tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """Make clients of a server; they end with the test."""
    with ExitStack() as stack:

        def make(server: Server, *, policy: Policy = DEFAULT, workers: int = 4) -> Cluster:
            access = config.load(str(write_kubeconfig(tmp_path / "kubeconfig", server.url)))
            exchange = Exchange(access, workers, policy=policy, clock=clock, sleep=clock.sleep, jitter=lambda: 0.0)
            return stack.enter_context(Cluster(exchange, workers=workers))

        yield make
