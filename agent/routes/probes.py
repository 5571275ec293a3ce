"""`/health` and `/ready` of the API listener: the two answers that need no token."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent.answers import json_answer
from agent.models import Health
from agent.workspace import workspace_of


async def health(_request: Request) -> Response:
    """Tell that the process answers."""
    return json_answer(Health())


async def ready(request: Request) -> Response:
    """Tell whether the workspace can serve, and what stands in the way."""
    readiness = await workspace_of(request).prober.probe()
    return json_answer(readiness, status=200 if readiness.ready else 503)


ROUTES = (Route("/health", health), Route("/ready", ready))
