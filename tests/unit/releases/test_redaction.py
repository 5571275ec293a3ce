"""What a record says of Secrets: whether they changed, and nothing else."""

from __future__ import annotations

import pytest

from kubecoder.releases.redaction import content_digest, derive_key, is_redacted, manifest_digest, redact
from tests.unit.releases.samples import KEY, config_map, secret


def mark(*args: str, key: bytes = KEY) -> str:
    return str(redact(secret(*args), key)["data"]["client-secret"])


def test_equal_values_have_equal_marks_and_others_have_others() -> None:
    assert mark("one") == mark("one") != mark("two")


def test_a_mark_depends_on_the_key() -> None:
    assert mark("one") != mark("one", key=derive_key(b"another fleet"))


def test_equal_values_in_two_places_cannot_be_told() -> None:
    elsewhere = redact(secret("one", key="cookie-secret"), KEY)["data"]["cookie-secret"]
    other_secret = redact(secret("one", name="ws-jane-door"), KEY)["data"]["client-secret"]
    assert len({mark("one"), elsewhere, other_secret}) == 3


def test_without_a_key_nothing_is_told() -> None:
    assert mark("one", key=b"") == mark("two", key=b"") == "redacted"


def test_other_kinds_are_recorded_as_they_are() -> None:
    assert redact(config_map(), KEY) == config_map()


def test_the_rendered_secret_itself_is_left_alone() -> None:
    rendered = secret("one")
    redact(rendered, KEY)
    assert rendered == secret("one")


def test_a_secret_without_values_needs_no_mark() -> None:
    assert is_redacted(redact({**secret(), "data": None}, KEY))


def test_values_are_recognized() -> None:
    assert not is_redacted(secret())
    assert not is_redacted({**secret(), "data": None, "stringData": {"a": "b"}})
    assert not is_redacted({**secret(), "data": {"a": 1}})
    assert is_redacted(redact(secret(), KEY))
    assert is_redacted(redact(secret(), b""))
    assert is_redacted(config_map())


def test_the_inventory_digest_sees_a_changed_value_only_with_the_key() -> None:
    assert manifest_digest(secret("one"), KEY) != manifest_digest(secret("two"), KEY)
    assert manifest_digest(secret("one"), KEY) != manifest_digest(secret("one"), derive_key(b"x"))
    assert manifest_digest(config_map(), KEY) == manifest_digest(config_map(), b"")
    with pytest.raises(ValueError, match="needs a key"):
        manifest_digest(secret("one"), b"")


def test_what_a_rollback_brings_back_does_not_depend_on_values() -> None:
    assert content_digest([secret("one"), config_map()]) == content_digest([redact(secret("two"), KEY), config_map()])
    assert content_digest([secret("one")]) != content_digest([secret("one", key="renamed")])
    assert content_digest([config_map(a="1")]) != content_digest([config_map(a="2")])
