"""Signing in by the link of `kubecoder local up`."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from agent.access.guards import Caller
from agent.access.local import SESSION_SECONDS, LocalGuard, LocalKeys

PORT = 6070
ORIGIN = f"http://127.0.0.1:{PORT}"
HOST = (b"host", f"127.0.0.1:{PORT}".encode())
KEY = "k" * 43
Headers = tuple[tuple[bytes, bytes], ...]


class Clock:
    def __init__(self) -> None:
        self.now = 1_764_000_000.0

    def __call__(self) -> float:
        return self.now


class Place:
    """A state directory, its keys, and the guard in front of an application that names its caller."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = Clock()
        self.keys = LocalKeys(directory, port=PORT, now=self.clock)
        self.guard = LocalGuard(self._application, origin=ORIGIN, keys=self.keys)
        self.callers: list[Caller] = []

    async def _application(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.callers.append(scope["state"]["caller"])
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"reached"})
        else:
            await send({"type": "websocket.accept"})

    def write_key(self, key: str = KEY) -> None:
        (self.directory / "sign-in-key").write_text(key)

    def sign_in(self) -> str:
        """Use a new key and return the Cookie header."""
        self.write_key()
        cookie = self.keys.redeem(KEY)
        assert cookie is not None
        return f"{self.keys.cookie_name}={cookie}"

    def send(
        self, method: str, target: str, *headers: tuple[bytes, bytes], cookie: str = "", kind: str = "http"
    ) -> tuple[int, str, str]:
        """Send a request; return its status (or that of the upgrade), the text and the cookie that it sets."""
        path, _, query = target.partition("?")
        sent = [*headers, *([(b"cookie", cookie.encode())] if cookie else [])]
        scope = {"type": kind, "method": method, "path": path, "query_string": query.encode(), "headers": sent}
        messages: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def answer(message: Message) -> None:
            messages.append(message)

        asyncio.run(self.guard(scope, receive, answer))
        return _read(messages)


def _read(messages: list[Any]) -> tuple[int, str, str]:
    first = messages[0]
    if first["type"].startswith("websocket"):
        return (101 if first["type"] == "websocket.accept" else first["code"]), first.get("reason", ""), ""
    cookies = [value.decode() for name, value in first["headers"] if name == b"set-cookie"]
    return first["status"], messages[1]["body"].decode(), "".join(cookies)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_link_signs_in_once(place: Place) -> None:
    place.write_key()
    status, page, cookie = place.send("GET", f"/?key={KEY}", HOST)
    assert (status, "Signed in" in page) == (200, True)
    pair, *attributes = cookie.split("; ")
    assert {"HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={SESSION_SECONDS}"} == set(attributes)
    assert pair.startswith(f"kubecoder-local-{PORT}=")
    assert place.send("GET", "/oauth/api/session", HOST, cookie=pair)[0] == 200
    assert place.send("GET", f"/?key={KEY}", HOST)[0] == 401
    assert [caller.name for caller in place.callers] == ["local"]


def test_a_link_that_is_used_up_leads_whoever_is_signed_in_to_the_page(place: Place) -> None:
    assert place.send("GET", f"/?key={KEY}", HOST, cookie=place.sign_in())[:2] == (200, "reached")


def test_the_page_after_the_link_asks_for_the_workspace_itself(place: Place) -> None:
    """In a redirect that began on another site the new cookie isn't sent."""
    place.write_key()
    assert 'http-equiv="refresh" content="0; url=/oauth/"' in place.send("GET", f"/?key={KEY}", HOST)[1]


@pytest.mark.parametrize(
    "query",
    ["", "key=", f"key={KEY[:-1]}", f"key={KEY}x", f"key={KEY}&key={KEY}", "key=%F0%9F%98%80", f"Key={KEY}"],
)
def test_another_key_opens_nothing_and_leaves_the_right_one(place: Place, query: str) -> None:
    place.write_key()
    assert place.send("GET", f"/?{query}", HOST)[::2] == (401, "")
    assert place.send("GET", f"/?key={KEY}", HOST)[0] == 200


@pytest.mark.parametrize("key", ["", " ", "short"])
def test_an_empty_or_short_key_file_opens_nothing(place: Place, key: str) -> None:
    place.write_key(key)
    assert place.send("GET", f"/?key={key}", HOST)[0] == 401


@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_only_get_uses_the_key(place: Place, method: str) -> None:
    place.write_key()
    assert place.send(method, f"/?key={KEY}", HOST, (b"origin", ORIGIN.encode()))[0] == 401
    assert place.send("GET", f"/?key={KEY}", HOST)[0] == 200


