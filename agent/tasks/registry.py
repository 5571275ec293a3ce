"""All tasks of the workspace: what is recorded of each, which are live, and that a change is kept and told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator

from agent.errors import TaskNotFoundError
from agent.logs import event
from agent.models import Activity, Status, Task, TaskEvent, TaskList, TaskSummary
from agent.tasks import views
from agent.tasks.live import LiveTask
from agent.tasks.records import Record
from agent.tasks.store import TASK_ID_PATTERN, Store
from agent.tasks.stream import Stream

log = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
"""How long a record that couldn't be written waits for the next try: the disk is full, say."""


class Registry:
    """Holds the tasks; everything but the writing of records happens in the event loop.

    Attributes:
        observers: Called with a task's id after each change that clients can see.

    Args:
        store: Where they are recorded.
        stream: Who is told of changes.
        now: The clock, in Unix seconds.
    """

    def __init__(self, store: Store, stream: Stream, *, now: Callable[[], float] = time.time) -> None:
        self.store = store
        self.stream = stream
        self._now = now
        self._records: dict[str, Record] = {}
        self._live: dict[str, LiveTask] = {}
        self._unsaved: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = {}
        self.observers: list[Callable[[str], None]] = []

    def load(self) -> None:
        """Read all records from the disk; blocks."""
        for record in self.store.load():
            self._records[record.task_id] = record

    # Looking

    def record(self, task_id: str) -> Record:
        """Return the record of a task.

        Raises:
            TaskNotFoundError: There is none.
        """
        try:
            return self._records[task_id]
        except KeyError:
            shown = task_id if TASK_ID_PATTERN.fullmatch(task_id) else "of that name"
            # The text is kube-coder's: its clients read it.
            raise TaskNotFoundError("Task not found", hint=f"no task is {shown}; GET tasks lists them") from None

    def records(self, *statuses: Status) -> list[Record]:
        """Return the records with one of these statuses, oldest first; all when none is named."""
        found = [record for record in self._records.values() if not statuses or record.status in statuses]
        return sorted(found, key=_age)

    def live(self, task_id: str) -> LiveTask | None:
        """Return the live session of a task, where there is one."""
        return self._live.get(task_id)

    def all_live(self) -> Iterable[LiveTask]:
        """Return every live session."""
        return tuple(self._live.values())

    def is_done(self, task_id: str) -> bool:
        """Tell whether the newest prompt has been dealt with: nothing goes on and nothing waits, or all has ended."""
        record = self.record(task_id)
        live = self._live.get(task_id)
        if record.status is not Status.RUNNING or live is None:
            return record.status.is_final
        return live.state.activity.is_done and not live.messages.queued()

    def by_hook_key(self, key: str) -> LiveTask | None:
        """Return the live session that a hook belongs to."""
        return next((live for live in self._live.values() if live.launch.hook_key == key), None)

    def by_idempotency_key(self, key: str) -> Record | None:
        """Return the task that was created with a key."""
        return next((record for record in self._records.values() if record.idempotency_key == key), None)

    # Showing

    def summary(self, task_id: str) -> TaskSummary:
        """Show a task as lists do."""
        return self._summary(self.record(task_id), self._queue())

    def whole(self, task_id: str, prompt: str, **more: object) -> Task:
        """Show everything of a task.

        Args:
            task_id: Which.
            prompt: All of it.
            more: Fields that aren't recorded, such as `recent_output`.
        """
        record = self.record(task_id)
        live = self._live.get(task_id)
        state = live.state if live else None
        position = self._queue().get(task_id)
        usage = live.usage if live else record.usage
        return views.whole(record, state, now=self._now(), queue_position=position, prompt=prompt, usage=usage, **more)

    def list(
        self,
        *,
        statuses: frozenset[Status] = frozenset(),
        activities: frozenset[Activity] = frozenset(),
        limit: int | None = None,
        cursor: str | None = None,
    ) -> TaskList:
        """Show the tasks, newest first.

        Args:
            statuses: Only these; empty is all.
            activities: Only these; empty is all.
            limit: At most so many.
            cursor: `next_cursor` of the list before.
        """
        queue = self._queue()
        chosen: list[TaskSummary] = []
        for record in self._after(cursor):
            if statuses and record.status not in statuses:
                continue
            shown = self._summary(record, queue)
            if activities and shown.activity not in activities:
                continue
            if limit is not None and len(chosen) == limit:
                return TaskList(tasks=tuple(chosen), next_cursor=chosen[-1].task_id if chosen else None)
            chosen.append(shown)
        return TaskList(tasks=tuple(chosen))

    def _after(self, cursor: str | None) -> Iterator[Record]:
        newest_first = sorted(self._records.values(), key=_age, reverse=True)
        if cursor is None:
            yield from newest_first
            return
        before = _age(self.record(cursor))
        yield from (record for record in newest_first if _age(record) < before)

    def _summary(self, record: Record, queue: dict[str, int]) -> TaskSummary:
        live = self._live.get(record.task_id)
        state = live.state if live else None
        usage = live.usage if live else record.usage
        position = queue.get(record.task_id)
        return views.summary(record, state, now=self._now(), usage=usage, queue_position=position)

    def _queue(self) -> dict[str, int]:
        return {record.task_id: place for place, record in enumerate(self.records(Status.QUEUED), start=1)}

    # Changing

    async def add(self, record: Record, prompt: str) -> None:
        """Record a new task.

        Raises:
            OSError: It can't be written; there is no such task then.
        """
        await asyncio.to_thread(self.store.create, record, prompt)
        self._records[record.task_id] = record
        self.tell(record.task_id)

    def change(self, task_id: str, **changes: object) -> Record:
        """Change a record in memory and tell it; `saved` writes it."""
        record = self.record(task_id).changed(**changes)
        self._records[task_id] = record
        self._unsaved.add(task_id)
        self.tell(task_id)
        return record

    async def saved(self, task_id: str) -> bool:
        """Write what has changed of a record; False when the disk doesn't take it, which is tried again later."""
        async with self._locks.setdefault(task_id, asyncio.Lock()):
            if task_id not in self._unsaved or task_id not in self._records:
                return True
            self._unsaved.discard(task_id)
            try:
                await asyncio.to_thread(self.store.save, self._records[task_id])
            except OSError as error:
                self._unsaved.add(task_id)
                event(log, logging.ERROR, "a record can't be written", task=task_id, reason=error.strerror)
                return False
            return True

    async def keep_saving(self) -> None:
        """Write for ever what couldn't be written before."""
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            for task_id in tuple(self._unsaved):
                await self.saved(task_id)

    def began(self, live: LiveTask) -> None:
        """Take a live session in."""
        self._live[live.place.task_id] = live
        self.tell(live.place.task_id)

    def ended(self, task_id: str) -> None:
        """Let a live session go."""
        self._live.pop(task_id, None)

    def forget(self, task_id: str) -> None:
        """Remove a task from memory; its folder is the store's."""
        self._records.pop(task_id, None)
        self._locks.pop(task_id, None)
        self._unsaved.discard(task_id)

    def tell(self, task_id: str) -> None:
        """Tell clients what a task is now."""
        shown = self.summary(task_id)
        self.stream.publish(TaskEvent(kind="task", task_id=task_id, at=self._now(), task=shown))
        for observe in self.observers:
            observe(task_id)


def _age(record: Record) -> tuple[float, str]:
    return record.created_at, record.task_id
