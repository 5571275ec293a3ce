"""How answers look: models as JSON, every failure in one shape, headers for browsers."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from pydantic import BaseModel
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.errors import AgentError, UnauthorizedError
from agent.models import ErrorBody

# Nothing inline, nothing from elsewhere; frames only of the own origin (terminal, browser).
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def json_answer(model: BaseModel, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a model; nothing that the agent says may be kept by a cache."""
    return Response(
        model.model_dump_json(exclude_none=True),
        status_code=status,
        headers={**(headers or {}), "Cache-Control": "no-store"},
        media_type="application/json",
    )


def error_answer(error: AgentError) -> Response:
    """Answer with a failure of our own."""
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, UnauthorizedError) else None
    body = ErrorBody(error=error.message, code=error.code, hint=error.hint)
    return json_answer(body, status=error.status, headers=headers)


async def on_agent_error(_request: Request, error: Exception) -> Response:
    """Handle a failure that a route raised."""
    assert isinstance(error, AgentError)
    return error_answer(error)


async def on_http_exception(_request: Request, error: Exception) -> Response:
    """Handle Starlette's own failures: no such route, no such method."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    body = ErrorBody(error=error.detail or status.phrase, code=status.name.lower())
    return json_answer(body, status=status, headers=error.headers)


async def on_bug(_request: Request, _error: Exception) -> Response:
    """Handle everything else; the cause goes to the log, not to the client."""
    body = ErrorBody(error="the agent failed", code=AgentError.code, hint="its log says why")
    return json_answer(body, status=500)


EXCEPTION_HANDLERS = {AgentError: on_agent_error, HTTPException: on_http_exception, Exception: on_bug}


class PageHeaders:
    """Adds the headers for browsers to every answer of the session listener."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in PAGE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
