"""How the agent starts, and how it ends."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import server
from agent.errors import SettingsError
from tests.agent.conftest import Agent, door_headers, environment, running_agent
from tests.rigs.waiting import wait_until

STREAMING = ("-m", "tests.agent.streaming")


@pytest.fixture
def streaming(tmp_path: Path) -> Iterator[Agent]:
    with running_agent(tmp_path, argv=STREAMING) as agent:
        yield agent


@contextlib.contextmanager
def stream(agent: Agent, path: str) -> Iterator[http.client.HTTPResponse]:
    """Open a stream and read its first word."""
    with contextlib.closing(http.client.HTTPConnection(agent.api_address, timeout=15)) as connection:
        connection.request("GET", path, headers={"Authorization": f"Bearer {agent.admin_token}"})
        with connection.getresponse() as response:
            assert response.read1() == b"first"
            yield response


def end(agent: Agent, number: int = signal.SIGTERM) -> tuple[int, float]:
    """End the process by a signal; return its exit code and the seconds that it took."""
    started = time.monotonic()
    os.kill(agent.process.pid, number)
    return agent.process.popen.wait(20), time.monotonic() - started


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_agent_ends_at_once_and_takes_its_socket_along(agent: Agent, number: int) -> None:
    with contextlib.closing(http.client.HTTPConnection(agent.api_address)) as idle:
        idle.request("GET", "/health")
        idle.getresponse().read()
        code, seconds = end(agent, number)
    assert (code, seconds < 2) == (0, True)
    assert not agent.session_socket.exists()
    assert agent.log()[-1]["message"] == "the agent has ended"


def test_a_stream_that_heeds_the_end_gets_its_last_word_out(streaming: Agent) -> None:
    with stream(streaming, "/heeding") as response:
        code, seconds = end(streaming)
        assert response.read() == b"last"
    assert (code, seconds < 2) == (0, True)


def test_a_stream_that_does_not_is_cut_after_the_bound(streaming: Agent) -> None:
    with stream(streaming, "/deaf") as response:
        code, seconds = end(streaming)
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            response.read()
    assert code == 0
    assert 2.5 < seconds < 6, "shutdown_seconds is 3"


def test_a_client_that_leaves_the_events_is_no_error(agent: Agent) -> None:
    path = "/api/claude/events"
    with contextlib.closing(http.client.HTTPConnection(agent.api_address, timeout=15)) as connection:
        connection.request("GET", path, headers=dict(agent.bearer()))
        with connection.getresponse() as response:
            assert response.read1().startswith(b"id: ")
    wait_until(lambda: any(entry.get("path") == path for entry in agent.log()), what="its end", seconds=5)
    assert end(agent)[0] == 0
    assert [entry for entry in agent.log() if entry["level"] == "error"] == []


def test_a_bug_is_answered_in_the_same_shape_and_explained_in_the_log(streaming: Agent) -> None:
    answer = streaming.api("GET", "/broken", streaming.bearer())
    assert (answer.status, answer.json()) == (
        500,
        {"error": "the agent failed", "code": "internal", "hint": "its log says why"},
    )
    wait_until(
        lambda: any("the cause is for the log alone" in entry.get("exception", "") for entry in streaming.log()),
        what="the log names the cause",
        seconds=5,
    )


def test_only_the_owner_opens_the_session_socket(agent: Agent) -> None:
    assert stat.S_IMODE(agent.session_socket.stat().st_mode) == 0o600


def test_the_socket_of_a_killed_agent_is_replaced(agent: Agent, tmp_path: Path) -> None:
    code, _seconds = end(agent, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert agent.session_socket.exists()
    with running_agent(tmp_path) as second:
        assert second.session("GET", "/oauth/api/session", door_headers()).status == 200


def test_the_socket_of_a_running_agent_is_left_alone(agent: Agent) -> None:
    done = run_agent({**os.environ, **environment(agent.directory)})
    assert done.returncode == 3
    assert "another agent listens" in done.stdout
    assert agent.session("GET", "/oauth/api/session", door_headers()).status == 200


def test_a_taken_port_is_an_error_that_names_it(agent: Agent, tmp_path: Path) -> None:
    settings = environment(tmp_path / "other", API_ADDRESS=agent.api_address)
    (tmp_path / "other" / "home").mkdir(parents=True)
    done = run_agent({**os.environ, **settings})
    assert done.returncode == 3
    assert f"can't listen on {agent.api_address}" in done.stdout


def test_invalid_settings_are_all_named_and_nothing_starts() -> None:
    done = run_agent({"PATH": os.defpath, "KUBECODER_AGENT_ORIGIN": "alice.dev.test"})
    assert done.returncode == 3
    for name in ("WORKSPACE", "ORIGIN", "HOME"):
        assert f"KUBECODER_AGENT_{name}" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_path_that_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "agent.sock").write_text("mine")
    with pytest.raises(SettingsError, match="can't listen"):
        server.bind_unix(tmp_path / "agent.sock")
    assert (tmp_path / "agent.sock").read_text() == "mine"


def test_the_api_listens_on_ipv6_too() -> None:
    with server.bind_tcp("::1", 0) as bound:
        assert bound.family is socket.AF_INET6


def run_agent(variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-m", "agent"], env=variables, capture_output=True, text=True, timeout=20, check=False
    )
