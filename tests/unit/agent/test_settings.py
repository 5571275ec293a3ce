"""What the agent needs to start."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import settings
from agent.errors import SettingsError

GOOD = {
    "KUBECODER_AGENT_WORKSPACE": "alice",
    "KUBECODER_AGENT_ORIGIN": "https://alice.dev.test",
    "HOME": "/home/dev",
}


def test_two_variables_and_a_home_are_enough() -> None:
    loaded = settings.load(GOOD)
    assert loaded.origin == "https://alice.dev.test"
    assert (loaded.api_host, loaded.api_port) == ("0.0.0.0", 6090)
    assert loaded.session_socket == Path("/run/kubecoder/session/agent.sock")
    assert loaded.user_token_file == Path("/home/dev/.kubecoder/api-token")
    assert loaded.unknown == ()


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load({"KUBECODER_AGENT_API_ADDRESS": "6090", "KUBECODER_AGENT_LOG_LEVEL": "loud"})
    text = str(caught.value)
    for name in ("WORKSPACE", "ORIGIN", "HOME", "API_ADDRESS", "LOG_LEVEL"):
        assert f"KUBECODER_AGENT_{name}" in text
    assert len(caught.value.problems) == 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKSPACE", "Alice"),
        ("WORKSPACE", "-alice"),
        ("WORKSPACE", "a" * 64),
        ("ORIGIN", "alice.dev.test"),
        ("ORIGIN", "https://"),
        ("ORIGIN", "https://alice.dev.test/"),
        ("ORIGIN", "https://alice.dev.test:443"),
        ("ORIGIN", "https://Alice.dev.test"),
        ("ORIGIN", "https://me@alice.dev.test"),
        ("ORIGIN", "https://alice.dev.test:99999"),
        ("ORIGIN", "ftp://alice.dev.test"),
        ("ORIGIN", "https://alice dev.test"),
        ("HOME", "home/dev"),
        ("API_ADDRESS", ":6090"),
        ("API_ADDRESS", "0.0.0.0:70000"),
        ("API_ADDRESS", "0.0.0.0:six"),
        ("API_ADDRESS", "0.0.0.0:²"),
        ("SESSION_SOCKET", "agent.sock"),
        ("SHUTDOWN_SECONDS", "0"),
        ("SHUTDOWN_SECONDS", "-1"),
        ("SHUTDOWN_SECONDS", "soon"),
        ("LOG_LEVEL", "INFO"),
    ],
)
def test_an_invalid_value_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"KUBECODER_AGENT_{name}"):
        settings.load({**GOOD, f"KUBECODER_AGENT_{name}": value})


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1:0", ("127.0.0.1", 0)), ("[::]:6090", ("::", 6090)), ("::1:6090", ("::1", 6090))],
)
def test_an_address_is_split_at_its_last_colon(address: str, expected: tuple[str, int]) -> None:
    loaded = settings.load({**GOOD, "KUBECODER_AGENT_API_ADDRESS": address})
    assert (loaded.api_host, loaded.api_port) == expected


def test_a_port_belongs_to_the_origin() -> None:
    loaded = settings.load({**GOOD, "KUBECODER_AGENT_ORIGIN": "http://localhost:8443"})
    assert loaded.origin == "http://localhost:8443"


def test_an_unknown_variable_is_told_and_stops_nobody() -> None:
    loaded = settings.load({**GOOD, "KUBECODER_AGENT_NEWER": "1"})
    assert loaded.unknown == ("KUBECODER_AGENT_NEWER",)


@given(
    st.dictionaries(
        st.sampled_from(
            [f"{settings.PREFIX}{name}" for name in ("WORKSPACE", "ORIGIN", "HOME", "API_ADDRESS", "SHUTDOWN_SECONDS")]
        ),
        st.text(max_size=40),
    )
)
def test_any_values_load_or_are_settings_errors(values: dict[str, str]) -> None:
    try:
        loaded = settings.load({**GOOD, **values})
    except SettingsError as error:
        assert error.problems  # noqa: PT017 - the other outcome is fine too
    else:
        assert loaded.origin.isascii()
        assert loaded.origin.partition("://")[0] in {"http", "https"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "https://alice.dev.test"),
        ({"LOCAL_PORT": "7000", "API_ADDRESS": "127.0.0.1:7001"}, "http://127.0.0.1:7001"),
        ({"LOCAL_PORT": "7000", "API_ADDRESS": "[::1]:7001"}, "http://[::1]:7001"),
        ({"LOCAL_PORT": "7000", "API_ADDRESS": "127.0.0.1:0"}, None),
    ],
)
def test_programs_are_told_where_the_api_is(given: dict[str, str], expected: str | None) -> None:
    more = {f"KUBECODER_AGENT_{name}": value for name, value in given.items()}
    assert settings.load({**GOOD, **more}).api_url == expected
