"""The applications, one for each listener, with their guards in front."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Router

from agent import openapi
from agent.access.guards import Arrived, BearerGuard, Caller, SessionGuard
from agent.access.local import LocalGuard, LocalKeys
from agent.answers import EXCEPTION_HANDLERS, PageHeaders
from agent.requestlog import RequestLog
from agent.routes import claude, events, github, metrics, probes, prometheus, services, session, tasks
from agent.routes.operation import Operation
from agent.workspace import Workspace


async def describe(_request: Request) -> Response:
    """Describe this API in OpenAPI."""
    return JSONResponse(openapi.document(CLAUDE_ROUTES, SESSION_ROUTES))


CLAUDE_ROUTES = (
    *claude.SHARED_ROUTES,
    *tasks.ROUTES,
    *events.ROUTES,
    Operation("/openapi.json", describe, answer="application/json"),
)
SESSION_ROUTES = claude.SESSION_ONLY_ROUTES


def _now() -> datetime:
    return datetime.now(UTC)


def api_app(workspace: Workspace) -> Starlette:
    """Build the API listener's application: bearer tokens only, identity headers mean nothing."""
    routes = (*probes.ROUTES, *prometheus.ROUTES, _mount("/api/claude", CLAUDE_ROUTES))
    guards = (
        Middleware(RequestLog, listener="api"),
        Middleware(BearerGuard, tokens=workspace.tokens, arrived=_arrivals(workspace)),
    )
    return _app(workspace, routes, guards)


def session_app(workspace: Workspace, *, now: Callable[[], datetime] = _now) -> Starlette:
    """Build the session listener's application: people whom the door brings, no tokens."""
    guard = Middleware(
        SessionGuard,
        origin=workspace.settings.origin,
        admission_file=workspace.settings.admission_file,
        now=now,
        arrived=_arrivals(workspace),
    )
    return _people_app(workspace, guard)


def local_app(workspace: Workspace, port: int) -> Starlette:
    """Build the application for browsers on this machine, where no door stands in front: who has opened the link."""
    keys = LocalKeys(workspace.settings.state_directory, port=port)
    guard = Middleware(LocalGuard, origin=workspace.settings.origin, keys=keys, arrived=_arrivals(workspace))
    return _people_app(workspace, guard)


def _arrivals(workspace: Workspace) -> Arrived:
    async def note(caller: Caller) -> None:
        arrivals = workspace.engine.arrivals
        if caller.session is None:
            await arrivals.used_token(caller)
        else:
            await arrivals.signed_in(caller, caller.session.created, caller.session.expires)

    return note


def _people_app(workspace: Workspace, guard: Middleware) -> Starlette:
    routes = (
        *session.ROUTES,
        *metrics.ROUTES,
        *services.ROUTES,
        _mount("/oauth/api/github", github.ROUTES),
        _mount("/oauth/api/claude", (*CLAUDE_ROUTES, *SESSION_ROUTES)),
    )
    return _app(workspace, routes, (Middleware(RequestLog, listener="session"), Middleware(PageHeaders), guard))


def _mount(path: str, routes: Sequence[BaseRoute]) -> Mount:
    # Redirects to another slash would be built from the Host header; the ones that we want are routes.
    return Mount(path, app=Router(list(routes), redirect_slashes=False))


def _app(workspace: Workspace, routes: Sequence[BaseRoute], middleware: Sequence[Middleware]) -> Starlette:
    app = Starlette(routes=list(routes), middleware=list(middleware), exception_handlers=EXCEPTION_HANDLERS)
    app.state.workspace = workspace
    app.router.redirect_slashes = False
    return app
