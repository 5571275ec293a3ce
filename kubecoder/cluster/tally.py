"""Counts the requests that one piece of work sends, in whichever threads it runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Tally:
    """A count that several threads add to."""

    def __init__(self) -> None:
        self.requests = 0
        self._mutex = threading.Lock()

    def add(self) -> None:
        """Count one request."""
        with self._mutex:
            self.requests += 1


_current: ContextVar[Tally | None] = ContextVar("tally", default=None)


@contextmanager
def counted() -> Iterator[Tally]:
    """Count what is sent inside the block; `Cluster.map` takes the count along into its threads."""
    tally = Tally()
    token = _current.set(tally)
    try:
        yield tally
    finally:
        _current.reset(token)


def count() -> None:
    """Add one request to the count that is kept, if any."""
    tally = _current.get()
    if tally is not None:
        tally.add()
