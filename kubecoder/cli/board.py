"""The live table of a run on a terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from kubecoder.output import printable
from kubecoder.rollout.changes import Outcome, Progress, Reporter

_ENDED = {outcome.value for outcome in Outcome}
_SHOWN_ROWS = 20


@contextmanager
def shown_board() -> Iterator[Reporter]:
    """Draw a table on stderr until the end of the block; yield what takes its rows."""
    board = Board()
    with Live(board, console=Console(stderr=True), refresh_per_second=8, transient=True):
        yield board.report


class Board:
    """The live table: workspace, stage, objects, what is waited for; rich draws it."""

    def __init__(self) -> None:
        self._steps: dict[str, Progress] = {}
        self._mutex = threading.Lock()
        self._started = time.monotonic()

    def report(self, progress: Progress) -> None:
        """Remember where a workspace is."""
        with self._mutex:
            self._steps[progress.workspace] = progress

    def __rich__(self) -> Table:
        """Draw the workspaces that are at work, and count those that have ended."""
        with self._mutex:
            steps = list(self._steps.values())
        ended = sum(step.stage in _ENDED for step in steps)
        table = Table(box=None, pad_edge=False, title_justify="left", title=self._title(ended, len(steps)))
        for title in ("WORKSPACE", "STAGE", "OBJECTS", "WAITING FOR"):
            table.add_column(title)
        working = [step for step in steps if step.stage not in _ENDED]
        for step in working[:_SHOWN_ROWS]:
            objects = f"{step.done}/{step.total}" if step.total else ""
            cells = (step.workspace, step.stage, objects, step.message)
            table.add_row(*(Text(printable(cell), overflow="ellipsis", no_wrap=True) for cell in cells))
        if len(working) > _SHOWN_ROWS:
            table.add_row(Text(f"… {len(working) - _SHOWN_ROWS} more"))
        return table

    def _title(self, ended: int, count: int) -> Text:
        return Text(f"{ended} of {count} done, {time.monotonic() - self._started:.0f} s")
