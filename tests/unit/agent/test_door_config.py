"""The door's mounted files, checked before oauth2-proxy sees them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.door import config
from agent.door.config import Content, DoorFiles
from agent.errors import SettingsError

FILES = DoorFiles.below(Path("/etc/kubecoder/door"))
FLAGS = {"redirect-url": "https://alice.dev.test/oauth2/callback", "skip-provider-button": "true"}
GOOD = {
    "alpha": b"server:\n  bindAddress: 0.0.0.0:4180\n",
    "flags": json.dumps({"flags": FLAGS}).encode(),
    "client_secret": b"0123456789abcdef0123456789abcdef01234567",
    "cookie_secret": b"0123456789abcdef0123456789abcdef",
}


def problems(**changed: bytes) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        config.arguments(FILES, Content(**{**GOOD, **changed}))
    return list(caught.value.problems)


def test_good_files_become_arguments_without_secrets() -> None:
    arguments = config.arguments(FILES, Content(**GOOD))
    assert arguments == (
        "--redirect-url=https://alice.dev.test/oauth2/callback",
        "--skip-provider-button=true",
    )


@pytest.mark.parametrize("name", ["client_secret", "cookie_secret"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "missing or empty"),
        (b"\n", "missing or empty"),
        (b"secret\n", "newline"),
        (b" secret", "white space"),
        (b"sec ret", "a space"),
        (b"secr\xc3\xa9t", "outside ASCII"),
        (b"sec\x00ret", "outside ASCII"),
    ],
)
def test_a_secret_that_the_proxy_would_misuse_is_refused_by_name_only(name: str, content: bytes, reason: str) -> None:
    found = problems(**{name: content})
    assert len(found) == 1
    assert name.replace("_", "-") in found[0]
    assert reason in found[0]
    assert "sec" not in found[0].replace("secret", "")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "missing or empty"),
        (b"  \n", "missing or empty"),
        (b"upstreamConfig: {}", "bindAddress"),
        (b"# bindAddress: x", "bindAddress"),
    ],
)
def test_a_configuration_on_which_the_proxy_ends_silently_is_refused(content: bytes, reason: str) -> None:
    assert reason in problems(alpha=content)[0]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'{"flags": {}}', b'{"flags": []}', b'{"flags": {"a": 1}}', b'{"flags": {"--a": "1"}}'],
)
def test_flags_of_another_shape_are_refused(content: bytes) -> None:
    assert "door.json" in problems(flags=content)[0]


@pytest.mark.parametrize(
    "flag",
    [
        "reverse-proxy",
        "skip-auth-route",
        "skip-auth-regex",
        "skip-auth-preflight",
        "skip-jwt-bearer-tokens",
        "trusted-ip",
        "trusted-proxy-ip",
        "client-secret",
        "cookie-secret",
        "cookie-secret-file",
        "client-secret-file",
        "alpha-config",
        "config",
        "insecure-oidc-allow-unverified-email",
    ],
)
def test_a_flag_that_opens_the_door_is_refused(flag: str) -> None:
    flags = json.dumps({"flags": {**FLAGS, flag: "true"}}).encode()
    assert problems(flags=flags) == [f"{FILES.flags}: --{flag} isn't allowed here"]


def test_everything_wrong_is_said_at_once() -> None:
    assert len(problems(alpha=b"", flags=b"", client_secret=b"", cookie_secret=b"")) == 4


def test_a_missing_file_reads_as_empty(tmp_path: Path) -> None:
    assert config.read(DoorFiles.below(tmp_path)) == Content(b"", b"", b"", b"")


def test_no_secret_is_in_a_repr() -> None:
    assert "0123" not in repr(Content(**GOOD))


@given(st.fixed_dictionaries({}, optional={name: st.binary(max_size=80) for name in GOOD}))
def test_any_files_are_arguments_or_settings_errors(changed: dict[str, bytes]) -> None:
    content = Content(**{**GOOD, **changed})
    try:
        arguments = config.arguments(FILES, content)
    except SettingsError as error:
        assert error.problems  # noqa: PT017 - the other outcome is fine too
    else:
        assert content.client_secret == content.client_secret.strip() != b""
        assert not any(secret.decode("latin-1") in " ".join(arguments) for secret in content.secrets if len(secret) > 6)
