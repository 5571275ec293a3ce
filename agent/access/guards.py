"""What stands in front of each listener's routes; no request and no upgrade gets around it.

Trust comes from the listener: the session listener believes the door's headers, which
only the door can bring to its Unix socket; the API listener reads no header but
Authorization, and the routes see only the `Caller`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.access.admission import Session, admit, read_allow_list, read_session
from agent.access.origin import check_request, check_upgrade
from agent.access.tokens import Tokens, bearer_token
from agent.answers import error_answer
from agent.errors import AgentError, UnauthorizedError

OPEN_PATHS = frozenset({"/health", "/ready"})
POLICY_VIOLATION = 1008


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request.

    Attributes:
        via: The listener that the request came in by.
        name: GitHub login, or the token's name.
        session: The sign-in; None on the API listener.
    """

    via: Literal["session", "token"]
    name: str
    session: Session | None = None


Arrived = Callable[[Caller], Awaitable[None]]


async def unnoted(_caller: Caller) -> None:
    """Note nothing of who comes in."""


def caller_of(connection: HTTPConnection) -> Caller:
    """Return who makes a guarded request."""
    caller = connection.state.caller
    assert isinstance(caller, Caller)
    return caller


class SessionGuard:
    """Lets pass what the door brings from an admitted person, from our own page.

    Args:
        app: What is guarded.
        origin: The workspace's origin.
        admission_file: The allow-list, read for each request.
        now: The clock.
        arrived: Called with whoever is let in, before anything is done for them.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        origin: str,
        admission_file: Path,
        now: Callable[[], datetime],
        arrived: Arrived = unnoted,
    ) -> None:
        self._app = app
        self._origin = origin
        self._admission_file = admission_file
        self._now = now
        self._arrived = arrived

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request or an upgrade on, or refuse it."""
        try:
            caller = self._admitted(scope)
        except AgentError as error:
            await refuse(error, scope, receive, send)
        else:
            await self._arrived(caller)
            scope.setdefault("state", {})["caller"] = caller
            await self._app(scope, receive, send)

    def _admitted(self, scope: Scope) -> Caller:
        headers = scope["headers"]
        session = read_session(headers, now=self._now())
        admit(session, read_allow_list(self._admission_file))
        if scope["type"] == "websocket":
            check_upgrade(headers, origin=self._origin)
        else:
            check_request(scope["method"], headers, origin=self._origin)
        return Caller("session", session.user, session)


class BearerGuard:
    """Lets pass what carries a valid token, and the two probes."""

    def __init__(self, app: ASGIApp, *, tokens: Tokens, arrived: Arrived = unnoted) -> None:
        self._app = app
        self._tokens = tokens
        self._arrived = arrived

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request or an upgrade on, or refuse it."""
        if scope["type"] == "http" and scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        presented = bearer_token([value for name, value in scope["headers"] if name == b"authorization"])
        # In a thread: the user's token is on a volume that may answer late.
        name = await asyncio.to_thread(self._tokens.identify, presented) if presented else None
        if name is None:
            error = UnauthorizedError("a valid bearer token is needed", hint="send Authorization: Bearer TOKEN")
            await refuse(error, scope, receive, send)
            return
        caller = Caller("token", name)
        await self._arrived(caller)
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)


async def refuse(error: AgentError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request or an upgrade with the failure, and note it for the request log."""
    scope.setdefault("state", {})["refusal"] = f"{error.code}: {error.message}"
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": error.message})
    else:
        await error_answer(error)(scope, receive, send)
