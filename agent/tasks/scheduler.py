"""Decide which tasks run: the cap, the queue, idle sessions that make room, and time limits."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from agent.logs import event
from agent.models import Activity, Status
from agent.tasks.live import LiveTask
from agent.tasks.records import Record
from agent.tasks.registry import Registry
from agent.tasks.runner import Runner
from agent.tmux import Tmux, TmuxError

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
ROOM_IDLE_SECONDS = 10.0
"""A session must have been idle for so long before it is ended for one that waits: its reader needs a moment."""


class Scheduler:
    """Launches queued tasks while there is room, and ends what has been idle or has run for too long.

    Args:
        registry: Whose tasks.
        runner: Launches and ends.
        tmux: Tells who is attached.
        cap: How many tasks run at once.
        now: The clock, in Unix seconds.
    """

    def __init__(
        self, registry: Registry, runner: Runner, tmux: Tmux, *, cap: int, now: Callable[[], float] = time.time
    ) -> None:
        self._registry = registry
        self._runner = runner
        self._tmux = tmux
        self._cap = cap
        self._now = now
        self._admission = asyncio.Lock()
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look again at once: there may be room, or somebody who waits."""
        self._wake.set()

    async def keep_scheduling(self) -> None:
        """Schedule for ever."""
        while True:
            self._wake.clear()
            await self.admit()
            await self._note_attached()
            await self._end_overdue()
            await self._make_room()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def admit(self) -> None:
        """Launch the oldest queued tasks while there is room."""
        async with self._admission:
            for record in self._registry.records(Status.QUEUED):
                if len(self._registry.records(Status.RUNNING)) >= self._cap:
                    return
                await self._runner.launch_next(record.task_id)

    async def _note_attached(self) -> None:
        if not any(True for _ in self._registry.all_live()):
            return
        try:
            panes = await self._tmux.panes()
        except TmuxError as error:
            event(log, logging.WARNING, "tmux doesn't answer", reason=str(error))
            return
        for live in self._registry.all_live():
            pane = panes.get(live.place.tmux_session)
            live.attached = pane.attached if pane else 0

    async def _end_overdue(self) -> None:
        for live in self._registry.all_live():
            record = self._registry.record(live.place.task_id)
            if self._has_run_too_long(record):
                reason = f"it ran for more than its {record.timeout_seconds} s"
                await self._end(record, Status.ERROR, reason)
            elif record.idle_timeout_seconds and self._idle_seconds(live) > record.idle_timeout_seconds:
                await self._end(record, Status.COMPLETED)

    def _has_run_too_long(self, record: Record) -> bool:
        if record.timeout_seconds is None or record.started_at is None:
            return False
        return self._now() - record.started_at > record.timeout_seconds

    async def _make_room(self) -> None:
        """End the longest-idle session that nobody is attached to, while others wait."""
        if not self._registry.records(Status.QUEUED) or len(self._registry.records(Status.RUNNING)) < self._cap:
            return
        idle = [live for live in self._registry.all_live() if self._idle_seconds(live) > ROOM_IDLE_SECONDS]
        if idle:
            longest = max(idle, key=self._idle_seconds)
            await self._end(self._registry.record(longest.place.task_id), Status.COMPLETED)
            await self.admit()

    def _idle_seconds(self, live: LiveTask) -> float:
        """Return how long nobody has needed a session; 0 while it works or somebody is attached."""
        if live.attached or live.state.activity not in (Activity.IDLE, Activity.STOPPED, Activity.FAILED):
            return 0.0
        return max(0.0, self._now() - live.state.since)

    async def _end(self, record: Record, becoming: Status, error: str | None = None) -> None:
        event(log, logging.INFO, "a task is ended", task=record.task_id, becomes=becoming.value, reason=error)
        await self._runner.end(record.task_id, becoming, error=error)
