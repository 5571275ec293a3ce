"""The guards in front of WebSocket upgrades, which must pass the same door as requests."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.access.guards import BearerGuard, SessionGuard
from agent.access.tokens import Tokens

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
TOKEN = b"t" * 43
DOOR = (
    (b"host", b"alice.dev.test"),
    (b"x-forwarded-user", b"alice"),
    (b"x-kubecoder-session-created", b"2026-11-23 17:40:32.9 +0000 UTC"),
    (b"x-kubecoder-session-expires", b"2026-11-24 05:40:32.9 +0000 UTC"),
)
OURS = (b"origin", b"https://alice.dev.test")
FOREIGN = (b"origin", b"https://bob.dev.test")
Headers = tuple[tuple[bytes, bytes], ...]


class Reached(Exception):  # noqa: N818 - it is the good outcome
    """The application behind the guard was called."""


async def application(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise Reached


def upgrade(guard: ASGIApp, headers: Headers, path: str = "/oauth/api/claude/terminal") -> list[Message]:
    """Send an upgrade; return what the guard answers when the application isn't reached."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": path, "headers": list(headers)}
    asyncio.run(guard(scope, receive, send))  # type: ignore[arg-type]
    return sent


@pytest.fixture
def session_guard(tmp_path: Path) -> SessionGuard:
    (tmp_path / "admission.json").write_text(json.dumps({"users": ["alice"]}))
    return SessionGuard(
        application,
        origin="https://alice.dev.test",
        admission_file=tmp_path / "admission.json",
        now=lambda: NOW,
    )


@pytest.fixture
def bearer_guard(tmp_path: Path) -> BearerGuard:
    (tmp_path / "admin-token").write_bytes(TOKEN)
    return BearerGuard(application, tokens=Tokens(admin_file=tmp_path / "admin-token", user_file=tmp_path / "none"))


def test_our_own_page_opens_a_websocket(session_guard: SessionGuard) -> None:
    with pytest.raises(Reached):
        upgrade(session_guard, (*DOOR, OURS))


@pytest.mark.parametrize(
    "headers",
    [(*DOOR,), (*DOOR, FOREIGN), (*DOOR, OURS, FOREIGN), (*DOOR[:1], OURS), (*DOOR[1:], OURS), ()],
    ids=["no origin", "a sibling host", "two origins", "no sign-in", "no host", "nothing"],
)
def test_a_websocket_from_elsewhere_is_closed(session_guard: SessionGuard, headers: Headers) -> None:
    (message,) = upgrade(session_guard, headers)
    assert (message["type"], message["code"]) == ("websocket.close", 1008)


def test_a_websocket_of_a_session_that_is_over_is_closed(session_guard: SessionGuard, tmp_path: Path) -> None:
    late = SessionGuard(
        application,
        origin="https://alice.dev.test",
        admission_file=tmp_path / "admission.json",
        now=lambda: NOW + timedelta(hours=12),
    )
    assert [message["type"] for message in upgrade(late, (*DOOR, OURS))] == ["websocket.close"]


def test_a_token_opens_a_websocket_of_the_api(bearer_guard: BearerGuard) -> None:
    with pytest.raises(Reached):
        upgrade(bearer_guard, ((b"authorization", b"Bearer " + TOKEN),))


@pytest.mark.parametrize("path", ["/health", "/ready", "/api/claude/events"])
@pytest.mark.parametrize("headers", [(), (*DOOR, OURS), ((b"authorization", b"Bearer " + b"x" * 43),)])
def test_a_websocket_of_the_api_needs_the_token_on_every_path(
    bearer_guard: BearerGuard, path: str, headers: Headers
) -> None:
    assert [message["type"] for message in upgrade(bearer_guard, headers, path)] == ["websocket.close"]
