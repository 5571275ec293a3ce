"""Makes text of the end of a terminal's log, as a terminal would have shown it."""

from __future__ import annotations

import os
import re
from collections import deque
from pathlib import Path
from typing import Any

import pyte

from agent.terminal.keeper import set_aside

RENDERED_BYTES = 256 * 1024
"""Of the end of a log; more takes the longer the less it is worth."""
HISTORY_LINES = 2000
SIZE = (220, 50)

_STRING = r"\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|\Z)"
_CONTROL = r"\x1b\[[0-?]*[ -/]*[@-~]"
_OTHER = r"\x1b[ -/]*[0-~]|\x1b|[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f-\x9f]"
_SEQUENCE = re.compile(f"{_STRING}|{_CONTROL}|{_OTHER}")
# What moves the cursor or changes cells, in the forms that pyte knows; it stumbles over some others.
_TAKEN = re.compile(
    r"\x1b\[[0-9]{0,5}[A-GLMPX@ade`]|\x1b\[[0-3]?J|\x1b\[[0-2]?K|\x1b\[(?:[0-9]{0,5};)?[0-9]{0,5}[Hfr]|\x1b[78DEM]"
)


def tail(path: Path, *, largest_bytes: int = RENDERED_BYTES) -> bytes:
    """Return the end of a log, with the part that was put aside where it reaches back so far; empty without a log."""
    newest = _tail(path, largest_bytes)
    return _tail(set_aside(path), largest_bytes - len(newest)) + newest


def _tail(path: Path, largest_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - largest_bytes))
            return file.read(largest_bytes)
    except OSError:
        return b""


def rendered(content: bytes, *, size: tuple[int, int] = SIZE) -> str:
    """Return what a terminal of this size shows after a content, with the lines that left it above; blocks.

    Args:
        content: The end of what was printed. Of a redrawing that began before it the first lines can be garbled.
        size: Columns and lines.
    """
    screen = _Screen(*size)
    stream: pyte.Stream = pyte.Stream(screen, strict=False)
    stream.feed(_SEQUENCE.sub(_known, content.decode(errors="replace")))
    return "\n".join(screen.text()).strip("\n")


def _known(found: re.Match[str]) -> str:
    return found[0] if _TAKEN.fullmatch(found[0]) else ""


class _Screen(pyte.Screen):
    """A screen that keeps the lines that leave it."""

    def __init__(self, columns: int, lines: int) -> None:
        self._left: deque[str] = deque(maxlen=HISTORY_LINES)
        super().__init__(columns, lines)

    def index(self) -> None:
        top, bottom = self.margins or (0, self.lines - 1)
        if self.cursor.y == bottom and top == 0:
            self._left.append(self._line(0))
        super().index()

    def erase_in_display(self, how: int = 0, *args: Any, **kwargs: Any) -> None:
        if how == 3:
            self._left.clear()
        else:
            super().erase_in_display(how, *args, **kwargs)

    def text(self) -> list[str]:
        """Return every line, the oldest first."""
        return [*self._left, *(self._line(number) for number in range(self.lines))]

    def _line(self, number: int) -> str:
        # The second cell of a wide character is empty.
        cells = self.buffer[number]
        return "".join(cells[column].data for column in range(max(cells, default=-1) + 1)).rstrip()
