"""Who the door's headers sign in, and whom a list admits."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.access.admission import (
    AllowList,
    admit,
    parse_allow_list,
    parse_go_time,
    read_allow_list,
    read_session,
)
from agent.errors import NotAdmittedError, NotSignedInError, UnavailableError

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
CREATED = b"2026-11-23 17:40:32.93433425 +0000 UTC"
EXPIRES = b"2026-11-24 05:40:32.93433425 +0000 UTC"
GOOD = (
    (b"x-forwarded-user", b"alice"),
    (b"x-forwarded-email", b"alice@example.com"),
    (b"x-forwarded-groups", b"acme,acme:dev"),
    (b"x-kubecoder-session-created", CREATED),
    (b"x-kubecoder-session-expires", EXPIRES),
)


def without(name: bytes) -> tuple[tuple[bytes, bytes], ...]:
    return tuple(header for header in GOOD if header[0] != name)


def test_a_complete_sign_in_is_read() -> None:
    session = read_session(GOOD, now=NOW)
    assert session.user == "alice"
    assert session.email == "alice@example.com"
    assert session.groups == ("acme", "acme:dev")
    assert session.created == datetime(2026, 11, 23, 17, 40, 32, 934334, tzinfo=UTC)
    assert session.expires > NOW


@pytest.mark.parametrize("name", [b"x-forwarded-user", b"x-kubecoder-session-created", b"x-kubecoder-session-expires"])
def test_a_header_that_a_client_dropped_is_a_refusal(name: bytes) -> None:
    with pytest.raises(NotSignedInError):
        read_session(without(name), now=NOW)


@pytest.mark.parametrize("name", [name for name, _value in GOOD])
def test_a_header_that_comes_twice_is_a_refusal(name: bytes) -> None:
    with pytest.raises(NotSignedInError):
        read_session((*GOOD, (name, b"mallory")), now=NOW)


@pytest.mark.parametrize("name", [b"x-forwarded-email", b"x-forwarded-groups"])
def test_email_and_groups_may_be_absent(name: bytes) -> None:
    assert read_session(without(name), now=NOW).user == "alice"


@pytest.mark.parametrize(
    "user",
    [b"", b" ", b"alice,mallory", b"alice mallory", b"-alice", b"al/ice", "ælice".encode(), b"a" * 60, b"a\x00b"],
)
def test_a_malformed_login_is_a_refusal(user: bytes) -> None:
    with pytest.raises(NotSignedInError):
        read_session((*without(b"x-forwarded-user"), (b"x-forwarded-user", user)), now=NOW)


@pytest.mark.parametrize("user", [b"alice", b"OctoCat", b"a-b-c", b"7even", b"alice_acme"])
def test_a_login_of_github_is_read(user: bytes) -> None:
    headers = (*without(b"x-forwarded-user"), (b"x-forwarded-user", user))
    assert read_session(headers, now=NOW).user == user.decode()


def test_a_session_that_is_over_is_a_refusal() -> None:
    with pytest.raises(NotSignedInError, match="over"):
        read_session(GOOD, now=datetime(2026, 11, 24, 5, 40, 33, tzinfo=UTC))


def test_a_session_from_the_future_is_a_refusal() -> None:
    with pytest.raises(NotSignedInError, match="future"):
        read_session(GOOD, now=datetime(2026, 11, 23, 17, 39, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23 17:40:32 +0000 UTC", datetime(2026, 11, 23, 17, 40, 32, tzinfo=UTC)),
        ("2026-11-23 17:40:32.5 +0000 UTC m=+0.002", datetime(2026, 11, 23, 17, 40, 32, 500000, tzinfo=UTC)),
        ("2026-11-23 17:40:32 -0530 -0530", datetime(2026, 11, 23, 23, 10, 32, tzinfo=UTC)),
        ("2026-11-23 17:40:32 +0200 CEST", datetime(2026, 11, 23, 15, 40, 32, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_go_writes_them(text: str, expected: datetime) -> None:
    assert parse_go_time(text) == expected


@pytest.mark.parametrize(
    "text", ["", "now", "2026-11-23T17:40:32Z", "2026-13-23 17:40:32 +0000 UTC", "2026-11-23 17:40:32 +9999 X"]
)
def test_another_form_of_time_is_a_refusal(text: str) -> None:
    with pytest.raises(NotSignedInError):
        parse_go_time(text)


@given(
    st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001 - hypothesis wants it so
    st.integers(-14 * 60, 14 * 60),
)
def test_any_time_of_go_comes_back(moment: datetime, offset_minutes: int) -> None:
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    sign = "-" if offset_minutes < 0 else "+"
    zone = f"{sign}{abs(offset_minutes) // 60:02}{abs(offset_minutes) % 60:02}"
    assert parse_go_time(f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond:06} {zone} UTC") == zoned


@given(
    st.lists(
        st.tuples(
            st.sampled_from([name for name, _value in GOOD]),
            st.one_of(st.binary(max_size=60), st.sampled_from([value for _name, value in GOOD])),
        ),
        max_size=8,
    )
)
def test_any_headers_are_a_session_or_a_refusal(headers: list[tuple[bytes, bytes]]) -> None:
    try:
        session = read_session(headers, now=NOW)
    except NotSignedInError:
        return
    assert session.user
    assert session.expires > NOW
    assert [name for name, _value in headers].count(b"x-forwarded-user") == 1


@pytest.mark.parametrize(
    ("document", "user", "groups", "admitted"),
    [
        ({"users": ["alice"]}, "alice", [], True),
        ({"users": ["alice"]}, "Alice", [], False),
        ({"users": ["alice"]}, "bob", ["acme"], False),
        ({"users": [], "org": "acme"}, "bob", ["acme"], True),
        ({"users": [], "org": "acme"}, "bob", ["ACME"], False),
        ({"users": [], "org": "acme"}, "bob", ["acme:dev"], False),
        ({"org": "acme", "team": "dev"}, "bob", ["acme"], False),
        ({"org": "acme", "team": "dev"}, "bob", ["acme", "acme:dev"], True),
        ({"org": "acme", "team": "Dev, ops"}, "bob", ["acme:OPS"], True),
        ({"org": "acme", "team": "dev"}, "bob", ["other:dev"], False),
        ({"org": "acme", "team": "dev"}, "bob", ["ACME:dev"], True),
        ({"users": ["alice"], "org": "acme", "team": "dev"}, "alice", [], True),
        ({"users": ["alice"], "org": "acme"}, "bob", ["acme"], True),
    ],
)
def test_users_or_members_come_in(document: dict[str, object], user: str, groups: list[str], admitted: bool) -> None:
    allow_list = parse_allow_list(json.dumps(document).encode())
    assert allow_list.admits(user, groups) is admitted


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"not json",
        b"\xff",
        b'{"users": []}',
        b'{"users": [""]}',
        b'{"users": "alice"}',
        b'{"users": [1]}',
        b'{"org": ["acme"]}',
        b'{"team": "dev"}',
        b'{"users": ["alice"], "team": "dev"}',
    ],
)
def test_a_list_that_is_malformed_or_admits_nobody_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "admission.json"
    path.write_bytes(content)
    with pytest.raises(UnavailableError):
        read_allow_list(path)


def test_a_missing_list_admits_nobody(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        read_allow_list(tmp_path / "admission.json")


def test_who_is_not_on_the_list_is_told_the_next_step() -> None:
    session = read_session(GOOD, now=NOW)
    with pytest.raises(NotAdmittedError) as caught:
        admit(session, AllowList(frozenset({"bob"})))
    assert caught.value.hint is not None
    assert "githubUsers" in caught.value.hint
