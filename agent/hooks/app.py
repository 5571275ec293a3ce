"""The hook listener: on the loopback only, where the unguessable key in the path says whose hook it is.

There is no sign-in and no header that means anything. A page in a browser of the machine, its name rebound to the
loopback or not, knows no key, and is refused before that by the headers that a browser can't leave out.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.access.headers import collect
from agent.answers import EXCEPTION_HANDLERS, error_answer
from agent.errors import (
    AgentError,
    BodyTooLargeError,
    ForeignOriginError,
    InvalidBodyError,
    UnavailableError,
    WrongHostError,
)

BODY_BYTES = 32 * 1024**2
"""A Write's whole content is in its hook."""
LOOPBACK = "127.0.0.1"
REQUEST_ID_PATTERN = re.compile(r"[0-9a-f]{8,64}")
SURROGATE_PATTERN = re.compile(rb"\\u[dD][89a-fA-F]")
BROWSERS_HEADERS = (b"origin", b"sec-fetch-site")

HookAnswer = Mapping[str, Any]
"""What Claude reads as the decision."""


class UnknownLaunchError(AgentError):
    """No live session has this key."""

    status = 404
    code = "not_found"

    def __init__(self) -> None:
        super().__init__("no session has this address")


class HookSink(Protocol):
    """Where hooks go to; each raises UnknownLaunchError for a key that no live session has."""

    async def on_event(self, key: str, payload: Mapping[str, Any], at: float) -> None:
        """Take an event; Claude waits until it is taken."""
        ...

    async def on_permission(
        self, key: str, request_id: str, payload: Mapping[str, Any], at: float
    ) -> HookAnswer | None:
        """Take a request and wait for its answer; None when none will come.

        The same request may come again under the same id, after we or the connection broke.

        Raises:
            ValueError: The payload is no request.
        """
        ...

    async def on_withdrawn(self, key: str, request_id: str, at: float) -> None:
        """Take that nobody waits for an answer any more."""
        ...


class LoopbackGuard:
    """Lets pass what asks for the loopback by its number, and isn't a browser."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        error = _refusal(scope)
        await (self._app if error is None else error_answer(error))(scope, receive, send)


class OneAnswer:
    """Ends each connection with its answer.

    Claude would use it again, perhaps in the moment in which the server closes it for having been idle, and doesn't
    send such a hook a second time: a Stop would be lost.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request and say that nothing follows on the connection."""

        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        await self._app(scope, receive, send_last)


def _refusal(scope: Scope) -> AgentError | None:
    headers = collect(scope["headers"])
    # The port that was really reached, as the socket has it.
    _, port = scope["server"]
    if headers.get(b"host") != [f"{LOOPBACK}:{port}".encode()]:
        return WrongHostError("the hook listener has no name")
    if any(name in headers for name in BROWSERS_HEADERS):
        return ForeignOriginError("the hook listener answers no pages")
    return None


def hook_app(sink: HookSink) -> Starlette:
    """Build the listener's application."""

    async def event(request: Request) -> Response:
        await sink.on_event(_key(request), await _payload(request), time.time())
        return JSONResponse({})

    async def permission(request: Request) -> Response:
        request_id, payload, at = _request_id(request), await _payload(request), time.time()

        async def ask() -> HookAnswer | None:
            try:
                return await sink.on_permission(_key(request), request_id, payload, at)
            except ValueError as error:
                raise InvalidBodyError("the body is no request for permission") from error

        answer = await _while_connected(request, ask)
        return Response(status_code=204) if answer is None else JSONResponse(answer)

    async def withdrawn(request: Request) -> Response:
        await _payload(request)
        await sink.on_withdrawn(_key(request), _request_id(request), time.time())
        return JSONResponse({})

    routes = [
        Route("/hooks/{key}/event", event, methods=["POST"]),
        Route("/hooks/{key}/permission", permission, methods=["POST"]),
        Route("/hooks/{key}/withdrawn", withdrawn, methods=["POST"]),
    ]
    handlers: Mapping[Any, Any] = {**EXCEPTION_HANDLERS, ClientDisconnect: _on_disconnect}
    app = Starlette(
        routes=routes, middleware=[Middleware(OneAnswer), Middleware(LoopbackGuard)], exception_handlers=handlers
    )
    app.router.redirect_slashes = False
    return app


async def _while_connected(request: Request, ask: Callable[[], Awaitable[HookAnswer | None]]) -> HookAnswer | None:
    """Wait for the answer as long as the hook is there.

    Raises:
        UnavailableError: We end, and the hook shall come again to the next agent.
    """
    answering = asyncio.ensure_future(ask())
    # The body has been read, so what comes next is the end of the connection.
    gone = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait((answering, gone), return_when=asyncio.FIRST_COMPLETED)
        return answering.result() if answering.done() else None
    except asyncio.CancelledError as error:
        # The server cancels what is left at its end.
        raise UnavailableError("the agent ends") from error
    finally:
        for waiting in (answering, gone):
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await waiting


def _key(request: Request) -> str:
    return str(request.path_params["key"])


def _request_id(request: Request) -> str:
    request_id = request.headers.get("x-request-id", "")
    if not REQUEST_ID_PATTERN.fullmatch(request_id):
        raise InvalidBodyError("X-Request-Id is missing or malformed")
    return request_id


async def _payload(request: Request) -> Mapping[str, Any]:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > BODY_BYTES:
            raise BodyTooLargeError(f"a hook has at most {BODY_BYTES} bytes")
    try:
        payload = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidBodyError("Invalid JSON body") from error
    if not isinstance(payload, dict):
        raise InvalidBodyError("the body must be a JSON object")
    return _encodable(payload) if SURROGATE_PATTERN.search(content) else payload


def _encodable(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a payload without halves of surrogate pairs, which a model may write and nobody can encode."""
    content = json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace")
    encodable: dict[str, Any] = json.loads(content)
    return encodable


async def _on_disconnect(_request: Request, _error: Exception) -> Response:
    """Answer nobody: whoever sent half a body has gone."""
    return Response(status_code=400)
