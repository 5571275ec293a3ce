"""Who did what: a file that only grows, and the same line on stdout, where the audited user can't change it (D32)."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

from agent.logs import event
from agent.models import AuditEntry, AuditList

log = logging.getLogger("agent.audit")
# The log level is for what the agent tells of itself.
log.setLevel(logging.INFO)

LARGEST_BYTES = 8_000_000
KEPT_FILES = 4
BLOCK_BYTES = 65536
TERMINAL: Literal["terminal"] = "terminal"
TICK_SECONDS = 1e-6
"""No two entries have the same time, so that a time says where a list goes on."""


class Actor(Protocol):
    """Who does something."""

    @property
    def name(self) -> str:
        """Login or token name."""
        ...

    @property
    def via(self) -> Literal["session", "token"]:
        """How they came in."""
        ...


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries are asked for.

    Attributes:
        limit: At most so many.
        task_id: Only those about this task.
        before: Only older ones: the `at` of the last entry of the list before.
        actions: Only these, or all whose word before the dot is named; empty is all.
        after: Only newer ones.
    """

    limit: int
    task_id: str | None = None
    before: float | None = None
    actions: frozenset[str] = frozenset()
    after: float = 0.0

    def wants(self, entry: AuditEntry) -> bool:
        """Tell whether an entry is one of them."""
        return (
            self.task_id in (None, entry.task_id)
            and (self.before is None or entry.at < self.before)
            and (not self.actions or not self.actions.isdisjoint((entry.action, entry.action.partition(".")[0])))
        )


class Audit:
    """The audit log of a workspace.

    An entry never keeps what it tells of from being done: a full disk is told in the agent's own log,
    where the entry itself stands too.

    Args:
        directory: Where its files are: `audit.jsonl`, and `audit.1.jsonl` and so on before it.
        largest_bytes: A larger file is put aside.
        kept_files: How many files there are at most.
        now: The clock, in Unix seconds.
        noted: Called when an entry can be read.
    """

    def __init__(
        self,
        directory: Path,
        *,
        largest_bytes: int = LARGEST_BYTES,
        kept_files: int = KEPT_FILES,
        now: Callable[[], float] = time.time,
        noted: Callable[[], None] = lambda: None,
    ) -> None:
        self._files = [directory / "audit.jsonl"]
        self._files += [directory / f"audit.{number}.jsonl" for number in range(1, kept_files)]
        self._largest_bytes = largest_bytes
        self._now = now
        self._noted = noted
        self._last_at = 0.0
        self._turn = asyncio.Lock()
        self._moving = threading.Lock()

    async def write(self, action: str, actor: Actor, task_id: str | None = None, **detail: Any) -> None:
        """Note what somebody did; details never hold a prompt, token or key."""
        await self.note(action, who=actor.name, via=actor.via, task_id=task_id, **detail)

    async def note(
        self,
        action: str,
        *,
        who: str,
        via: Literal["session", "token", "terminal", "agent"],
        task_id: str | None = None,
        **detail: Any,
    ) -> None:
        """Note what somebody did, who may be nobody in particular: somebody at the terminal, or the agent itself."""
        self._last_at = at = max(self._now(), self._last_at + TICK_SECONDS)
        entry = AuditEntry(at=at, action=action, who=who, via=via, task_id=task_id, detail=detail)
        content = entry.model_dump(mode="json", exclude_none=True)
        event(log, logging.INFO, "audit", **content)
        async with self._turn:
            try:
                await asyncio.to_thread(self._append, json.dumps(content).encode() + b"\n")
            except OSError as error:
                event(log, logging.ERROR, "the audit log can't be written", reason=error.strerror)
                return
        self._noted()

    def _append(self, line: bytes) -> None:
        file = self._files[0]
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._put_aside()
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            end = os.lseek(descriptor, 0, os.SEEK_END)
            if end and os.pread(descriptor, 1, end - 1) != b"\n":
                # A kill or a full disk has left half a line.
                line = b"\n" + line
            if os.write(descriptor, line) < len(line):
                os.ftruncate(descriptor, end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)

    def _put_aside(self) -> None:
        if not self._files[0].exists() or self._files[0].stat().st_size < self._largest_bytes:
            return
        with self._moving:
            for older, newer in zip(reversed(self._files[1:]), reversed(self._files[:-1]), strict=True):
                if newer.exists():
                    newer.replace(older)

    async def list(self, query: AuditQuery) -> AuditList:
        """Return the newest entries first."""
        return await asyncio.to_thread(self._list, query)

    def _list(self, query: AuditQuery) -> AuditList:
        chosen: list[AuditEntry] = []
        for line in self._backwards():
            if len(chosen) == query.limit:
                break
            try:
                entry = AuditEntry.model_validate_json(line)
            except ValueError:
                # Half a line.
                continue
            if entry.at <= query.after:
                # The older lines are older still.
                break
            if query.wants(entry):
                chosen.append(entry)
        return AuditList(entries=tuple(chosen))

    def _backwards(self) -> Iterator[bytes]:
        with ExitStack() as opened:
            for file in self._open_all(opened):
                yield from lines_backwards(file.fileno())

    def _open_all(self, stack: ExitStack) -> Sequence[BinaryIO]:
        """Open all files at one moment, so that none is read twice or missed while they are moved."""
        files = []
        with self._moving:
            for file in self._files:
                try:
                    files.append(stack.enter_context(file.open("rb")))
                except FileNotFoundError:
                    continue
        return files


def lines_backwards(descriptor: int, *, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Yield the lines of a file that aren't empty, from its end, reading a block at a time."""
    position = os.fstat(descriptor).st_size
    rest = b""
    while position > 0:
        size = min(block_bytes, position)
        position -= size
        first, *lines = (os.pread(descriptor, size, position) + rest).split(b"\n")
        yield from (line for line in reversed(lines) if line)
        rest = first
    if rest:
        yield rest
