"""When the token is renewed: every 50 minutes, earlier when it ends earlier, soon after a failure."""

from __future__ import annotations

from dataclasses import dataclass

REFRESH_SECONDS = 50 * 60
MARGIN_SECONDS = 10 * 60
SHORTEST_SECONDS = 30
FIRST_RETRY_SECONDS = 2
LONGEST_RETRY_SECONDS = 60
LONGEST_WAIT_SECONDS = 15 * 60


def refresh_delay(lifetime: float) -> float:
    """Return how many seconds after its making a token is renewed, from the seconds that it lives."""
    by_end = max(lifetime - MARGIN_SECONDS, lifetime / 2)
    return max(SHORTEST_SECONDS, min(REFRESH_SECONDS, by_end))


@dataclass(slots=True)
class Retries:
    """The delays after failures in a row: 2 s, doubled each time, at most a minute, or what GitHub asks up to 15."""

    failures: int = 0

    def reset(self) -> None:
        """Forget the failures after a success, or when the App's files changed."""
        self.failures = 0

    def next_delay(self, retry_after: float, spread: float) -> float:
        """Return the delay after one more failure.

        Args:
            retry_after: Seconds that GitHub asks to wait, or 0.
            spread: From 0 to 1, so that many workspaces don't come back at once.
        """
        delay = min(FIRST_RETRY_SECONDS * 2.0 ** min(self.failures, 10), LONGEST_RETRY_SECONDS)
        self.failures += 1
        return max(delay * (0.75 + spread / 2), min(retry_after, LONGEST_WAIT_SECONDS))
