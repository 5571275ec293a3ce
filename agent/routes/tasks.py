"""`/claude/tasks…`: kube-coder's routes with more fields, and what was missing there."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from agent.access.guards import caller_of
from agent.answers import json_answer
from agent.models import Activity, AnswerBody, MessageBody, ResumeBody, Status, TaskBody
from agent.routes import bodies
from agent.tasks.service import OUTPUT_LINES, TaskService
from agent.workspace import workspace_of

TAIL = range(1, 100_001)
LIMIT = range(1, 1001)
AUDIT_ENTRIES = 100


def _tasks(request: Request) -> TaskService:
    return workspace_of(request).tasks


def _id(request: Request) -> str:
    return str(request.path_params["task_id"])


async def create(request: Request) -> Response:
    """Make a task."""
    body = await bodies.read(request, TaskBody)
    key = request.headers.get("Idempotency-Key")
    return json_answer(await _tasks(request).create(body, caller_of(request), key=key), status=201)


async def list_all(request: Request) -> Response:
    """List the tasks, newest first."""
    found = _tasks(request).list(
        statuses=bodies.words(request, "status", Status),
        activities=bodies.words(request, "activity", Activity),
        limit=bodies.number(request, "limit", LIMIT),
        cursor=request.query_params.get("cursor"),
    )
    return json_answer(found)


async def show(request: Request) -> Response:
    """Show one task."""
    return json_answer(await _tasks(request).show(_id(request), with_output=True))


async def output(request: Request) -> Response:
    """Give the last lines of the terminal as text."""
    lines = bodies.number(request, "tail", TAIL, OUTPUT_LINES)
    assert lines is not None
    text = await _tasks(request).output(_id(request), lines)
    return PlainTextResponse(text, headers={"Cache-Control": "no-store"})


async def transcript(request: Request) -> Response:
    """Give the conversation."""
    return json_answer(await _tasks(request).transcript(_id(request)))


async def send(request: Request) -> Response:
    """Send a text to the session."""
    body = await bodies.read(request, MessageBody)
    return json_answer(await _tasks(request).send(_id(request), body, caller_of(request)))


async def messages(request: Request) -> Response:
    """List what was sent, and what became of it."""
    return json_answer(_tasks(request).messages(_id(request)))


async def permissions(request: Request) -> Response:
    """List what the task asked a person for."""
    return json_answer(_tasks(request).permissions(_id(request)))


async def answer(request: Request) -> Response:
    """Allow or deny."""
    body = await bodies.read(request, AnswerBody)
    request_id = str(request.path_params["request_id"])
    return json_answer(await _tasks(request).answer(_id(request), request_id, body, caller_of(request)))


async def interrupt(request: Request) -> Response:
    """End the turn."""
    return json_answer(await _tasks(request).interrupt(_id(request), caller_of(request)))


async def resume(request: Request) -> Response:
    """Go on after the end."""
    body = await bodies.read(request, ResumeBody, may_be_empty=True)
    return json_answer(await _tasks(request).resume(_id(request), body, caller_of(request)))


async def prepare_terminal(request: Request) -> Response:
    """Name the session to attach to."""
    return json_answer(_tasks(request).prepare_terminal(_id(request)))


async def kill(request: Request) -> Response:
    """End the task."""
    return json_answer(await _tasks(request).kill(_id(request), caller_of(request)))


async def audit(request: Request) -> Response:
    """List who did what."""
    limit = bodies.number(request, "limit", LIMIT, AUDIT_ENTRIES)
    assert limit is not None
    return json_answer(await _tasks(request).audited(limit, request.query_params.get("task_id")))


ROUTES = (
    Route("/audit", audit),
    Route("/tasks", list_all, methods=["GET"]),
    Route("/tasks", create, methods=["POST"]),
    Route("/tasks/{task_id}", show, methods=["GET"]),
    Route("/tasks/{task_id}", kill, methods=["DELETE"]),
    Route("/tasks/{task_id}/output", output),
    Route("/tasks/{task_id}/transcript", transcript),
    Route("/tasks/{task_id}/message", send, methods=["POST"]),
    Route("/tasks/{task_id}/messages", messages),
    Route("/tasks/{task_id}/permissions", permissions),
    Route("/tasks/{task_id}/permissions/{request_id}", answer, methods=["POST"]),
    Route("/tasks/{task_id}/interrupt", interrupt, methods=["POST"]),
    Route("/tasks/{task_id}/resume", resume, methods=["POST"]),
    Route("/tasks/{task_id}/prepare-terminal", prepare_terminal, methods=["POST"]),
)
