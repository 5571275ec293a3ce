"""The Task API of one agent, as calls that take and return its wire models."""

from __future__ import annotations

import builtins
import uuid
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from agent.models import (
    Activity,
    AnswerBody,
    Answered,
    AuditEntry,
    AuditList,
    Message,
    MessageBody,
    MessageList,
    Permission,
    PermissionList,
    PreparedTerminal,
    ResumeBody,
    Status,
    Task,
    TaskBody,
    TaskList,
    TaskSummary,
    Transcript,
    TranscriptEntry,
    Version,
)
from kubecoder.agentclient.events import EventStream
from kubecoder.agentclient.failures import strange
from kubecoder.agentclient.reach import Reach
from kubecoder.agentclient.transport import Call, Transport

Model = TypeVar("Model", bound=BaseModel)
PAGE = 200


class AgentClient:
    """One agent; a context manager, safe to use from several threads.

    Every call may raise `AgentError` (the agent refused), `AgentUnreachableError` (no answer), `NotFoundError` (no
    such task), and what the way to the agent raises.

    Args:
        reach: The way to the agent.
        transport: Sends the requests; made from `reach` when None.
    """

    def __init__(self, reach: Reach, *, transport: Transport | None = None) -> None:
        self.reach = reach
        self._transport = transport or Transport(reach)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and the way to the agent."""
        self._transport.close()

    def version(self) -> Version:
        """Return what answers."""
        return self._get(Version, "/version")

    def list(
        self, *, statuses: Collection[Status] = (), activities: Collection[Activity] = (), most: int | None = None
    ) -> TaskList:
        """Return all tasks, or those in some state, newest first.

        Args:
            statuses: Only tasks of these; empty means any.
            activities: Only tasks of these; empty means any.
            most: So many of the newest; `next_cursor` of the answer is there when there are more.
        """
        found: builtins.list[TaskSummary] = []
        query = {"limit": str(min(PAGE, most or PAGE))}
        query |= {"status": ",".join(statuses)} if statuses else {}
        query |= {"activity": ",".join(activities)} if activities else {}
        while True:
            page = self._get(TaskList, "/tasks", **query)
            found += page.tasks
            if not page.next_cursor or len(found) >= (most or len(found) + 1):
                return TaskList(tasks=tuple(found), next_cursor=page.next_cursor)
            query["cursor"] = page.next_cursor

    def get(self, task_id: str) -> Task:
        """Return one task."""
        return self._get(Task, _task(task_id))

    def create(self, body: TaskBody) -> Task:
        """Start a task. Tries of one call make one task, whatever happens to the connection."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        document = body.model_dump(mode="json", exclude_none=True, exclude_unset=True)
        return self._parsed(Task, Call("POST", "/tasks", body=document, headers=headers, repeatable=True))

    def output(self, task_id: str, *, tail: int | None = None) -> str:
        """Return the text of the terminal; the last lines of it when asked."""
        query = {} if tail is None else {"tail": str(tail)}
        return self._transport.send(Call("GET", f"{_task(task_id)}/output", query, repeatable=True)).text

    def transcript(self, task_id: str) -> tuple[TranscriptEntry, ...]:
        """Return the conversation."""
        return self._get(Transcript, f"{_task(task_id)}/transcript").entries

    def send(self, task_id: str, body: MessageBody) -> Task:
        """Send a text to a running task; the answer has its `message_id` and what became of it.

        It is never sent twice by itself: after a broken connection `messages` tells whether it has arrived.
        """
        return self._post(Task, f"{_task(task_id)}/message", body)

    def messages(self, task_id: str) -> tuple[Message, ...]:
        """Return the texts sent to a task and what became of each, oldest first."""
        return self._get(MessageList, f"{_task(task_id)}/messages").messages

    def permissions(self, task_id: str) -> tuple[Permission, ...]:
        """Return what a task has asked for, open requests first."""
        return self._get(PermissionList, f"{_task(task_id)}/permissions").permissions

    def answer(self, task_id: str, request_id: str, body: AnswerBody) -> Answered:
        """Answer a request; the first answer wins, so that a repeated one changes nothing."""
        path = f"{_task(task_id)}/permissions/{quote(request_id, safe='')}"
        return self._post(Answered, path, body, repeatable=True)

    def interrupt(self, task_id: str) -> Task:
        """Stop what Claude does; the session lives."""
        return self._post(Task, f"{_task(task_id)}/interrupt")

    def resume(self, task_id: str, body: ResumeBody) -> Task:
        """Continue the conversation of a task whose process has ended."""
        return self._post(Task, f"{_task(task_id)}/resume", body)

    def kill(self, task_id: str) -> Task:
        """End the process and all that it started; the record stays."""
        return self._parsed(Task, Call("DELETE", _task(task_id), repeatable=True))

    def prepare_terminal(self, task_id: str) -> PreparedTerminal:
        """Return the tmux session to attach to."""
        return self._post(PreparedTerminal, f"{_task(task_id)}/prepare-terminal", repeatable=True)

    def audit(self, *, limit: int | None = None) -> tuple[AuditEntry, ...]:
        """Return who did what, newest first."""
        query = {} if limit is None else {"limit": str(limit)}
        return self._get(AuditList, "/audit", **query).entries

    def events(
        self,
        task_id: str | None = None,
        *,
        on_trouble: Callable[[str], None] = lambda _: None,
        on_recovery: Callable[[], None] = lambda: None,
    ) -> EventStream:
        """Follow all tasks or one; nothing is sent before the stream is read.

        Args:
            task_id: Whose events; None is everybody's.
            on_trouble: Told once when the connection is lost, with the reason.
            on_recovery: Told when it is back.
        """
        path = "/events" if task_id is None else f"{_task(task_id)}/events"
        return EventStream(self._transport, path, on_trouble=on_trouble, on_recovery=on_recovery)

    def _get(self, model: type[Model], path: str, **query: str) -> Model:
        return self._parsed(model, Call("GET", path, query, repeatable=True))

    def _post(self, model: type[Model], path: str, body: BaseModel | None = None, *, repeatable: bool = False) -> Model:
        document: Any = None if body is None else body.model_dump(mode="json", exclude_none=True)
        return self._parsed(model, Call("POST", path, body=document, repeatable=repeatable))

    def _parsed(self, model: type[Model], call: Call) -> Model:
        response: httpx.Response = self._transport.send(call)
        try:
            return model.model_validate_json(response.content)
        except ValidationError:
            # The validation's own text would quote what came.
            raise strange(self.reach.name) from None


def _task(task_id: str) -> str:
    return f"/tasks/{quote(task_id, safe='')}"
