"""What the workspace uses, for its page."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent.answers import json_answer
from agent.workspace import workspace_of


async def metrics(request: Request) -> Response:
    """Tell what is used of CPU, memory, disk and network, and what was in the last 15 minutes."""
    return json_answer(workspace_of(request).metrics.metrics())


ROUTES = (Route("/oauth/api/metrics", metrics),)
