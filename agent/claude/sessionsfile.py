"""Claude's own sessions file: `<configuration>/sessions/<pid>.json`, written anew at each change of its status."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

from agent.claude.evidence import StatusSeen
from agent.files import read_small

LARGEST_BYTES = 100_000
SETTLED_SECONDS = 0.1
"""File systems tell times in steps of up to 10 ms: a file that was just written may have changed again since."""


def path_for(configuration: Path, pid: int) -> Path:
    """Return the sessions file of a process."""
    return configuration / "sessions" / f"{pid}.json"


def read(path: Path, *, started: int | None = None) -> StatusSeen | None:
    """Read a sessions file.

    Args:
        path: The file.
        started: The process's start time in clock ticks since boot; a file that tells another one is a leftover.

    Returns:
        What it says; None when it isn't there, or is torn or another process's.
    """
    try:
        document = json.loads(read_small(path, limit=LARGEST_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    if started is not None and str(document.get("procStart", started)) != str(started):
        return None
    times = (_seconds(document.get(name)) for name in ("statusUpdatedAt", "updatedAt", "startedAt"))
    at = next((each for each in times if each is not None), None)
    if at is None:
        return None
    return StatusSeen(
        at=at,
        status=_word(document.get("status")),
        waiting_for=_word(document.get("waitingFor")),
        session_id=_word(document.get("sessionId")),
    )


class Watched:
    """A sessions file that is looked at often, and read only when it may have changed.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._settled: tuple[int, int, int] | None = None
        self._seen: StatusSeen | None = None

    def read(self) -> StatusSeen | None:
        """Return what the file says now, as `read` does."""
        now = time.time()
        try:
            found = self._path.stat()
        except OSError:
            self._settled = self._seen = None
            return None
        mark = (found.st_mtime_ns, found.st_size, found.st_ino)
        if mark != self._settled:
            self._seen = read(self._path)
            self._settled = mark if now - found.st_mtime > SETTLED_SECONDS else None
        return self._seen


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _seconds(milliseconds: object) -> float | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    try:
        seconds = milliseconds / 1000
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None
