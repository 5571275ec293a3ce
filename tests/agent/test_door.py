"""The real oauth2-proxy under its watcher: who gets to the agent, and how soon a change counts."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from tests.agent.conftest import Agent, running_agent
from tests.agent.door import Door, running_door, start_watcher
from tests.agent.volume import Volume
from tests.rigs.browser import COOKIE_NAME, Browser
from tests.rigs.github import Account, GithubServer, StubGithub
from tests.rigs.processes import ProcessSet
from tests.rigs.raw_http import connect
from tests.rigs.waiting import wait_until

SECONDS_UNTIL_OUT = 10
SECONDS_TO_COME_BACK = 5


@pytest.fixture
def server() -> Iterator[GithubServer]:
    with GithubServer(StubGithub()) as server:
        yield server


@pytest.fixture
def streaming(tmp_path: Path) -> Iterator[Agent]:
    with running_agent(tmp_path / "agent", argv=("-m", "tests.agent.streaming")) as agent:
        yield agent


@pytest.fixture
def door(tmp_path: Path, streaming: Agent, server: GithubServer) -> Iterator[Door]:
    with running_door(tmp_path / "door", streaming, server, githubUsers=["alice", "bob"]) as door:
        yield door


@pytest.fixture
def alice(door: Door) -> Browser:
    browser = door.browser()
    assert browser.sign_in().status == 302
    return browser


def test_an_admitted_person_signs_in_and_sees_the_page(door: Door) -> None:
    browser = door.browser()
    answer = browser.sign_in("/oauth/?tab=1")
    assert (answer.status, answer.header("Location")) == (302, "/oauth/?tab=1")
    assert COOKIE_NAME in browser.cookies
    assert "Signed in as" in browser.get("/oauth/static/page.js").text
    assert browser.get("/oauth/").header("Content-Type").startswith("text/html")
    session = browser.get("/oauth/api/session").json()
    assert (session["user"], session["email"]) == ("alice", "alice@example.com")
    length = datetime.fromisoformat(session["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=11, minutes=59) < length <= timedelta(hours=12)


@pytest.mark.parametrize("login", ["mallory", "ALICE", "alice2"])
def test_anybody_else_is_refused_and_gets_no_session(door: Door, login: str) -> None:
    door.server.github.at_the_browser = Account(login)
    browser = door.browser()
    answer = browser.sign_in()
    assert answer.status in {403, 500}
    assert "Ask the admin of this workspace" in answer.text
    assert "oauth2.githubUsers" in answer.text
    assert "alice" not in answer.text, "the list isn't for strangers"
    assert COOKIE_NAME not in browser.cookies
    assert not browser.is_signed_in()
    assert door.session_requests() == []


def test_nothing_reaches_the_agent_without_a_cookie(door: Door) -> None:
    forged = [("X-Forwarded-User", "alice"), ("X-Auth-Request-User", "alice"), ("Cookie", f"{COOKIE_NAME}=forged|1|x")]
    for path in (
        "/",
        "/oauth/",
        "/oauth/api/session",
        "/api/claude/version",
        "/oauth/static/page.js",
        "/%2e%2e/oauth/",
    ):
        for method in ("GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE"):
            for headers in ((), forged, [("Authorization", f"Bearer {door.agent.admin_token}")]):
                answer = door.browser().get(path, headers, method=method)
                assert answer.status in {301, 302, 401, 403}, (path, method, answer)
    assert door.browser().get("/oauth/api/session").status == 401
    assert door.session_requests() == []


def test_forged_headers_of_a_signed_in_person_are_replaced(alice: Browser) -> None:
    forged = [("X-Forwarded-User", "bob"), ("X_Forwarded_User", "bob"), ("X-Forwarded-Groups", "acme")]
    assert alice.get("/oauth/api/session", forged).json()["user"] == "alice"
    for name in ("X-Forwarded-User", "X-Kubecoder-Session-Expires", "X-Kubecoder-Session-Created"):
        assert alice.get("/oauth/api/session", [("Connection", f"close, {name}")]).status == 401
    assert alice.get("/api/claude/version").status == 404
    assert alice.get("/oauth/api/claude/auth/token/regenerate", method="POST").status == 403


def test_members_of_the_organisation_are_admitted_by_both(
    tmp_path: Path, streaming: Agent, server: GithubServer
) -> None:
    with running_door(tmp_path / "door", streaming, server, githubOrg="acme", githubTeam="dev") as door:
        server.github.at_the_browser = Account("carol", ("acme",), ("acme:dev", "acme:ops"))
        carol = door.browser()
        carol.sign_in()
        assert carol.get("/oauth/api/session").json()["user"] == "carol"
        server.github.at_the_browser = Account("dave", ("acme",), ("acme:ops",))
        dave = door.browser()
        assert dave.sign_in().status in {403, 500}
        assert not dave.is_signed_in()


def test_a_removed_person_is_out_within_ten_seconds_with_open_streams(door: Door, alice: Browser) -> None:
    door.server.github.at_the_browser = Account("bob")
    bob = door.browser()
    bob.sign_in()
    cookies = f"{COOKIE_NAME}={bob.cookies[COOKIE_NAME]}"
    with contextlib.closing(connect(door.address)) as connection:
        connection.request("GET", "/deaf", headers={"Host": "alice.dev.test", "Cookie": cookies})
        stream = connection.getresponse()
        assert stream.read1() == b"first"
        started = time.monotonic()
        door.admit(githubUsers=["alice"])
        with pytest.raises((http.client.IncompleteRead, OSError)):
            stream.read1()
        assert time.monotonic() - started < SECONDS_UNTIL_OUT
    wait_until(door.is_open, what="the door is open again", seconds=SECONDS_UNTIL_OUT)
    assert time.monotonic() - started < SECONDS_UNTIL_OUT
    assert not bob.is_signed_in()
    assert not alice.is_signed_in(), "any change of the list ends the sessions of the old one"
    assert bob.sign_in().status in {403, 500}
    door.server.github.at_the_browser = Account("alice")
    alice.sign_in()
    assert alice.is_signed_in()


@pytest.mark.parametrize("first", ["secrets", "config"])
def test_a_sign_in_between_the_updates_of_two_volumes_does_not_last(door: Door, first: str) -> None:
    door.server.github.at_the_browser = Account("bob")
    bob = door.browser()
    steps = [door.admit_in_secrets, door.admit_in_config]
    for step in steps if first == "secrets" else reversed(steps):
        before = door.starts()
        step(githubUsers=["alice"])
        wait_until(lambda before=before: door.starts() > before and door.is_open(), what="a restart", seconds=10)  # type: ignore[misc]
        with contextlib.suppress(AssertionError):
            bob.sign_in()
    assert not bob.is_signed_in()
    assert bob.get("/oauth/ide/").status == 302, "the IDE has no check of its own"


def test_a_changed_configuration_ends_sessions_even_with_the_same_secret(door: Door, alice: Browser) -> None:
    before = door.starts()
    door.admit_in_config(githubUsers=["alice"])
    wait_until(lambda: door.starts() > before and door.is_open(), what="a restart", seconds=10)
    assert not alice.is_signed_in()


def test_the_agent_refuses_a_removed_person_before_the_door_knows(door: Door, alice: Browser) -> None:
    door.agent.admission_file.write_text('{"users": ["bob"]}')
    assert alice.get("/oauth/api/session").status == 403


@pytest.mark.parametrize("fault", ["", "\n", "secret\n"], ids=["empty", "newline", "newline at the end"])
def test_a_broken_secret_closes_the_door_until_it_is_mended(door: Door, alice: Browser, fault: str) -> None:
    good = {name: (door.directory / "secrets" / name).read_text() for name in ("client-secret", "cookie-secret")}
    door.secrets.write({**good, "client-secret": fault})
    wait_until(lambda: not door.is_open(), what="the door closes", seconds=SECONDS_UNTIL_OUT)
    for wanted in ("client-secret", "the door is closed"):
        wait_until(lambda wanted=wanted: _has_error(door, wanted), what=wanted, seconds=10)  # type: ignore[misc]
    door.secrets.write(good)
    wait_until(door.is_open, what="the door opens", seconds=SECONDS_UNTIL_OUT)
    assert alice.is_signed_in(), "the same cookie secret admits the same cookie"


def _has_error(door: Door, text: str) -> bool:
    return any(entry["level"] == "error" and text in entry["message"] for entry in door.log())


def test_a_proxy_is_started_again_as_soon_after_each_kill_as_after_the_first(door: Door, alice: Browser) -> None:
    for _time in range(5):
        (proxy,) = psutil.Process(door.process.pid).children()
        proxy.kill()
        wait_until(lambda proxy=proxy: is_gone(proxy), what="it is gone", seconds=5)  # type: ignore[misc]
        wait_until(door.is_open, what="the door opens again", seconds=SECONDS_TO_COME_BACK)
    assert alice.is_signed_in()
    assert any(entry["message"] == "oauth2-proxy ended by itself" for entry in door.log())


def is_gone(proxy: psutil.Process) -> bool:
    return not proxy.is_running() or proxy.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_watcher_ends_with_its_proxy(door: Door, number: int) -> None:
    (proxy,) = psutil.Process(door.process.pid).children()
    started = time.monotonic()
    os.kill(door.process.pid, number)
    assert door.process.popen.wait(15) == 0
    assert time.monotonic() - started < 5
    assert not proxy.is_running()


def test_no_secret_no_code_and_no_cookie_is_in_the_log(door: Door, alice: Browser) -> None:
    alice.get("/oauth/?private=question")
    # The watcher hands the proxy's lines on, so they may come after the answer.
    wait_until(lambda: "AuthSuccess" in door.process.log.read_text(), what="the sign-in in the log", seconds=10)
    text = door.process.log.read_text()
    for secret in (*door.secret_values, "code=", "state=", "private=question", alice.cookies[COOKIE_NAME]):
        assert secret not in text


def test_each_upstream_gets_its_path_and_no_cookie(door: Door, alice: Browser, tmp_path: Path) -> None:
    for part, path, expected in (
        ("ide", "/oauth/ide/folder/x?a=1", b"GET /folder/x?a=1 HTTP/1.1"),
        ("terminal", "/oauth/terminal/ws", b"GET /oauth/terminal/ws HTTP/1.1"),
        ("browser", "/oauth/browser/vnc.html", b"GET /oauth/browser/vnc.html HTTP/1.1"),
    ):
        socket_path = door.agent.session_socket.parent / f"{part}.sock"
        captured = tmp_path / f"{part}.request"
        listener = subprocess.Popen(
            ["python3", "-c", CAPTURE, str(socket_path), str(captured)], stdin=subprocess.DEVNULL
        )
        try:
            wait_until(socket_path.is_socket, what=f"{part} listens", seconds=10)
            headers = [
                ("Authorization", "Bearer x"),
                ("X-Forwarded-Host", "evil.test"),
                ("Forwarded", "host=evil.test"),
            ]
            assert alice.get(path, headers).status == 200
        finally:
            listener.kill()
            listener.wait()
        request = captured.read_bytes()
        assert request.startswith(expected)
        lines = request.lower().splitlines()
        assert b"x-forwarded-user: alice" in lines
        assert not [line for line in lines if line.startswith((b"cookie:", b"authorization:", b"forwarded:"))]
        assert b"evil.test" not in request
    assert sorted(alice.get("/oauth/api/session").json()["parts"]) == ["browser", "ide", "terminal"]


CAPTURE = """
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
connection, _ = server.accept()
request = b""
while b"\\r\\n\\r\\n" not in request:
    request += connection.recv(65536)
open(sys.argv[2], "wb").write(request)
connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
connection.recv(1)
"""


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("client-secret", "", "missing or empty"),
        ("client-secret", "secret\n", "newline"),
        ("cookie-secret", "", "missing or empty"),
        ("door.json", '{"flags": {"reverse-proxy": "true"}}', "isn't allowed here"),
        ("alpha.yaml", "upstreamConfig: {}", "bindAddress"),
    ],
)
def test_invalid_files_at_the_start_are_an_error_that_names_them(
    tmp_path: Path, name: str, content: str, reason: str
) -> None:
    config = {"alpha.yaml": "server: {}\n  bindAddress: x", "door.json": '{"flags": {"email-domain": "*"}}'}
    secrets = {"client-secret": "c" * 40, "cookie-secret": "d" * 32}
    for files in (config, secrets):
        if name in files:
            files[name] = content
    Volume(tmp_path / "config").write(config)
    Volume(tmp_path / "secrets").write(secrets)
    with ProcessSet(tmp_path / "logs") as processes:
        process = start_watcher(processes, tmp_path)
        assert process.popen.wait(20) == 3
        log = process.log.read_text()
    assert name in log
    assert reason in log
    assert "Traceback" not in log
