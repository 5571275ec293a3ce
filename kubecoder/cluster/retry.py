"""Which answers of the API server are worth another try, and when; no clock and no sleep in here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

TRANSIENT_STATUSES = frozenset({429, 502, 503, 504})
TRANSIENT_TEXTS = ("etcdserver", "webhook", "leader")


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and for how long one request is tried.

    Attributes:
        attempts: Tries in all, the first one included.
        base_seconds: The longest first pause; it doubles with each try.
        cap_seconds: The longest pause that isn't asked for by the server.
        total_seconds: No try starts later than this after the first.
    """

    attempts: int = 8
    base_seconds: float = 0.25
    cap_seconds: float = 8.0
    total_seconds: float = 90.0

    def pause(
        self, attempt: int, elapsed: float, retry_after: float | None, jitter: Callable[[], float]
    ) -> float | None:
        """Give the seconds to wait before the next try, or None to give up.

        Args:
            attempt: How many tries were made, from 1.
            elapsed: Seconds since the first try started.
            retry_after: What the server asked for; never undercut.
            jitter: A number in [0, 1), so that many clients don't come back at once.
        """
        if attempt >= self.attempts:
            return None
        backoff = min(self.cap_seconds, self.base_seconds * 2.0 ** (attempt - 1))
        pause = backoff * (0.5 + 0.5 * jitter())
        if retry_after is not None:
            pause = max(pause, retry_after * (1.0 + 0.25 * jitter()))
        return pause if elapsed + pause <= self.total_seconds else None


DEFAULT = Policy()
FIRST_CONTACT = Policy(attempts=2)
"""Until the server has answered once, a wrong address is likelier than a server that restarts."""
ONCE = Policy(attempts=1)


def is_transient(status: int, document: Mapping[str, Any] | None, *, retry_after: float | None = None) -> bool:
    """Tell whether the same request may succeed later without anybody changing anything.

    Args:
        status: The HTTP status.
        document: The Status object of the answer, or None when the body isn't one (then something
            between us and the API server has answered).
        retry_after: The `Retry-After` of the answer; on a 5xx it is the server's own word that it is worth it.
    """
    if status in TRANSIENT_STATUSES:
        return True
    if status == 500:
        if document is None or retry_after is not None:
            return True
        message = str(document.get("message", ""))
        return any(text in message for text in TRANSIENT_TEXTS)
    return status == 409 and document is not None and is_quota_race(document)


def is_quota_race(document: Mapping[str, Any]) -> bool:
    """Tell a 409 of the quota admission, which lost a race with another request, from one about the object itself."""
    details = document.get("details") or {}
    return details.get("kind") == "resourcequotas" and "has been modified" in str(document.get("message", ""))
