"""The words of tasks: what a process, a conversation, a message and a request for permission can be."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal


class Status(StrEnum):
    """What became of the process; `running` says nothing about the conversation."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    ERROR = "error"
    KILLED = "killed"
    INTERRUPTED = "interrupted"

    @property
    def is_final(self) -> bool:
        """Whether the process has ended; a task can be resumed from there."""
        return self not in (Status.QUEUED, Status.RUNNING)


class Activity(StrEnum):
    """What the conversation of a running task does.

    `blocked` is a dialog that no hook explains; `unknown` means that the evidence
    contradicts itself or is gone, and is never to be shown as idle.
    """

    STARTING = "starting"
    WORKING = "working"
    RETRYING = "retrying"
    WAITING_PERMISSION = "waiting_permission"
    WAITING_QUESTION = "waiting_question"
    WAITING_PLAN = "waiting_plan"
    WAITING_BACKGROUND = "waiting_background"
    IDLE = "idle"
    STOPPED = "stopped"
    FAILED = "failed"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"

    @property
    def needs_person(self) -> bool:
        """Whether nothing goes on before somebody answers."""
        return self in (
            Activity.WAITING_PERMISSION,
            Activity.WAITING_QUESTION,
            Activity.WAITING_PLAN,
            Activity.BLOCKED,
        )

    @property
    def is_done(self) -> bool:
        """Whether the last prompt has been dealt with (D27)."""
        return self in (Activity.IDLE, Activity.STOPPED, Activity.FAILED)


class Source(StrEnum):
    """Where the evidence for an activity comes from."""

    HOOK = "hook"
    SESSIONS_FILE = "sessions_file"
    TRANSCRIPT = "transcript"
    PROCESS = "process"
    SCREEN = "screen"
    AGENT = "agent"


class Delivery(StrEnum):
    """What became of a message, by the transcript's own receipts.

    `queued` waits inside Claude until the running turn has room; `taken_back` was pulled
    into the composer by a person; `unknown` is never sent again by itself.
    """

    SENDING = "sending"
    DELIVERED = "delivered"
    QUEUED = "queued"
    BLOCKED = "blocked"
    REFUSED = "refused"
    TAKEN_BACK = "taken_back"
    UNKNOWN = "unknown"


class RequestKind(StrEnum):
    """What Claude asks a person for."""

    PERMISSION = "permission"
    QUESTION = "question"
    PLAN = "plan"


class RequestState(StrEnum):
    """How far a request for permission has come."""

    OPEN = "open"
    ANSWERING = "answering"
    ANSWERED = "answered"
    EXPIRED = "expired"


class AnswerResult(StrEnum):
    """What an answer did; `unconfirmed` was passed on, but nothing shows yet that it took effect."""

    APPLIED = "applied"
    ALREADY_ANSWERED = "already_answered"
    EXPIRED = "expired"
    UNCONFIRMED = "unconfirmed"


Decision = Literal["allow", "deny"]
PermissionMode = Literal["default", "acceptEdits", "plan", "auto", "dontAsk", "bypassPermissions"]
