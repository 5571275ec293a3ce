"""Keeps the locks of this process: opens sessions and renews what they hold, from one thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from kubecoder.cluster import Cluster
from kubecoder.releases.holder import this_process
from kubecoder.releases.lock import RENEW_SECONDS
from kubecoder.releases.record import Holder, Release
from kubecoder.releases.session import Session

LOCK_TIMEOUT_SECONDS = 60.0


def seconds_awake_or_asleep() -> float:
    """Read a clock that never goes back and, where the system has one, goes on while the machine is suspended."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


def utc_now() -> datetime:
    """Read the wall clock in whole seconds, for people; nothing is decided by it."""
    return datetime.now(UTC).replace(microsecond=0)


def _tell_nobody(_release: Release) -> None:
    """Wait in silence."""


class LockKeeper:
    """One for each command that writes; close it when the command ends.

    Args:
        cluster: Where the records are.
        timeout: Seconds that a session waits for somebody else's lock.
        on_wait: Is told, about every second, whose record is waited for.
        sleep: Waits between two looks; may raise to end the waiting.
        holder: Who takes the locks; this process by default.
        clock: Seconds of a clock of this machine.
        now: The wall clock.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        timeout: float = LOCK_TIMEOUT_SECONDS,
        on_wait: Callable[[Release], None] = _tell_nobody,
        sleep: Callable[[float], object] = time.sleep,
        holder: Holder | None = None,
        clock: Callable[[], float] = seconds_awake_or_asleep,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.cluster = cluster
        self.timeout = timeout
        self.on_wait = on_wait
        self.sleep = sleep
        self.holder = holder or this_process()
        self.clock = clock
        self.now = now
        self._sessions: set[Session] = set()
        self._mutex = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def session(self, release: Release) -> Session:
        """Open a session on a record that was read, or on one that doesn't exist yet; sends nothing."""
        return Session(self, release)

    def add(self, session: Session) -> None:
        """Renew a session's lock from now on."""
        with self._mutex:
            self._sessions.add(session)
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name="kubecoder-locks", daemon=True)
                self._thread.start()

    def discard(self, session: Session) -> None:
        """Stop renewing a session's lock."""
        with self._mutex:
            self._sessions.discard(session)

    def renew_all(self) -> None:
        """Renew every lock once."""
        with self._mutex:
            sessions = tuple(self._sessions)
        for session in sessions:
            session.renew()

    def close(self) -> None:
        """End the thread; sessions release their locks themselves."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Self:
        """Return the keeper itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the keeper."""
        self.close()

    def _run(self) -> None:
        while not self._closing.wait(RENEW_SECONDS):
            self.renew_all()
