"""The kernel's files of use and limits, of cgroup v1 and v2; what can't be read is unknown (None), never zero."""

from __future__ import annotations

# v1 writes "no limit" as the largest multiple of a page; nothing near it is a real limit.
NO_LIMIT = 2**60
# Of the largest number of 64 bits; Python refuses to read very long ones.
MOST_DIGITS = 20
LOOPBACK = "lo"
RECEIVED = 0
SENT = 8


def number(text: str | None) -> int | None:
    """Return the one number of a file, such as `memory.current`; None for anything else."""
    word = (text or "").strip()
    return int(word) if word.isascii() and word.isdigit() and len(word) <= MOST_DIGITS else None


def limit(text: str | None) -> int | None:
    """Return a limit in bytes; None when there is none, written as `max` or as a huge number."""
    found = number(text)
    return None if found is None or found >= NO_LIMIT else found


def stat(text: str | None, key: str) -> int | None:
    """Return one number of a file of `key number` lines, such as `memory.stat` and `cpu.stat`."""
    for line in (text or "").splitlines():
        name, _, value = line.partition(" ")
        if name == key:
            return number(value)
    return None


def quota(text: str | None) -> float | None:
    """Return the cores that `cpu.max` of v2 allows; None without a limit."""
    allowed, _, period = (text or "").strip().partition(" ")
    return cores(allowed, period)


def cores(allowed: str | None, period: str | None) -> float | None:
    """Return the cores of a quota and a period in microseconds; v1 writes -1 for no limit, v2 `max`."""
    quota_us, period_us = number(allowed), number(period)
    return quota_us / period_us if quota_us and period_us else None


def working_set(usage: int | None, inactive_file: int | None) -> int | None:
    """Return the bytes that the kernel can't simply drop: the use without the inactive file cache."""
    return None if usage is None or inactive_file is None else max(0, usage - inactive_file)


def traffic(text: str | None) -> tuple[int, int] | None:
    """Return the bytes received and sent of all interfaces but loopback, from `/proc/net/dev`."""
    received = sent = 0
    interfaces = 0
    for line in (text or "").splitlines():
        name, colon, rest = line.partition(":")
        counters = [number(word) for word in rest.split()]
        if not colon or name.strip() == LOOPBACK or len(counters) <= SENT:
            continue
        interfaces += 1
        received += counters[RECEIVED] or 0
        sent += counters[SENT] or 0
    return (received, sent) if interfaces else None
