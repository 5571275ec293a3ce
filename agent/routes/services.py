"""`/oauth/api/services`: what runs beside the agent, and a restart of one of it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from agent.access.guards import caller_of
from agent.answers import json_answer
from agent.errors import OwnServiceError, ServiceNotFoundError
from agent.models import ServiceList
from agent.routes.operation import Operation
from agent.workspace import workspace_of


async def show(request: Request) -> Response:
    """Tell the state and the last lines of every service."""
    return json_answer(await workspace_of(request).services.show())


async def restart(request: Request) -> Response:
    """Restart one service, and tell the state of all."""
    workspace = workspace_of(request)
    name = str(request.path_params["name"])
    await workspace.services.restart(name)
    await workspace.engine.audit.write("service.restart", caller_of(request), service=name)
    return json_answer(await workspace.services.show())


ROUTES = (
    Operation("/oauth/api/services", show, answer=ServiceList),
    Operation(
        "/oauth/api/services/{name}/restart",
        restart,
        method="POST",
        answer=ServiceList,
        errors=(OwnServiceError, ServiceNotFoundError),
    ),
)
