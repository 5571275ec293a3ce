"""What a task's terminal shows, or showed at its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

from agent.files import read_small, write_atomically
from agent.logs import event
from agent.tasks.records import Record
from agent.tasks.store import Store
from agent.terminal import rendering
from agent.tmux import Tmux, TmuxError

log = logging.getLogger(__name__)

HISTORY_LINES = 2000
LIVE_LINES = 50
LARGEST_BYTES = 50_000_000


class Screens:
    """Reads terminals, and keeps what they show for whoever asks after their end.

    Args:
        store: Where things are kept.
        tmux: The server of the sessions.
    """

    def __init__(self, store: Store, tmux: Tmux) -> None:
        self._store = store
        self._tmux = tmux

    async def keep(self, record: Record) -> None:
        """Keep what the terminal shows; without one its log will do."""
        try:
            text = await self._tmux.capture(record.tmux_session, history=HISTORY_LINES)
        except TmuxError:
            return
        try:
            await asyncio.to_thread(write_atomically, self._file(record), text.encode())
        except OSError as error:
            reason = error.strerror
            event(log, logging.WARNING, "a task's last screen can't be kept", task=record.task_id, reason=reason)

    def forget(self, record: Record) -> None:
        """Forget the screen of the launch before; its log goes on. Blocks."""
        self._file(record).unlink(missing_ok=True)

    async def output(self, record: Record, lines: int, *, is_live: bool) -> str:
        """Return the last lines of a terminal: what it shows, else what was kept of it, else what its log tells."""
        if is_live:
            with contextlib.suppress(TmuxError):
                return _last(await self._tmux.capture(record.tmux_session, history=max(lines, LIVE_LINES)), lines)
        return _last(await asyncio.to_thread(self._kept, record), lines)

    def _kept(self, record: Record) -> str:
        file = self._file(record)
        with contextlib.suppress(OSError):
            return read_small(file, limit=LARGEST_BYTES).decode(errors="replace")
        text = rendering.rendered(rendering.tail(self._store.output_file(record.task_id)))
        if text and record.status.is_final:
            # Once is enough; a full disk is no reason to show nothing.
            with contextlib.suppress(OSError):
                write_atomically(file, text.encode())
        return text

    def _file(self, record: Record) -> Path:
        return self._store.folder(record.task_id) / "screen.txt"


def _last(text: str, lines: int) -> str:
    kept = text.rstrip().splitlines()[-lines:]
    return "".join(f"{line}\n" for line in kept)
