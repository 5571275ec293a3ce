"""`/claude/tasks…`: kube-coder's routes with more fields, and what was missing there."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from agent.access.guards import caller_of
from agent.answers import json_answer
from agent.errors import (
    DiskFullError,
    InvalidBodyError,
    KeyReusedError,
    LoginNeededError,
    NotRunningError,
    PermissionNotFoundError,
    QueueFullError,
    RefusedPromptError,
    SessionEndedError,
    TaskNotFoundError,
)
from agent.models import (
    Activity,
    AnswerBody,
    Answered,
    AuditList,
    MessageBody,
    MessageList,
    PermissionList,
    PreparedTerminal,
    ResumeBody,
    Status,
    Task,
    TaskBody,
    TaskList,
    Transcript,
)
from agent.routes import bodies
from agent.routes.operation import Operation, Parameter
from agent.tasks.admission import LONGEST_KEY
from agent.tasks.audit import AuditQuery
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
    query = AuditQuery(
        limit=limit,
        task_id=request.query_params.get("task_id"),
        before=bodies.moment(request, "before"),
        actions=bodies.actions(request, "action"),
    )
    return json_answer(await _tasks(request).audited(query))


def _one_of(name: str, kind: type[Status | Activity]) -> Parameter:
    schema = {"type": "string", "examples": [str(next(iter(kind)))]}
    return Parameter(name, f"Only these, separated by commas: {', '.join(kind)}.", schema)


def _number(name: str, description: str, allowed: range, default: int | None = None) -> Parameter:
    schema = {"type": "integer", "minimum": allowed.start, "maximum": allowed.stop - 1}
    return Parameter(name, description, schema if default is None else {**schema, "default": default})


ACTIONS = {"type": "string", "examples": ["permission,task.kill"]}
KEY = Parameter(
    "Idempotency-Key",
    "The same key with the same body makes one task, however often it is sent.",
    {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
    "header",
)
LIST_PARAMETERS = (
    _one_of("status", Status),
    _one_of("activity", Activity),
    _number("limit", "At most so many.", LIMIT),
    Parameter("cursor", "The `next_cursor` of the answer before."),
)
AUDIT_PARAMETERS = (
    _number("limit", "At most so many.", LIMIT, AUDIT_ENTRIES),
    Parameter("task_id", "Only of this task."),
    Parameter("action", "Only these, separated by commas; the word before the dot means all of its kind.", ACTIONS),
    Parameter("before", "Only older ones: the `at` of the last entry of the answer before.", {"type": "number"}),
)
STARTING = (RefusedPromptError, LoginNeededError, QueueFullError, DiskFullError)
LIVE = (TaskNotFoundError, SessionEndedError)
ONE = "/tasks/{task_id}"
ROUTES = (
    Operation("/audit", audit, answer=AuditList, parameters=AUDIT_PARAMETERS, errors=(InvalidBodyError,)),
    Operation(
        "/tasks",
        list_all,
        answer=TaskList,
        parameters=LIST_PARAMETERS,
        errors=(InvalidBodyError, TaskNotFoundError),
    ),
    Operation(
        "/tasks",
        create,
        method="POST",
        body=TaskBody,
        answer=Task,
        status=201,
        parameters=(KEY,),
        errors=(*STARTING, KeyReusedError),
    ),
    Operation(ONE, show, answer=Task, errors=(TaskNotFoundError,)),
    Operation(ONE, kill, method="DELETE", answer=Task, errors=(TaskNotFoundError,)),
    Operation(
        f"{ONE}/output",
        output,
        answer="text/plain",
        parameters=(_number("tail", "The last lines.", TAIL, OUTPUT_LINES),),
        errors=(InvalidBodyError, TaskNotFoundError),
    ),
    Operation(f"{ONE}/transcript", transcript, answer=Transcript, errors=(TaskNotFoundError,)),
    Operation(f"{ONE}/message", send, method="POST", body=MessageBody, answer=Task, errors=(*LIVE, DiskFullError)),
    Operation(f"{ONE}/messages", messages, answer=MessageList, errors=(TaskNotFoundError,)),
    Operation(f"{ONE}/permissions", permissions, answer=PermissionList, errors=(TaskNotFoundError,)),
    Operation(
        f"{ONE}/permissions/{{request_id}}",
        answer,
        method="POST",
        body=AnswerBody,
        answer=Answered,
        errors=(TaskNotFoundError, PermissionNotFoundError),
    ),
    Operation(f"{ONE}/interrupt", interrupt, method="POST", answer=Task, errors=(*LIVE, NotRunningError)),
    Operation(
        f"{ONE}/resume",
        resume,
        method="POST",
        body=ResumeBody,
        body_required=False,
        answer=Task,
        errors=(TaskNotFoundError, NotRunningError, *STARTING),
    ),
    Operation(f"{ONE}/prepare-terminal", prepare_terminal, method="POST", answer=PreparedTerminal, errors=LIVE),
)
