"""Whether the lock of a record may be taken: a pure decision from two looks at the record.

A lock has no expiry time that clocks of two machines would have to agree on. Its holder rewrites the record every
10 s; whoever sees the record unchanged for 30 s, on their own clock, may take it (decision D13).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kubecoder.releases.record import Lock, Release

RENEW_SECONDS = 10.0
EXPIRY_SECONDS = 30.0
# A holder stops believing in its lock before anybody else may: requests in flight need time to end.
VALID_SECONDS = 25.0


class Verdict(StrEnum):
    """What may be done about a lock."""

    FREE = "free"
    HELD = "held"
    EXPIRED = "expired"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Sighting:
    """When a version of a record was first seen, in seconds of the beholder's own clock, after the answer came."""

    version: str
    since: float

    def updated(self, version: str, now: float) -> Sighting:
        """Keep the time while the version stays."""
        return self if version == self.version else Sighting(version, now)


def judge(release: Release, sighting: Sighting, asked_at: float, *, holder_is_gone: bool) -> Verdict:
    """Decide about the lock of a record that was just read.

    Args:
        release: The record as the last answer showed it.
        sighting: When this version was first seen.
        asked_at: When the last question was sent; the record was the same from the sighting until then at least.
        holder_is_gone: Whether the holder ran on this host and has ended.
    """
    if release.lock is None:
        return Verdict.FREE
    if holder_is_gone:
        return Verdict.DEAD
    is_same = sighting.version == release.resource_version
    return Verdict.EXPIRED if is_same and asked_at - sighting.since >= EXPIRY_SECONDS else Verdict.HELD


def describe(lock: Lock, seconds: float) -> str:
    """Name the holder for people: who, where, since when."""
    holder = lock.holder
    process = f"pid {holder.pid} on {holder.host or 'an unknown host'}"
    return f"{holder.author} ({process}) for {duration(seconds)}"


def duration(seconds: float) -> str:
    """Write a time span as kubectl does: 45s, 3m12s, 2h5m."""
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole}s"
    if whole < 7200:
        return f"{whole // 60}m{whole % 60}s"
    return f"{whole // 3600}h{whole % 3600 // 60}m"
