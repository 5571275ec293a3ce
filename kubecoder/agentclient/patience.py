"""Reads that outlast an agent that is away for a while, as one that restarts or whose pod is replaced."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from kubecoder.cluster.pods import NoPodError, StoppedError
from kubecoder.errors import AgentUnreachableError, UnreachableError

PATIENCE_SECONDS = 120.0
"""How long an agent may be away at a stretch: a pod that is replaced needs a minute or so."""
PAUSE_SECONDS = 1.0

Result = TypeVar("Result")


def patiently(
    read: Callable[[], Result],
    *,
    patience: float = PATIENCE_SECONDS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Read, again and again while nobody answers.

    Args:
        read: Must change nothing.
        patience: Seconds after which the failure is raised.
        clock: Tells seconds.
        sleep: Waits between two tries.
    """
    end = clock() + patience
    while True:
        try:
            return read()
        except StoppedError:
            raise
        except (AgentUnreachableError, NoPodError, UnreachableError):
            if clock() >= end:
                raise
        sleep(PAUSE_SECONDS)
