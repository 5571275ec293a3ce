"""The `github-token` container against a stand-in for GitHub."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from agent.githubtoken import exchange
from agent.githubtoken.app import GithubApp
from agent.githubtoken.daemon import Daemon
from agent.githubtoken.exchange import Exchange, ExchangeError
from agent.githubtoken.folder import Folder
from tests.rigs.github import GithubApp as RegisteredApp
from tests.rigs.github import GithubServer, StubGithub
from tests.rigs.processes import ProcessSet, RunningProcess
from tests.rigs.waiting import wait_until

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


@pytest.fixture
def github() -> StubGithub:
    return StubGithub(app=RegisteredApp("123", "456", KEY.public_key()))


class Mounts:
    """What the container has: the App's files, and the memory volume."""

    def __init__(self, directory: Path) -> None:
        self.config_file = directory / "github.json"
        self.key_file = directory / "private-key"
        self.directory = directory / "github"
        self.directory.mkdir()
        self.key_file.write_bytes(pem(KEY))
        self.configure()

    def configure(self, **values: Any) -> None:
        self.config_file.write_text(json.dumps({"appId": "123", "installationId": "456", **values}))

    @property
    def token_file(self) -> Path:
        return self.directory / "token"

    def token(self) -> str:
        return self.token_file.read_text() if self.token_file.exists() else ""

    def state(self) -> dict[str, Any]:
        file = self.directory / "state.json"
        state: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return state


@pytest.fixture
def mounts(tmp_path: Path) -> Mounts:
    return Mounts(tmp_path)


def variables(mounts: Mounts, url: str) -> dict[str, str]:
    return {
        "KUBECODER_GITHUB_API_URL": f"{url}/api",
        "KUBECODER_GITHUB_CONFIG_FILE": str(mounts.config_file),
        "KUBECODER_GITHUB_KEY_FILE": str(mounts.key_file),
        "KUBECODER_GITHUB_DIRECTORY": str(mounts.directory),
    }


def check(mounts: Mounts) -> int:
    """Run the liveness probe's command."""
    command = [sys.executable, "-I", "-m", "agent.githubtoken", "--check"]
    return subprocess.run(command, env={**os.environ, **variables(mounts, "")}, check=False).returncode


def started(processes: ProcessSet, mounts: Mounts, url: str) -> RunningProcess:
    return processes.start(
        "github-token", [sys.executable, "-I", "-m", "agent.githubtoken"], environment=variables(mounts, url)
    )


def test_the_container_outlives_a_github_that_is_down_at_its_start(
    tmp_path: Path, mounts: Mounts, github: StubGithub
) -> None:
    assert check(mounts) == 1, "nothing runs yet"
    with GithubServer(github) as reserved:
        port = reserved.port
    with ProcessSet(tmp_path / "logs") as processes:
        process = started(processes, mounts, f"http://127.0.0.1:{port}")
        wait_until(lambda: "can't be reached" in mounts.state().get("last_error", ""), what="the failure", seconds=15)
        assert check(mounts) == 0, "an outage of GitHub is no reason to restart the container"
        with GithubServer(github, port):
            wait_until(mounts.token, what="a token after the outage", seconds=30)
            assert mounts.token().startswith("ghs_")
            assert stat.S_IMODE(mounts.token_file.stat().st_mode) == 0o600
            assert "last_error" not in mounts.state()
        os.kill(process.pid, signal.SIGTERM)
        assert process.popen.wait(10) == 0
        log = process.log.read_text()
    assert mounts.token() not in log
    assert "PRIVATE KEY" not in log
    assert all(json.loads(line)["message"] for line in log.splitlines())


