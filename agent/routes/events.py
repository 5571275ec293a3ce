"""`/claude/events` and `/claude/tasks/{id}/events`: Server-Sent Events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from agent.access.guards import caller_of
from agent.errors import InvalidBodyError, TaskNotFoundError
from agent.models import TaskEvent
from agent.routes.operation import Operation, Parameter
from agent.tasks.stream import Numbered
from agent.workspace import workspace_of

BEAT_SECONDS = 15.0
"""Proxies end connections that are silent for a minute."""


async def all_events(request: Request) -> Response:
    """Stream what happens in all tasks."""
    return _stream(request, None)


async def task_events(request: Request) -> Response:
    """Stream what happens in one task."""
    task_id = str(request.path_params["task_id"])
    workspace_of(request).tasks.registry.record(task_id)
    return _stream(request, task_id)


def _stream(request: Request, task_id: str | None) -> StreamingResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    lines = _lines(request, task_id, _last_event_id(request))
    return StreamingResponse(lines, media_type="text/event-stream", headers=headers)


def _last_event_id(request: Request) -> int | None:
    text = request.headers.get("Last-Event-ID") or request.query_params.get("last_event_id")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidBodyError("Last-Event-ID: the number of an event")
    return int(text)


async def _lines(request: Request, task_id: str | None, after: int | None) -> AsyncGenerator[str, None]:
    """Write events until the client goes, the agent ends, or the sign-in is over."""
    workspace = workspace_of(request)
    stream = workspace.tasks.registry.stream
    session = caller_of(request).session
    seconds = (session.expires - datetime.now(UTC)).total_seconds() if session else None
    # At once, so that the client knows where it stands before anything happens.
    seen = stream.last_number if after is None else after
    yield f"id: {seen}\n: beat\n\n"
    events = stream.listen(after=seen, task_id=task_id, beat_seconds=BEAT_SECONDS)
    stopping = asyncio.create_task(workspace.stopping.wait())
    coming = asyncio.ensure_future(anext(events))
    try:
        async with asyncio.timeout(seconds):
            while True:
                await asyncio.wait((coming, stopping), return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    return
                yield _text(coming.result())
                coming = asyncio.ensure_future(anext(events))
    except TimeoutError:
        return
    finally:
        stopping.cancel()
        # It ends the generator with it, which can't be closed while it is asked for its next event.
        coming.cancel()


def _text(entry: Numbered | None) -> str:
    if entry is None:
        # Not a comment, which browsers keep from pages: a page too must notice a silent connection.
        beat = TaskEvent(kind="beat", at=time.time()).model_dump_json(exclude_none=True)
        return f"event: beat\ndata: {beat}\n\n"
    return f"id: {entry.number}\nevent: {entry.kind}\ndata: {entry.data}\n\n"


NUMBER = {"type": "string", "pattern": r"^\d{1,18}$"}
RESUMING = (
    Parameter("Last-Event-ID", "The number of the last event that was seen.", NUMBER, "header"),
    Parameter("last_event_id", "The same, for clients that can't set headers.", NUMBER),
)
ROUTES = (
    Operation("/events", all_events, answer="text/event-stream", parameters=RESUMING, errors=(InvalidBodyError,)),
    Operation(
        "/tasks/{task_id}/events",
        task_events,
        answer="text/event-stream",
        parameters=RESUMING,
        errors=(InvalidBodyError, TaskNotFoundError),
    ),
)
