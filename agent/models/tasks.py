"""Tasks on the wire: the shapes of kube-coder's Task API with fields added, never changed (D28)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from agent.models.states import (
    Activity,
    AnswerResult,
    Decision,
    Delivery,
    PermissionMode,
    RequestKind,
    RequestState,
    Source,
    Status,
)
from agent.models.wire import WireModel

SUMMARY_CHARACTERS = 120
"""How much of the prompt a list shows."""


class Usage(WireModel):
    """Tokens of all launches of a task, each message counted once, and what they cost by list price.

    Attributes:
        cost_usd: None when a model's price isn't known.
        by_model: The same per model.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cost_usd: float | None = None
    by_model: Mapping[str, Mapping[str, int]] = Field(default_factory=dict)


class Permission(WireModel):
    """One request of Claude for a person's decision.

    Attributes:
        request_id: Names it in the answer.
        kind: A tool's permission, a question, or a plan to approve.
        tool_input: The tool's arguments exactly as Claude gave them; for a question its `questions`.
        requested_at: Unix seconds.
        agent_type: The subagent that asks, where one does.
        suggestions: What Claude offers to remember.
        decision: Of whoever answered first.
        answered_by: Login or token name; `terminal` for somebody at the keyboard.
        via: `session`, `token` or `terminal`.
    """

    request_id: str
    task_id: str
    kind: RequestKind
    state: RequestState
    tool_name: str
    tool_input: Mapping[str, Any]
    requested_at: float
    agent_type: str | None = None
    suggestions: tuple[Mapping[str, Any], ...] = ()
    decision: Decision | None = None
    reason: str | None = None
    answered_by: str | None = None
    answered_at: float | None = None
    via: Literal["session", "token", "terminal"] | None = None


class PermissionList(WireModel):
    """`GET /tasks/{id}/permissions`: open ones first, then the newest."""

    permissions: tuple[Permission, ...]


class AnswerBody(WireModel):
    """`POST /tasks/{id}/permissions/{request_id}`.

    Attributes:
        reason: What Claude is told with a denial.
        answers: For a question: its text → label, free text, or labels joined by `, `.
        remember: `session` applies Claude's own suggestion until the session ends.
    """

    decision: Decision
    reason: str | None = Field(default=None, max_length=10_000)
    answers: Mapping[str, str] | None = None
    remember: Literal["session"] | None = None


class Answered(WireModel):
    """What an answer did, and the request as it is now."""

    result: AnswerResult
    permission: Permission


class Message(WireModel):
    """A text sent to a task, and what became of it.

    Attributes:
        message_id: `first` is the prompt that the task began with.
        reason: Why it was blocked or refused, or what is unknown.
        altered: What the terminal changed in the text, in words.
    """

    message_id: str
    prompt: str
    sent_at: float
    delivery: Delivery
    delivered_at: float | None = None
    reason: str | None = None
    altered: tuple[str, ...] = ()


class MessageList(WireModel):
    """`GET /tasks/{id}/messages`: oldest first."""

    messages: tuple[Message, ...]


class MessageBody(WireModel):
    """`POST /tasks/{id}/message`.

    Attributes:
        allow_commands: Lets a text through that is a command to Claude's terminal, such as `/compact`.
    """

    prompt: str = Field(min_length=1, max_length=1_000_000)
    allow_commands: bool = False


class FollowUp(WireModel):
    """A message in the seed's shape."""

    prompt: str
    sent_at: float


class TaskSummary(WireModel):
    """A task as lists and events show it.

    Attributes:
        prompt: The first characters.
        created_at: Unix seconds, as all times here.
        activity: Only while `status` is running.
        activity_since: When the activity began.
        activity_source: What the newest evidence for it is.
        evidence_age: Seconds since the newest evidence of any kind.
        activity_detail: In words: the tool, the error, the dialog's text.
        pending: How many requests wait for an answer.
        queue_position: 1 is next; only while queued.
    """

    task_id: str
    prompt: str
    status: Status
    created_at: float
    name: str | None = None
    activity: Activity | None = None
    activity_since: float | None = None
    activity_source: Source | None = None
    activity_detail: str | None = None
    evidence_age: float | None = None
    pending: int = 0
    model: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    queue_position: int | None = None
    usage: Usage = Usage()