@pytest.mark.parametrize(
    "host", [b"localhost:6070", b"127.0.0.1", b"127.0.0.1:6071", b"evil.test:6070", b"[::1]:6070", b""]
)
def test_under_another_name_there_is_nothing_not_even_sign_in(place: Place, host: bytes) -> None:
    cookie = place.sign_in()
    place.write_key()
    assert place.send("GET", "/oauth/api/session", (b"host", host), cookie=cookie)[0] == 403
    assert place.send("GET", f"/?key={KEY}", (b"host", host))[::2] == (403, "")
    assert place.send("GET", "/", cookie=cookie)[0] == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((), 403),
        (((b"origin", ORIGIN.encode()),), 200),
        (((b"sec-fetch-site", b"same-origin"),), 200),
        (((b"origin", b"http://127.0.0.1:3000"),), 403),
        (((b"origin", b"http://localhost:6070"),), 403),
        (((b"sec-fetch-site", b"same-site"), (b"origin", ORIGIN.encode())), 403),
        (((b"origin", ORIGIN.encode()), (b"content-length", b"2"), (b"content-type", b"text/plain")), 415),
        (((b"origin", ORIGIN.encode()), (b"content-length", b"2"), (b"content-type", b"application/json")), 200),
    ],
)
def test_a_change_must_come_from_our_own_page(place: Place, headers: Headers, status: int) -> None:
    assert place.send("POST", "/oauth/api/claude/tasks", HOST, *headers, cookie=place.sign_in())[0] == status


@pytest.mark.parametrize(
    ("headers", "code"),
    [((), 1008), (((b"origin", ORIGIN.encode()),), 101), (((b"origin", b"http://127.0.0.1:3000"),), 1008)],
)
def test_so_must_a_websocket(place: Place, headers: Headers, code: int) -> None:
    assert place.send("GET", "/oauth/terminal/ws", HOST, *headers, cookie=place.sign_in(), kind="websocket")[0] == code


def test_a_websocket_needs_the_sign_in(place: Place) -> None:
    assert place.send("GET", "/oauth/terminal/ws", HOST, (b"origin", ORIGIN.encode()), kind="websocket")[0] == 1008


def test_a_session_ends(place: Place) -> None:
    cookie = place.sign_in()
    place.clock.now += SESSION_SECONDS - 1
    assert place.send("GET", "/", HOST, cookie=cookie)[0] == 200
    place.clock.now += 1
    assert place.send("GET", "/", HOST, cookie=cookie)[0] == 401


def test_a_session_outlives_the_agent_but_not_the_secret(place: Place, tmp_path: Path) -> None:
    cookie = place.sign_in()
    again = Place(tmp_path)
    assert again.send("GET", "/", HOST, cookie=cookie)[0] == 200
    again.keys.end_sessions()
    assert place.send("GET", "/", HOST, cookie=cookie)[0] == 401


def test_a_session_is_good_for_its_port_alone(place: Place, tmp_path: Path) -> None:
    _, _, value = place.sign_in().partition("=")
    assert place.keys.session(value) is not None
    assert LocalKeys(tmp_path, port=PORT + 1, now=place.clock).session(value) is None


def test_signing_out_ends_every_session(place: Place) -> None:
    first, second = place.sign_in(), place.sign_in()
    status, page, cookie = place.send("GET", "/oauth2/sign_out", HOST, cookie=first)
    assert (status, "Signed out" in page, "Max-Age=0" in cookie) == (200, True, True)
    assert [place.send("GET", "/", HOST, cookie=cookie)[0] for cookie in (first, second)] == [401, 401]


def test_only_who_is_signed_in_signs_out(place: Place) -> None:
    cookie = place.sign_in()
    assert place.send("GET", "/oauth2/sign_out", HOST)[0] == 401
    assert place.send("GET", "/", HOST, cookie=cookie)[0] == 200


def test_a_cookie_that_another_port_planted_is_in_nobodys_way(place: Place) -> None:
    planted = f"{place.keys.cookie_name}=planted"
    assert place.send("GET", "/", HOST, cookie=f"{planted}; {place.sign_in()}; {planted}; other=1")[0] == 200


@pytest.mark.parametrize("position", [0, 5, 12, 25, 40, 60, -1])
def test_an_altered_cookie_is_nobodys(place: Place, position: int) -> None:
    name, _, value = place.sign_in().partition("=")
    characters = list(value)
    characters[position] = "1" if characters[position] != "1" else "2"
    assert place.send("GET", "/", HOST, cookie=f"{name}={''.join(characters)}")[0] == 401


@given(value=st.text(alphabet=st.characters(max_codepoint=255, exclude_characters=";"), max_size=400))
def test_no_other_text_is_a_session(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    place = Place(tmp_path_factory.getbasetemp())
    place.sign_in()
    assert place.keys.session(value) is None


def test_a_person_gets_a_page_and_a_program_an_error(place: Place) -> None:
    html = (b"accept", b"text/html,application/xhtml+xml")
    assert "kubecoder local up" in place.send("GET", "/oauth/", HOST, html)[1]
    assert '"code":"not_signed_in"' in place.send("GET", "/oauth/api/session", HOST)[1]
    assert '"code":"not_signed_in"' in place.send("POST", "/x", HOST, html, (b"origin", ORIGIN.encode()))[1]


def test_the_secret_is_for_its_owner_alone(place: Place, tmp_path: Path) -> None:
    place.sign_in()
    assert stat.S_IMODE((tmp_path / "sign-in-secret").stat().st_mode) == 0o600
