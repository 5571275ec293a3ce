"""Times as kubectl writes them: `45s`, `12m`, `3h10m`, `5d2h`, `200d`."""

from __future__ import annotations

from datetime import UTC, datetime

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def age(since: datetime | None, now: datetime | None = None) -> str:
    """Write how long ago a moment was; empty for None."""
    if since is None:
        return ""
    return span(((now or datetime.now(UTC)) - since).total_seconds())


def span(seconds: float) -> str:
    """Write a time span with at most two units, the second one only while it matters."""
    whole = max(0, int(seconds))
    if whole < 2 * _MINUTE:
        return f"{whole}s"
    if whole < 2 * _HOUR:
        return _pair(whole, _MINUTE, "m", 1, "s", limit=10)
    if whole < 2 * _DAY:
        return _pair(whole, _HOUR, "h", _MINUTE, "m", limit=8)
    return _pair(whole, _DAY, "d", _HOUR, "h", limit=8)


def _pair(whole: int, unit: int, name: str, small: int, small_name: str, *, limit: int) -> str:
    count, rest = divmod(whole, unit)
    extra = rest // small
    return f"{count}{name}{extra}{small_name}" if extra and count < limit else f"{count}{name}"