class Task(TaskSummary):
    """A whole task.

    Attributes:
        prompt: All of it.
        session_id: Claude's own, the same after a resume.
        tmux_session: To attach by hand on the agent's socket.
        exit_code: Of the last process; None when a signal ended it or nobody saw the end.
        error: Why `status` is error or interrupted.
        pending_permission: The oldest open request.
        recent_output: The last lines of the terminal; only in answers about one task.
        message_id: In the answer to a message.
        delivery: In the answer to a message.
        delivery_altered: What of its text arrived otherwise than it was sent, in words.
    """

    session_id: str
    workdir: str
    tmux_session: str
    permission_mode: str
    timeout_seconds: int | None = None
    idle_timeout_seconds: int
    killed_at: float | None = None
    exit_code: int | None = None
    error: str | None = None
    followups: tuple[FollowUp, ...] = ()
    pending_permission: Permission | None = None
    recent_output: str | None = None
    webhook: str | None = None
    launches: int = 0
    message_id: str | None = None
    delivery: Delivery | None = None
    delivery_reason: str | None = None
    delivery_altered: tuple[str, ...] = ()


class TaskList(WireModel):
    """`GET /tasks`: newest first; `next_cursor` continues where the list was cut."""

    tasks: tuple[TaskSummary, ...]
    next_cursor: str | None = None


class TaskBody(WireModel):
    """`POST /tasks`.

    Attributes:
        workdir: Absolute or below the home; the home when absent.
        permission_mode: One that the workspace admits (D30).
        timeout_seconds: The whole task's limit; None is no limit.
        idle_timeout_seconds: Ends an idle session as completed; 0 never.
        webhook: An https address that is told when the prompt is done.
        allow_commands: As for messages.
    """

    prompt: str = Field(min_length=1, max_length=1_000_000)
    workdir: str | None = Field(default=None, max_length=4096)
    name: str | None = Field(default=None, max_length=200)
    model: str | None = Field(default=None, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/\[\]-]*$")
    permission_mode: PermissionMode = "default"
    timeout_seconds: int | None = Field(default=None, ge=1, le=30 * 86400)
    idle_timeout_seconds: int = Field(default=1800, ge=0, le=30 * 86400)
    webhook: str | None = Field(default=None, max_length=2000)
    max_retries: int | None = Field(default=None, ge=0, le=100)
    allow_commands: bool = False

    @field_validator("prompt")
    @classmethod
    def _not_blank(cls, prompt: str) -> str:
        if not prompt.strip():
            raise ValueError("is blank")
        return prompt


class ResumeBody(WireModel):
    """`POST /tasks/{id}/resume`: continues the same conversation, with a further prompt or waiting for one."""

    prompt: str | None = Field(default=None, min_length=1, max_length=1_000_000)
    allow_commands: bool = False


class PreparedTerminal(WireModel):
    """`POST /tasks/{id}/prepare-terminal`, in the seed's shape."""

    ok: Literal[True] = True
    session: str


class TranscriptEntry(WireModel):
    """One piece of the conversation.

    Attributes:
        kind: Whose it is: `prompt`, `text` of Claude, `thinking`, `tool`, `result`, `system`.
        at: Unix seconds.
        text: The text; a result's is its content as text.
        tool_name: Of a tool call.
        tool_input: Of a tool call.
        tool_use_id: Joins a tool call and its result.
        is_error: Of a result.
        agent_id: The subagent whose conversation it is.
    """

    kind: Literal["prompt", "text", "thinking", "tool", "result", "system"]
    at: float
    text: str = ""
    tool_name: str | None = None
    tool_input: Mapping[str, Any] | None = None
    tool_use_id: str | None = None
    is_error: bool | None = None
    agent_id: str | None = None


class Transcript(WireModel):
    """`GET /tasks/{id}/transcript`."""

    task_id: str
    entries: tuple[TranscriptEntry, ...]


class AuditEntry(WireModel):
    """Who did what, from where, when (D32).

    Attributes:
        at: Unix seconds.
        action: Such as `task.create`, `permission.allow`.
        who: Login or token name; `terminal` for somebody at the keyboard; `agent` for what it did by itself.
        via: `session`, `token`, `terminal` or `agent`.
        task_id: Which task, where it is about one.
        detail: What else is worth knowing; never a prompt, token or key.
    """

    at: float
    action: str
    who: str
    via: Literal["session", "token", "terminal", "agent"]
    task_id: str | None = None
    detail: Mapping[str, Any] = Field(default_factory=dict)


class AuditList(WireModel):
    """`GET /audit`: newest first."""

    entries: tuple[AuditEntry, ...]


class TaskEvent(WireModel):
    """The data of an SSE event; `kind` is also the event's name.

    Attributes:
        kind: `task` (its state changed), `permission` (asked or answered), `message` (its delivery changed),
            `transcript` (something was said or done), `gap` (events were lost: read anew),
            `services` and `audit` (their list has changed: read it anew),
            `beat` (nothing happened for a while).
        task_id: Which task; none where it isn't about one.
    """

    kind: Literal["task", "permission", "message", "transcript", "gap", "services", "audit", "beat"]
    task_id: str | None = None
    at: float
    task: TaskSummary | None = None
    permission: Permission | None = None
    message: Message | None = None
    entry: TranscriptEntry | None = None
