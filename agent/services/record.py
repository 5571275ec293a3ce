"""What became of one service while the agent watched: how often it came back, and whether it keeps failing."""

from __future__ import annotations

from collections import deque

from agent.services.supervisor import Process

MANY_RESTARTS = 3
RECENT_SECONDS = 300


class Record:
    """Counts a service's restarts from what the supervisor says again and again.

    Attributes:
        restarts: How often it ended by itself and was started again.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self._started: int | None = None
        self._is_asked_for = False
        self._failed_last = False
        self._recent: deque[int] = deque(maxlen=MANY_RESTARTS)

    def expect_start(self) -> None:
        """Take the next start for one that a person asked for."""
        self._is_asked_for = True
        self._recent.clear()

    def saw(self, process: Process) -> None:
        """Note what the supervisor says now."""
        # A look that was overtaken by a later one brings an older start.
        if self._started is not None and process.started > self._started:
            self._note_start(process.started)
        self._started = max(self._started or 0, process.started)
        if process.state in ("backoff", "fatal"):
            self._failed_last = True
        elif process.state != "starting":
            self._failed_last = False

    def is_failing(self, now: float) -> bool:
        """Tell whether its last start failed, or it ended by itself many times in the last minutes.

        Args:
            now: Unix seconds.
        """
        often = len(self._recent) == MANY_RESTARTS and now - self._recent[0] < RECENT_SECONDS
        return self._failed_last or often

    def _note_start(self, started: int) -> None:
        if self._is_asked_for:
            self._is_asked_for = False
            return
        self.restarts += 1
        self._recent.append(started)
