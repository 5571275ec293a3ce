"""Keys and tokens that are made from the fleet's cookie secret."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from kubecoder.models.sections import OAuth2
from kubecoder.render.derived import admin_token, door_cookie_key, fingerprint

SECRET = "0123456789abcdef"
HOST = "john.dev.company.com"
JOHN = OAuth2(github_users=("john_doe",))
logins = st.lists(st.from_regex(r"[A-Za-z0-9]{1,8}", fullmatch=True), min_size=1, max_size=4, unique=True)


def test_the_cookie_key_is_32_url_safe_characters() -> None:
    assert re.fullmatch(r"[-_A-Za-z0-9]{32}", door_cookie_key(SECRET, HOST, JOHN))


def test_keys_and_tokens_stay_the_same_between_releases() -> None:
    """A new version that derived others would end every session and every client's access."""
    assert door_cookie_key(SECRET, HOST, JOHN) == "MjeBi28tapyKOqIkdN5KRv1T5GtZsoCR"
    assert admin_token(SECRET, HOST, 1) == "s7biO6cfldBPq4qlODYA860NyuNpB4mDHZXw0NqygaY"


def test_the_cookie_key_differs_by_secret_host_and_allow_list() -> None:
    lists = [
        JOHN,
        OAuth2(github_users=("john_doe", "jane")),
        OAuth2(github_users=("John_doe",)),
        OAuth2(github_org="john_doe"),
        OAuth2(github_users=("john_doe",), github_org="acme"),
        OAuth2(github_users=("john_doe",), github_org="acme", github_team="dev"),
    ]
    keys = [door_cookie_key(SECRET, HOST, admitted) for admitted in lists]
    keys += [door_cookie_key(SECRET, "jane.dev.company.com", JOHN), door_cookie_key("another-secret-0", HOST, JOHN)]
    assert len(set(keys)) == len(keys)


@given(users=logins, data=st.data())
def test_the_cookie_key_knows_no_order(users: list[str], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(users))
    keys = {door_cookie_key(SECRET, HOST, OAuth2(github_users=tuple(order))) for order in (users, shuffled)}
    assert len(keys) == 1


def test_the_admin_token_differs_by_secret_host_and_generation() -> None:
    tokens = {
        admin_token(SECRET, HOST, 1),
        admin_token(SECRET, HOST, 2),
        admin_token(SECRET, "jane.dev.company.com", 1),
        admin_token("another-secret-0", HOST, 1),
    }
    assert len(tokens) == 4


def test_a_fingerprint_changes_with_secret_and_purpose() -> None:
    fingerprints = {fingerprint("a", "x"), fingerprint("b", "x"), fingerprint("a", "y")}
    assert len(fingerprints) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", value) for value in fingerprints)
