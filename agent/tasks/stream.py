"""Events to many listeners, each with a number; whoever was away goes on where it stopped, or hears of the gap."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from agent.models import TaskEvent

KEPT_EVENTS = 10_000
KEPT_BYTES = 16_000_000
NUMBERS_PER_MILLISECOND = 1000


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event as it is sent: its number, its name, whose it is, and its JSON."""

    number: int
    kind: str
    task_id: str | None
    data: str


class Stream:
    """Keeps the last events for everybody at once, so that no slow listener costs memory.

    Numbers begin at the clock, in thousandths of milliseconds: after a restart of the agent
    they are higher than before, and fit into JavaScript's numbers until the year 2255.
    """

    def __init__(self, *, kept_events: int = KEPT_EVENTS, kept_bytes: int = KEPT_BYTES) -> None:
        self._numbers = itertools.count(time.time_ns() // 1_000_000 * NUMBERS_PER_MILLISECOND)
        self._kept: deque[Numbered] = deque()
        self._kept_events = kept_events
        self._kept_bytes = kept_bytes
        self._bytes = 0
        self._before_first = next(self._numbers)
        self._last = self._before_first
        self._news = asyncio.Event()

    @property
    def last_number(self) -> int:
        """The number of the newest event."""
        return self._last

    def publish(self, published: TaskEvent) -> None:
        """Number an event and wake the listeners."""
        data = published.model_dump_json(exclude_none=True)
        entry = Numbered(next(self._numbers), published.kind, published.task_id, data)
        self._kept.append(entry)
        self._bytes += len(data)
        self._last = entry.number
        while len(self._kept) > self._kept_events or (self._bytes > self._kept_bytes and len(self._kept) > 1):
            dropped = self._kept.popleft()
            self._bytes -= len(dropped.data)
            self._before_first = dropped.number
        self._news.set()
        self._news = asyncio.Event()

    def after(self, number: int) -> list[Numbered]:
        """Return what came after a number; a gap stands first when something between is gone."""
        missed = number < self._before_first or number > self._last
        events = [entry for entry in self._kept if missed or entry.number > number]
        return [self._gap(), *events] if missed else events

    def _gap(self) -> Numbered:
        gap = TaskEvent(kind="gap", at=time.time())
        return Numbered(self._before_first, "gap", None, gap.model_dump_json(exclude_none=True))

    async def listen(
        self, *, after: int | None, task_id: str | None, beat_seconds: float
    ) -> AsyncGenerator[Numbered | None, None]:
        """Yield events for ever, those of one task only when asked; None when nothing came for a while.

        Args:
            after: The last number that the listener has; None begins with what comes next.
            task_id: Whose events; None is everybody's.
            beat_seconds: The longest silence.
        """
        seen = self._last if after is None else after
        while True:
            news = self._news
            for entry in self.after(seen):
                seen = entry.number
                if task_id is None or entry.task_id == task_id or entry.kind == "gap":
                    yield entry
            if seen < self._last:
                continue
            try:
                async with asyncio.timeout(beat_seconds):
                    await news.wait()
            except TimeoutError:
                yield None
