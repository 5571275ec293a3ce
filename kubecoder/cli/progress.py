"""Progress of a run: a live table on a terminal, one line for each step otherwise."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kubecoder.output import Format, Printer
from kubecoder.rollout.changes import Progress, Reporter


@contextmanager
def shown_progress(printer: Printer) -> Iterator[Reporter]:
    """Yield what a rollout reports its progress to, as fits stderr."""
    if printer.is_terminal:
        # Only here: rich takes a quarter of a second to import.
        from kubecoder.cli.board import shown_board

        with shown_board() as report:
            yield report
    elif printer.format in {Format.table, Format.wide}:
        yield Lines(printer).report
    else:
        yield lambda _progress: None


class Lines:
    """One plain line for each new stage of a workspace."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._seen: dict[str, tuple[str, str]] = {}
        self._mutex = threading.Lock()

    def report(self, progress: Progress) -> None:
        """Write a line unless the workspace was there already."""
        step = (progress.stage, progress.message)
        with self._mutex:
            if self._seen.get(progress.workspace) == step:
                return
            self._seen[progress.workspace] = step
            message = f" ({progress.message})" if progress.message else ""
            self._printer.notice(f"{progress.workspace}: {progress.stage}{message}")
