"""How many requests may be in flight: one more for each round of successes, half when the server pushes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Ticket:
    """One request in flight; what it meets is reported on it.

    Attributes:
        epoch: How often the window had been halved when the request started.
        pushed_back: Whether the server answered 429 or 503.
        retry_after: Seconds of quiet that the server asked for.
    """

    epoch: int
    pushed_back: bool = False
    retry_after: float = 0.0


@dataclass(slots=True)
class Window:
    """The adaptive limit as a state machine: it knows no clock, no threads and no requests.

    Requests that started before the window was halved say nothing about the halved window: of a whole
    round of 429s only the first counts (as in TCP, where one loss event halves the window once).

    Attributes:
        ceiling: The limit never goes above it, and starts there.
        limit: How many may be in flight; at least 1.
        in_flight: How many are.
        quiet_until: No request starts before this time (on the caller's clock).
    """

    ceiling: int
    limit: float = field(init=False)
    in_flight: int = 0
    quiet_until: float = 0.0
    epoch: int = 0

    def __post_init__(self) -> None:
        if self.ceiling < 1:
            raise ValueError("at least one request must be allowed")
        self.limit = float(self.ceiling)

    def is_open(self, now: float) -> bool:
        """Tell whether another request may start."""
        return now >= self.quiet_until and self.in_flight < int(self.limit)

    def start(self) -> Ticket:
        """Count a request as started."""
        self.in_flight += 1
        return Ticket(self.epoch)

    def finish(self, ticket: Ticket, now: float) -> None:
        """Count a request as ended and learn from what it met."""
        self.in_flight -= 1
        if not ticket.pushed_back:
            self.limit = min(float(self.ceiling), self.limit + 1.0 / self.limit)
            return
        self.quiet_until = max(self.quiet_until, now + ticket.retry_after)
        if ticket.epoch == self.epoch:
            self.limit = max(1.0, self.limit / 2.0)
            self.epoch += 1


class Limiter:
    """Keeps the threads of one cluster inside a `Window`.

    Args:
        ceiling: The most requests in flight.
        clock: Monotonic seconds.
    """

    def __init__(self, ceiling: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.window = Window(ceiling)
        self._clock = clock
        self._changed = threading.Condition()

    @contextmanager
    def slot(self) -> Iterator[Ticket]:
        """Wait for a place in the window and hold it for one request."""
        with self._changed:
            while not self.window.is_open(now := self._clock()):
                quiet = self.window.quiet_until - now
                self._changed.wait(quiet if quiet > 0 else None)
            ticket = self.window.start()
        try:
            yield ticket
        finally:
            with self._changed:
                self.window.finish(ticket, self._clock())
                self._changed.notify_all()
