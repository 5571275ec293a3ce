"""Reads outlast an agent that is away for a while, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kubecoder.agentclient.patience import patiently
from kubecoder.cluster.pods import NoPodError, StoppedError
from kubecoder.errors import AgentError, AgentUnreachableError, UnreachableError


def failing(*errors: Exception) -> Callable[[], str]:
    remaining = list(errors)

    def read() -> str:
        if remaining:
            raise remaining.pop(0)
        return "here"

    return read


def test_an_agent_that_comes_back_is_waited_for() -> None:
    pauses: list[float] = []
    away = failing(AgentUnreachableError("no"), NoPodError("no"), UnreachableError("no"))
    assert patiently(away, sleep=pauses.append) == "here"
    assert len(pauses) == 3


def test_an_agent_that_stays_away_is_given_up() -> None:
    times = iter(range(0, 1000, 50))
    with pytest.raises(AgentUnreachableError):
        patiently(failing(*[AgentUnreachableError("no")] * 10), clock=lambda: next(times), sleep=lambda _: None)


@pytest.mark.parametrize("error", [AgentError("refused"), StoppedError("stopped")])
def test_a_refusal_is_raised_at_once(error: Exception) -> None:
    with pytest.raises(type(error)):
        patiently(failing(error), sleep=lambda _: pytest.fail("waited"))
