"""When a lock may be taken, and how its holder is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubecoder.releases.lock import Sighting, Verdict, describe, duration, judge
from tests.unit.releases.samples import EMPTY, LOCK

HELD = replace(EMPTY, lock=LOCK, resource_version="7")
SEEN = Sighting("7", since=100.0)


@pytest.mark.parametrize(
    ("asked_at", "verdict"), [(100.0, Verdict.HELD), (129.9, Verdict.HELD), (130.0, Verdict.EXPIRED)]
)
def test_a_lock_expires_when_its_record_was_the_same_for_thirty_seconds(asked_at: float, verdict: Verdict) -> None:
    assert judge(HELD, SEEN, asked_at, holder_is_gone=False) is verdict


def test_a_record_that_has_changed_since_is_not_expired() -> None:
    assert judge(replace(HELD, resource_version="8"), SEEN, 900.0, holder_is_gone=False) is Verdict.HELD


def test_a_dead_holder_is_not_waited_for() -> None:
    assert judge(HELD, SEEN, 100.0, holder_is_gone=True) is Verdict.DEAD


def test_no_lock_is_free() -> None:
    assert judge(EMPTY, SEEN, 100.0, holder_is_gone=False) is Verdict.FREE


def test_a_sighting_lasts_while_the_version_does() -> None:
    assert SEEN.updated("7", 120.0) == SEEN
    assert SEEN.updated("8", 120.0) == Sighting("8", 120.0)


def test_a_holder_is_named_for_people() -> None:
    assert describe(LOCK, 192) == "jane@laptop (pid 4711 on laptop) for 3m12s"


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0s"), (0.4, "0s"), (119, "119s"), (120, "2m0s"), (7199, "119m59s"), (7500, "2h5m")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
