"""What the commands that write files of the fleet share."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kubecoder.errors import UsageError
from kubecoder.output import Printer

if TYPE_CHECKING:
    from kubecoder.fleet.writing import Change


def carry_out(printer: Printer, changes: Sequence[Change], *, dry_run: bool) -> None:
    """Write the files and say of each what happened to it; what it holds is never shown."""
    from kubecoder.fleet import writing

    if not dry_run:
        writing.write(changes)
    for change in changes:
        printer.line(f"{change.path} {change.action}{' (dry run)' if dry_run else ''}")


def secret_from(file: Path | None, option: str) -> str | None:
    """Read a secret from a file, or from stdin if the file is `-`; a secret on the command line would be seen by all.

    Raises:
        UsageError: The file can't be read or is empty.
    """
    if file is None:
        return None
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it isn't UTF-8 text"
        raise UsageError(f"{option}: {file} can't be read: {reason}") from error
    if not text.strip():
        raise UsageError(f"{option}: {file} is empty")
    return text.strip()


def program(directory: Path) -> str:
    """Return how the program is called on a fleet, for hints that a reader can paste."""
    return "kubecoder" if directory == Path() else f"kubecoder -C {shlex.quote(str(directory))}"


def can_ask() -> bool:
    """Tell whether somebody is there to answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()
