"""The home's file system, asked in a thread of its own: a volume that hangs holds this thread and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from agent.metrics.reading import Disk

SECONDS = 2.0
UNKNOWN: Disk = (None, None)


def ask(home: Path) -> Disk:
    """Return the bytes that are used and the bytes that fit; blocks for as long as the volume likes."""
    try:
        found = os.statvfs(home)
    except OSError:
        return UNKNOWN
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    # As df: what only root may fill isn't the user's.
    return used, used + found.f_bavail * found.f_frsize


class DiskProbe:
    """Asks again and again, never twice at once.

    Args:
        home: Whose file system.
        asks: What asks it.
        seconds: After which a silent volume is unknown.
    """

    def __init__(self, home: Path, *, asks: Callable[[Path], Disk] = ask, seconds: float = SECONDS) -> None:
        self._home = home
        self._asks = asks
        self._seconds = seconds
        self._asked: asyncio.Future[Disk] | None = None

    async def read(self) -> Disk:
        """Return what the volume says; unknown when it doesn't answer in time, and for as long as it goes on so."""
        if self._asked is None:
            self._asked = self._start()
        done, _ = await asyncio.wait((self._asked,), timeout=self._seconds)
        if not done:
            return UNKNOWN
        answer, self._asked = self._asked, None
        return answer.result()

    def _start(self) -> asyncio.Future[Disk]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Disk] = loop.create_future()

        def run() -> None:
            found = self._asks(self._home)
            # The loop is gone where the volume answers after the agent's end.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(answer.set_result, found)

        # A thread that hangs in the kernel must not keep the agent from ending.
        threading.Thread(target=run, name="disk", daemon=True).start()
        return answer
