"""Keeps what a session prints, the newest bytes of it: `python keeper.py FILE LARGEST_BYTES`, fed by tmux's pipe-pane.

At half of the bound the file is put aside as `<name>.1`, over the one before; so between half of the bound and all of
it is kept. While the disk is full the newest bytes wait in memory. It is a program of its own, of the standard library
alone, since it must outlive the agent, and tmux's death by as much as is still in the pipe.
"""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

READ_BYTES = 65536
WAITING_BYTES = 4_000_000
"""What is kept in memory of a session that prints while nothing can be written."""
RETRY_SECONDS = 1.0


def set_aside(path: Path) -> Path:
    """Return where the older part of a log is."""
    return path.with_name(f"{path.name}.1")


class Log:
    """A file of at most so many bytes, together with the one that was put aside.

    Args:
        path: The file.
        largest_bytes: Of both together.
    """

    def __init__(self, path: Path, largest_bytes: int) -> None:
        self._path = path
        self._half = max(1, largest_bytes // 2)
        self._waiting = bytearray()

    def add(self, content: bytes) -> None:
        """Keep what was printed; what can't be written yet waits, the oldest of too much is lost."""
        self._waiting += content
        del self._waiting[:-WAITING_BYTES]

    def write(self) -> bool:
        """Write what waits; False when the disk doesn't take all of it."""
        try:
            while self._waiting:
                self._write_some()
        except OSError:
            return False
        return True

    def _write_some(self) -> None:
        # Opened each time: the folder may have been removed, and another launch may have put the file aside.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            room = self._half - os.fstat(descriptor).st_size
            if room > 0:
                written = os.write(descriptor, self._waiting[:room])
                del self._waiting[:written]
        finally:
            os.close(descriptor)
        if room <= 0:
            self._path.replace(set_aside(self._path))


def keep(log: Log, source: int) -> None:
    """Read to the end of a pipe and keep what comes."""
    is_written = True
    while True:
        if is_written or select.select([source], [], [], RETRY_SECONDS)[0]:
            content = os.read(source, READ_BYTES)
            if not content:
                log.write()
                return
            log.add(content)
        is_written = log.write()


if __name__ == "__main__":
    keep(Log(Path(sys.argv[1]), int(sys.argv[2])), 0)
