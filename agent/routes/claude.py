"""`/claude/…`: under `/api` with a token, under `/oauth/api` with a session."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from agent import __version__
from agent.access.guards import caller_of
from agent.answers import json_answer
from agent.errors import UnavailableError
from agent.models import ApiToken, Version
from agent.routes.operation import Operation
from agent.workspace import workspace_of


async def version(request: Request) -> Response:
    """Tell what answers, and for which workspace."""
    return json_answer(Version(workspace=workspace_of(request).settings.workspace, version=__version__))


async def show_token(request: Request) -> Response:
    """Show the user's own token."""
    token = await asyncio.to_thread(workspace_of(request).tokens.user_token)
    return json_answer(ApiToken(token=token))


async def regenerate_token(request: Request) -> Response:
    """Make a new token for the user; the old one is invalid at once."""
    try:
        token = await asyncio.to_thread(workspace_of(request).tokens.rotate_user_token)
    except OSError as error:
        raise UnavailableError(f"the new token can't be written: {error.strerror}") from error
    await workspace_of(request).engine.audit.write("token.rotate", caller_of(request))
    return json_answer(ApiToken(token=token))


SHARED_ROUTES = (Operation("/version", version, answer=Version),)
# A token must not be able to show or renew itself.
SESSION_ONLY_ROUTES = (
    Operation("/auth/token", show_token, answer=ApiToken),
    Operation("/auth/token/regenerate", regenerate_token, method="POST", answer=ApiToken),
)
