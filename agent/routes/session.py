"""What the session listener has of its own: the page, who is signed in, and redirects."""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from agent import __version__, folders
from agent.access.admission import read_allow_list
from agent.access.guards import caller_of
from agent.answers import json_answer
from agent.models import Admission, FolderList, SessionInfo
from agent.routes import bodies, icon
from agent.workspace import PARTS, workspace_of

STATIC = Path(__file__).parent.parent / "static"
# The door routes only paths with the slash to the parts; without it they come here.
TO_THE_SLASH = ("/oauth", *(f"/oauth/{part}" for part in PARTS))


async def page(_request: Request) -> Response:
    """Show the workspace's page."""
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


async def page_icon(request: Request) -> Response:
    """Draw the page's icon with the number of things that need the person."""
    needs = bodies.number(request, "needs", icon.NEEDS, default=0)
    assert needs is not None
    return Response(icon.draw(needs), media_type="image/svg+xml", headers={"Cache-Control": "max-age=86400"})


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
            permission_modes=workspace.settings.permission_modes,
            has_door=workspace.settings.local_port is None,
            api_url=workspace.settings.api_url,
            version=__version__,
        )
    )


async def who_may_sign_in(request: Request) -> Response:
    """Tell who may sign in."""
    settings = workspace_of(request).settings
    if settings.local_port is not None:
        return json_answer(Admission(users=()))
    allowed = await asyncio.to_thread(read_allow_list, settings.admission_file)
    users, teams = sorted(allowed.users), sorted(allowed.teams)
    return json_answer(Admission(users=tuple(users), organization=allowed.org or None, teams=tuple(teams)))


async def complete_folder(request: Request) -> Response:
    """Tell which folders below the home begin with `start`."""
    home, start = workspace_of(request).settings.home, request.query_params.get("start", "")
    return json_answer(FolderList(folders=await asyncio.to_thread(folders.completions, home, start)))


ROUTES: tuple[BaseRoute, ...] = (
    Route("/", to_the_page),
    Route("/oauth/", page),
    *(Route(path, add_slash) for path in TO_THE_SLASH),
    Route("/oauth/api/session", session_info),
    Route("/oauth/api/access", who_may_sign_in),
    Route("/oauth/api/folders", complete_folder),
    Route("/oauth/icon.svg", page_icon),
    Mount("/oauth/static", StaticFiles(directory=STATIC)),
)