class Clock:
    """The daemon's clock, moved by the test."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def timestamp(self) -> float:
        return self.now.timestamp()

    def pass_by(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@pytest.fixture
def server(github: StubGithub) -> Iterator[GithubServer]:
    with GithubServer(github) as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def daemon(mounts: Mounts, server: GithubServer, clock: Clock) -> Daemon:
    return Daemon(
        config_file=mounts.config_file,
        key_file=mounts.key_file,
        folder=Folder(mounts.directory),
        exchange=Exchange(f"{server.url}/api", clock=clock.timestamp),
        now=clock,
    )


def turn(daemon: Daemon) -> None:
    asyncio.run(daemon.turn())


def test_a_token_is_renewed_after_fifty_minutes_and_not_before(
    daemon: Daemon, mounts: Mounts, clock: Clock, github: StubGithub
) -> None:
    turn(daemon)
    first = mounts.token()
    clock.pass_by(minutes=49)
    turn(daemon)
    assert mounts.token() == first
    github.clock_offset += timedelta(minutes=51)
    clock.pass_by(minutes=2)
    turn(daemon)
    assert mounts.token() not in {"", first}
    assert len(github.token_requests) == 2


def test_a_failed_renewal_is_tried_again_soon_and_the_old_token_stays_until_its_end(
    daemon: Daemon, mounts: Mounts, clock: Clock, github: StubGithub
) -> None:
    turn(daemon)
    first = mounts.token()
    github.failure = 503
    github.clock_offset += timedelta(minutes=50)
    clock.pass_by(minutes=50)
    for _attempt in range(3):
        turn(daemon)
        clock.pass_by(seconds=61)
    assert len(github.token_requests) == 4
    assert mounts.token() == first
    assert mounts.state()["last_error"] == "GitHub answered 503: as the test wants it"
    clock.pass_by(minutes=10)
    turn(daemon)
    assert mounts.token() == "", "a token that has ended is no use to anybody"
    github.failure = 0
    github.clock_offset = clock.now - datetime.now(UTC)
    clock.pass_by(seconds=61)
    turn(daemon)
    assert mounts.token() not in {"", first}


def test_github_is_obeyed_when_it_asks_to_wait(daemon: Daemon, clock: Clock, github: StubGithub) -> None:
    github.failure, github.retry_after = 429, 300
    turn(daemon)
    clock.pass_by(seconds=299)
    turn(daemon)
    assert len(github.token_requests) == 1
    clock.pass_by(seconds=2)
    turn(daemon)
    assert len(github.token_requests) == 2


def test_changed_files_count_at_once(daemon: Daemon, mounts: Mounts, github: StubGithub) -> None:
    mounts.configure(repositories=["acme/api"], permissions={"contents": "read"})
    turn(daemon)
    mounts.configure(repositories=["api", "web"])
    turn(daemon)
    assert github.token_requests == [
        {"repositories": ["api"], "permissions": {"contents": "read"}},
        {"repositories": ["api", "web"]},
    ]
    mounts.key_file.write_bytes(pem(OTHER_KEY))
    turn(daemon)
    assert "401" in mounts.state()["last_error"]
    assert mounts.token(), "the token that is still valid stays"


@pytest.mark.parametrize("broken", ["config", "key"])
def test_broken_files_are_told_and_mended_files_work(daemon: Daemon, mounts: Mounts, clock: Clock, broken: str) -> None:
    file = mounts.config_file if broken == "config" else mounts.key_file
    good = file.read_bytes()
    file.write_bytes(b"nonsense")
    turn(daemon)
    assert mounts.state()["last_error"]
    assert mounts.token() == ""
    file.write_bytes(good)
    clock.pass_by(seconds=61)
    turn(daemon)
    assert mounts.token()


@pytest.mark.parametrize("minutes", [-180, -5, 15, 180])
def test_a_clock_that_is_off_is_corrected_by_githubs(server: GithubServer, github: StubGithub, minutes: int) -> None:
    github.clock_offset = timedelta(minutes=minutes)
    client = Exchange(f"{server.url}/api")
    token = asyncio.run(client.request(GithubApp("123", "456", pem(KEY))))
    assert token.token.startswith("ghs_")
    assert len(github.token_requests) == 2
    asyncio.run(client.request(GithubApp("123", "456", pem(KEY))))
    assert len(github.token_requests) == 3, "the correction is kept"


@pytest.mark.parametrize(("app_id", "installation_id"), [("999", "456"), ("123", "999")])
def test_a_wrong_id_is_not_taken_for_a_wrong_clock(
    server: GithubServer, github: StubGithub, app_id: str, installation_id: str
) -> None:
    with pytest.raises(ExchangeError, match="401"):
        asyncio.run(Exchange(f"{server.url}/api").request(GithubApp(app_id, installation_id, pem(KEY))))
    assert len(github.token_requests) == 1


def test_a_github_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "TIMEOUT", httpx.Timeout(0.5))
    with subprocess.Popen(
        [sys.executable, "-c", SILENT], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as silent:
        try:
            assert silent.stdout is not None
            port = int(silent.stdout.readline())
            began = time.monotonic()
            with pytest.raises(ExchangeError, match="ReadTimeout"):
                asyncio.run(Exchange(f"http://127.0.0.1:{port}").request(GithubApp("1", "2", pem(KEY))))
            assert time.monotonic() - began < 5
        finally:
            silent.kill()


SILENT = """
import socket, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
connection, _ = server.accept()
time.sleep(60)
"""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"token": "x"}',
        b'{"token": "", "expires_at": "2026-11-23T18:00:00Z"}',
        b'{"token": "a\\nb", "expires_at": "2026-11-23T18:00:00Z"}',
        b'{"token": 1, "expires_at": "2026-11-23T18:00:00Z"}',
        b'{"token": "x", "expires_at": "soon"}',
    ],
)
def test_nonsense_from_github_is_a_failure(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    transport = httpx.MockTransport(lambda _request: httpx.Response(201, content=body))
    client = httpx.AsyncClient
    monkeypatch.setattr(httpx, "AsyncClient", lambda **options: client(transport=transport, **options))
    with pytest.raises(ExchangeError, match="no token"):
        asyncio.run(Exchange("http://github.test").request(GithubApp("1", "2", pem(KEY))))
