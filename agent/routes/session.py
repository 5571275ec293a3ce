"""What the session listener has of its own: the page, who is signed in, and redirects."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from agent import __version__
from agent.access.guards import caller_of
from agent.answers import json_answer
from agent.models import SessionInfo
from agent.workspace import PARTS, workspace_of

STATIC = Path(__file__).parent.parent / "static"
# The door routes only paths with the slash to the parts; without it they come here.
TO_THE_SLASH = ("/oauth", *(f"/oauth/{part}" for part in PARTS))


async def page(_request: Request) -> Response:
    """Show the workspace's page."""
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


async def to_the_page(_request: Request) -> Response:
    """Lead from the host's root to the page."""
    return RedirectResponse("/oauth/")


async def add_slash(request: Request) -> Response:
    """Lead to the same address with a slash, keeping the query."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{request.url.path}/{query}")


async def session_info(request: Request) -> Response:
    """Tell who is signed in, and what this workspace has."""
    session = caller_of(request).session
    assert session is not None
    workspace = workspace_of(request)
    return json_answer(
        SessionInfo(
            workspace=workspace.settings.workspace,
            user=session.user,
            email=session.email,
            signed_in_at=session.created,
            expires_at=session.expires,
            parts=workspace.installed_parts(),
            version=__version__,
        )
    )


ROUTES: tuple[BaseRoute, ...] = (
    Route("/", to_the_page),
    Route("/oauth/", page),
    *(Route(path, add_slash) for path in TO_THE_SLASH),
    Route("/oauth/api/session", session_info),
    Mount("/oauth/static", StaticFiles(directory=STATIC)),
)
