"""What an Event of Kubernetes says, whichever of its two APIs it was written by."""

from __future__ import annotations

from collections.abc import Iterable

from kubecoder.models.manifest import Manifest

NOISE = frozenset({"DNSConfigForming", "MissingClusterDNS"})
"""Warnings that come again and again with every pod of some clusters and explain nothing."""


def last_seen(event: Manifest) -> str:
    """Return when an event was last seen, RFC 3339."""
    series = event.get("series") or {}
    last = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return str(last or event["metadata"].get("creationTimestamp") or "")


def most_telling(events: Iterable[Manifest], container: str = "") -> Manifest | None:
    """Choose the event that says most about a failure: the newest warning, of this container if there is one."""

    def rank(event: Manifest) -> tuple[bool, bool, bool, str]:
        is_noise = event.get("reason") in NOISE
        is_about = f"{{{container}}}" in (event.get("involvedObject", {}).get("fieldPath") or "")
        return not is_noise, event.get("type") == "Warning", is_about, last_seen(event)

    return max(events, key=rank, default=None)


def message(event: Manifest) -> str:
    """Return the message of an event on one line."""
    return " ".join((event.get("message") or "").split())
