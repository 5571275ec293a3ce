"""Which answers are tried again, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecoder.cluster.retry import DEFAULT, FIRST_CONTACT, ONCE, Policy, is_transient
from tests.unit.cluster.server import status

QUOTA_RACE = status(
    409,
    "Conflict",
    'Operation cannot be fulfilled on resourcequotas "q": the object has been modified; please apply your changes',
    kind="resourcequotas",
    name="q",
)


@pytest.mark.parametrize("code", [429, 502, 503, 504])
def test_answers_of_a_busy_server_are_transient(code: int) -> None:
    assert is_transient(code, status(code))
    assert is_transient(code, None)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 501])
def test_answers_that_stay_the_same_are_not(code: int) -> None:
    assert not is_transient(code, status(code, "Whatever", "etcdserver webhook leader"))
    assert not is_transient(code, None)


@pytest.mark.parametrize(
    "message",
    [
        "etcdserver: leader changed",
        "etcdserver: request timed out",
        'failed calling webhook "x": connection refused',
        "rpc error: no leader",
    ],
)
def test_a_500_is_transient_when_its_cause_passes(message: str) -> None:
    assert is_transient(500, status(500, "InternalError", message))


def test_a_500_about_the_object_itself_is_not() -> None:
    assert not is_transient(500, status(500, "InternalError", "failed to create typed patch object"))


def test_a_500_of_something_in_between_or_with_retry_after_is_transient() -> None:
    assert is_transient(500, None)
    assert is_transient(500, status(500, "ServerTimeout", "later"), retry_after=1)


def test_a_lost_race_inside_the_quota_admission_is_transient_and_our_own_conflict_is_not() -> None:
    assert is_transient(409, QUOTA_RACE)
    ours = 'Operation cannot be fulfilled on secrets "s": the object has been modified'
    assert not is_transient(409, status(409, "Conflict", ours, kind="secrets", name="s"))


def test_pauses_double_up_to_the_cap() -> None:
    policy = Policy(attempts=9, base_seconds=1, cap_seconds=8)

    pauses = [policy.pause(attempt, 0, None, lambda: 1.0) for attempt in range(1, 10)]

    assert pauses == [1, 2, 4, 8, 8, 8, 8, 8, None]


def test_the_server_is_never_asked_earlier_than_it_said() -> None:
    assert DEFAULT.pause(1, 0, 20, lambda: 0.0) == 20
    assert DEFAULT.pause(1, 0, 20, lambda: 0.5) == 22.5


def test_one_try_means_one_try_and_first_contact_two() -> None:
    assert ONCE.pause(1, 0, None, lambda: 0.0) is None
    assert FIRST_CONTACT.pause(1, 0, None, lambda: 0.0) is not None
    assert FIRST_CONTACT.pause(2, 0, None, lambda: 0.0) is None


@given(
    retry_after=st.none() | st.floats(0, 3600),
    jitters=st.lists(st.floats(0, 1, exclude_max=True), min_size=20, max_size=20),
)
def test_trying_ends_within_its_number_and_its_time(retry_after: float | None, jitters: list[float]) -> None:
    numbers = iter(jitters * 2)
    elapsed, tries = 0.0, 1
    while (pause := DEFAULT.pause(tries, elapsed, retry_after, lambda: next(numbers))) is not None:
        assert pause > 0
        assert retry_after is None or pause >= retry_after
        elapsed += pause
        tries += 1

    assert tries <= DEFAULT.attempts
    assert elapsed <= DEFAULT.total_seconds
