from datetime import UTC, datetime
from typing import Any

import pytest

from kubecoder.models.events import most_telling
from kubecoder.status.detail import newest, urls
from tests.fleets import user


def event(reason: str, when: str, *, type: str = "Normal", **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"creationTimestamp": "2026-01-01T09:00:00Z"},
        "involvedObject": {"kind": "Pod", "name": "p"},
        "type": type,
        "reason": reason,
        "message": "two\nlines",
        "lastTimestamp": when,
        **more,
    }


def test_events_come_newest_first_and_no_more_than_asked_for() -> None:
    events = [
        event("First", "2026-01-01T10:00:00Z"),
        event("Last", "2026-01-01T12:00:00Z"),
        event("Second", "2026-01-01T11:00:00Z"),
    ]

    shown = newest(events, limit=2)

    assert [entry.reason for entry in shown] == ["Last", "Second"]
    assert (shown[0].subject, shown[0].message, shown[0].count) == ("Pod/p", "two lines", 1)
    assert shown[0].last_seen == datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_both_apis_of_events_are_read() -> None:
    series = event(
        "Series",
        "",
        eventTime="2026-01-01T10:00:00.5Z",
        series={"count": 7, "lastObservedTime": "2026-01-01T11:00:00.5Z"},
    )
    counted = event("Counted", "2026-01-01T10:00:00Z", count=3)
    bare = event("Bare", "")

    assert [(entry.reason, entry.count) for entry in newest([bare, counted, series])] == [
        ("Series", 7),
        ("Counted", 3),
        ("Bare", 1),
    ]


def test_the_newest_warning_tells_more_than_a_newer_event() -> None:
    pulled = event("Pulled", "2026-01-01T12:00:00Z")
    back_off = event("BackOff", "2026-01-01T11:00:00Z", type="Warning")
    failed = event("Failed", "2026-01-01T10:00:00Z", type="Warning")

    assert most_telling([pulled, back_off, failed]) is back_off
    assert most_telling([pulled]) is pulled
    assert most_telling([]) is None


def test_a_warning_about_the_failing_container_tells_more_than_a_newer_one() -> None:
    ours = event("Failed", "2026-01-01T10:00:00Z", type="Warning")
    ours["involvedObject"]["fieldPath"] = "spec.containers{ide}"
    other = event("Unhealthy", "2026-01-01T11:00:00Z", type="Warning")

    assert most_telling([ours, other], "ide") is ours
    assert most_telling([ours, other], "oauth2-proxy") is other


def test_noise_tells_least() -> None:
    noise = event("MissingClusterDNS", "2026-01-01T12:00:00Z", type="Warning")
    pulled = event("Pulled", "2026-01-01T10:00:00Z")

    assert most_telling([noise, pulled]) is pulled


@pytest.mark.parametrize(
    ("ingress", "scheme"),
    [
        ({}, "https"),
        ({"tls": {"enabled": False}}, "http"),
        ({"tls": {"enabled": False}, "gateway": {"name": "g"}}, "https"),
    ],
)
def test_urls(ingress: dict[str, Any], scheme: str) -> None:
    found = urls(user("john", ingress=ingress))

    assert found["dashboard"] == f"{scheme}://john.dev.example.com/oauth/"
    assert set(found) == {"dashboard", "ide", "terminal", "browser", "api"}
