"""Which ended tasks are forgotten, so that records and output don't fill the home."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.logs import event
from agent.tasks.records import Record
from agent.tasks.registry import Registry

log = logging.getLogger(__name__)

LOOK_SECONDS = 3600.0
DAY_SECONDS = 86400.0
RECENT_SECONDS = DAY_SECONDS
"""What ended within this is kept however many there are: somebody may want to read or resume it."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept of ended tasks.

    Attributes:
        tasks: How many; more of them go once they aren't recent any more.
        days: How long at most.
    """

    tasks: int
    days: int


def forgettable(records: Sequence[Record], bounds: Bounds, now: float) -> list[Record]:
    """Return what goes: ended too long ago, or one of too many; never what runs, waits or ended within a day."""
    ended = [record for record in records if record.status.is_final and _ended_at(record) < now - RECENT_SECONDS]
    newest_first = sorted(ended, key=_ended_at, reverse=True)
    oldest = now - bounds.days * DAY_SECONDS
    recent = sum(1 for record in records if record.status.is_final) - len(ended)
    room = max(0, bounds.tasks - recent)
    return [record for place, record in enumerate(newest_first) if place >= room or _ended_at(record) < oldest]


def _ended_at(record: Record) -> float:
    return record.created_at if record.finished_at is None else record.finished_at


class Retention:
    """Forgets ended tasks.

    Args:
        registry: Whose tasks.
        bounds: What is kept.
        now: The clock, in Unix seconds.
    """

    def __init__(self, registry: Registry, bounds: Bounds, *, now: Callable[[], float] = time.time) -> None:
        self._registry = registry
        self._bounds = bounds
        self._now = now

    async def keep_forgetting(self) -> None:
        """Look from time to time, for ever."""
        while True:
            await self.forget()
            await asyncio.sleep(LOOK_SECONDS)

    async def forget(self) -> None:
        """Forget what is to go now."""
        for record in forgettable(self._registry.records(), self._bounds, self._now()):
            if self._registry.record(record.task_id).status is not record.status:
                # Somebody has resumed it meanwhile.
                continue
            self._registry.forget(record.task_id)
            await asyncio.to_thread(self._registry.store.remove, record.task_id)
            event(log, logging.INFO, "an old task is forgotten", task=record.task_id, status=record.status.value)
