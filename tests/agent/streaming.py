"""The agent with more routes on both listeners: a stream that heeds `stopping`, one that doesn't, and a bug."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from unittest import mock

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from agent import __main__ as program
from agent import server
from agent.app import api_app, session_app
from agent.workspace import Workspace, workspace_of


async def heeding(request: Request) -> Response:
    """Send a word, then wait for the end as a good stream does."""
    workspace = workspace_of(request)

    async def words() -> AsyncIterator[str]:
        yield "first"
        await workspace.stopping.wait()
        yield "last"

    return StreamingResponse(words())


async def deaf(_request: Request) -> Response:
    """Send a word and never end."""

    async def words() -> AsyncIterator[str]:
        yield "first"
        await asyncio.Event().wait()

    return StreamingResponse(words())


async def broken(_request: Request) -> Response:
    """Fail as a bug does."""
    raise RuntimeError("the cause is for the log alone")


ROUTES = (Route("/heeding", heeding), Route("/deaf", deaf), Route("/broken", broken))


def with_streams(build: Callable[[Workspace], Starlette]) -> Callable[[Workspace], Starlette]:
    def build_more(workspace: Workspace) -> Starlette:
        app = build(workspace)
        app.router.routes.extend(ROUTES)
        return app

    return build_more


if __name__ == "__main__":
    with (
        mock.patch.object(server, "api_app", with_streams(api_app)),
        mock.patch.object(server, "session_app", with_streams(session_app)),
    ):
        sys.exit(program.main())
