"""The last lines that a service has printed, as plain text of a bounded length."""

from __future__ import annotations

import os
import re
from pathlib import Path

LINES = 20
LINE_CHARACTERS = 500
READ_BYTES = 16_384

# Colours and titles, and whatever else isn't text.
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|\Z)|[^\t\n -\x7e\xa0-\U0010ffff]"
)


def last_lines(file: Path) -> tuple[str, ...]:
    """Read the end of a log, and of the one before it when that was put aside just now; blocks."""
    content = _end(file)
    if content.count(b"\n") < LINES:
        content = _end(file.with_name(f"{file.name}.1")) + content
    text = content[-READ_BYTES:].decode(errors="replace").replace("\r", "\n")
    lines = [line for line in _CONTROL.sub("", text).split("\n") if line.strip()]
    return tuple(line[:LINE_CHARACTERS] for line in lines[-LINES:])


def _end(file: Path) -> bytes:
    if not file.is_file():
        return b""
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(0, size - READ_BYTES))
            return opened.read(READ_BYTES)
    except OSError:
        return b""
