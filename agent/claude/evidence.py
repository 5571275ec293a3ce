"""Every fact that can be seen of a Claude session, whatever shows it.

Parsers in this package make evidence out of hooks, files and screens; `agent.tasks.state`
draws conclusions from it. Nothing here concludes anything.

Every piece carries `at`: Unix seconds at which it happened, by the clock of whoever saw it first
(the hook's arrival, the sessions file's `statusUpdatedAt`, a transcript line's timestamp).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from agent.models import Decision, RequestKind, Source


@dataclass(frozen=True, slots=True)
class Evidence:
    """Base of all facts; `source` says what shows this kind."""

    source: ClassVar[Source]
    at: float


# The process


@dataclass(frozen=True, slots=True)
class Launched(Evidence):
    """We started Claude; `has_prompt` when a first prompt came with it."""

    source: ClassVar[Source] = Source.PROCESS
    has_prompt: bool


@dataclass(frozen=True, slots=True)
class Exited(Evidence):
    """The process has ended; both None when nobody saw how."""

    source: ClassVar[Source] = Source.PROCESS
    exit_code: int | None = None
    signal: int | None = None


@dataclass(frozen=True, slots=True)
class WatchBegan(Evidence):
    """The agent started to watch a session that runs already: hooks may have been missed.

    Attributes:
        has_prompt: Whether the launch's prompt isn't in the conversation yet.
    """

    has_prompt: bool = True
    source: ClassVar[Source] = Source.AGENT


@dataclass(frozen=True, slots=True)
class Ticked(Evidence):
    """Time has passed."""

    source: ClassVar[Source] = Source.AGENT


# Hooks


@dataclass(frozen=True, slots=True)
class SessionStarted(Evidence):
    """SessionStart."""

    source: ClassVar[Source] = Source.HOOK
    session_id: str
    how: str


@dataclass(frozen=True, slots=True)
class PromptSubmitted(Evidence):
    """UserPromptSubmit: accepted, perhaps only queued; `is_notification` for Claude's own task notifications."""

    source: ClassVar[Source] = Source.HOOK
    prompt_id: str
    text: str
    is_notification: bool = False


@dataclass(frozen=True, slots=True)
class ToolStarted(Evidence):
    """PreToolUse."""

    source: ClassVar[Source] = Source.HOOK
    prompt_id: str
    tool_use_id: str
    tool_name: str
    tool_input: Mapping[str, Any]
    agent_id: str | None = None


@dataclass(frozen=True, slots=True)
class ToolEnded(Evidence):
    """PostToolUse or PostToolUseFailure."""

    source: ClassVar[Source] = Source.HOOK
    prompt_id: str
    tool_use_id: str
    tool_name: str
    failed: bool = False
    agent_id: str | None = None


@dataclass(frozen=True, slots=True)
class BatchEnded(Evidence):
    """PostToolBatch: these calls have results, denied ones too."""

    source: ClassVar[Source] = Source.HOOK
    prompt_id: str
    tool_use_ids: tuple[str, ...]
    agent_id: str | None = None


@dataclass(frozen=True, slots=True)
class SubagentStarted(Evidence):
    """SubagentStart."""

    source: ClassVar[Source] = Source.HOOK
    agent_id: str
    agent_type: str


@dataclass(frozen=True, slots=True)
class SubagentStopped(Evidence):
    """SubagentStop."""

    source: ClassVar[Source] = Source.HOOK
    agent_id: str
    agent_type: str


@dataclass(frozen=True, slots=True)
class TurnStopped(Evidence):
    """Stop; `background` names what goes on behind it (`shell`, `subagent`)."""

    source: ClassVar[Source] = Source.HOOK
    prompt_id: str
    background: tuple[str, ...] = ()
    last_message: str = ""


@dataclass(frozen=True, slots=True)
class TurnFailed(Evidence):
    """StopFailure of the turn itself: an API error ended it."""

    source: ClassVar[Source] = Source.HOOK
    prompt_id: str
    error: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Compacting(Evidence):
    """PreCompact, or PostCompact when `ended`."""

    source: ClassVar[Source] = Source.HOOK
    ended: bool


@dataclass(frozen=True, slots=True)
class Notified(Evidence):
    """Notification: seconds late, so only good to repair a missed event."""

    source: ClassVar[Source] = Source.HOOK
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class SessionEnded(Evidence):
    """SessionEnd; `clear` goes on with another session id in the same process."""

    source: ClassVar[Source] = Source.HOOK
    reason: str


# Requests for a person's decision: the waiting PermissionRequest hook


@dataclass(frozen=True, slots=True)
class PermissionRequested(Evidence):
    """PermissionRequest, under the id that the waiting hook made; sent again after a restart of the agent."""

    source: ClassVar[Source] = Source.HOOK
    request_id: str
    kind: RequestKind
    tool_name: str
    tool_input: Mapping[str, Any]
    prompt_id: str = ""
    agent_id: str | None = None
    agent_type: str | None = None
    suggestions: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class PermissionAnswered(Evidence):
    """We gave the waiting hook this decision; whether it counts is still to be seen."""

    source: ClassVar[Source] = Source.AGENT
    request_id: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class PermissionWithdrawn(Evidence):
    """Claude ended the waiting hook: a person said no or pressed Esc, or the session ends."""

    source: ClassVar[Source] = Source.HOOK
    request_id: str


# Claude's own sessions file


@dataclass(frozen=True, slots=True)
class StatusSeen(Evidence):
    """`<config>/sessions/<pid>.json`: `status` is idle, busy, shell or waiting, empty while it starts."""

    source: ClassVar[Source] = Source.SESSIONS_FILE
    status: str
    waiting_for: str
    session_id: str


@dataclass(frozen=True, slots=True)
class StatusGone(Evidence):
    """The sessions file was there and is gone: a graceful end."""

    source: ClassVar[Source] = Source.SESSIONS_FILE


# The transcript


@dataclass(frozen=True, slots=True)
class UserLine(Evidence):
    """A prompt in the transcript; `prompt_source` is typed, queued or system."""

    source: ClassVar[Source] = Source.TRANSCRIPT
    prompt_id: str
    prompt_source: str
    text: str


@dataclass(frozen=True, slots=True)
class Enqueued(Evidence):
    """A message waits inside Claude."""

    source: ClassVar[Source] = Source.TRANSCRIPT
    text: str


@dataclass(frozen=True, slots=True)
class Dequeued(Evidence):
    """The oldest waiting message was taken for the next turn."""

    source: ClassVar[Source] = Source.TRANSCRIPT


@dataclass(frozen=True, slots=True)
class Absorbed(Evidence):
    """A waiting message was given to the model within the running turn."""

    source: ClassVar[Source] = Source.TRANSCRIPT
    text: str


@dataclass(frozen=True, slots=True)
class TakenBack(Evidence):
    """A waiting message was pulled into the composer by a person."""

    source: ClassVar[Source] = Source.TRANSCRIPT
    text: str


@dataclass(frozen=True, slots=True)
class InterruptMarked(Evidence):
    """`[Request interrupted by user…]`.

    Attributes:
        is_of_reply: The line names the model's reply that was interrupted (`interruptedMessageId`). Where the only
            call of a reply was refused in its dialog it names none; where that call ran already it does (seen with
            2.1.197 and 2.1.330).
    """

    source: ClassVar[Source] = Source.TRANSCRIPT
    for_tool_use: bool = False
    is_of_reply: bool = False


@dataclass(frozen=True, slots=True)
class AssistantLine(Evidence):
    """Something that the model said or called; `error` names an API error that ended the turn."""

    source: ClassVar[Source] = Source.TRANSCRIPT
    text: str = ""
    tool_use_ids: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class ToolResultLine(Evidence):
    """The result of a call, a refused one too."""

    source: ClassVar[Source] = Source.TRANSCRIPT
    tool_use_id: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class PermissionDecided(Evidence):
    """The attachment `hook_permission_decision`: our answer counted."""

    source: ClassVar[Source] = Source.TRANSCRIPT
    tool_use_id: str
    decision: str


# The screen, for what nothing else shows


@dataclass(frozen=True, slots=True)
class ScreenSeen(Evidence):
    """What the screen says.

    `dialog`: something waits for a key; `retrying`: the model's API failed and is asked again;
    `stalled`: it doesn't answer; `quiet`: none of these.
    """

    source: ClassVar[Source] = Source.SCREEN
    shows: Literal["dialog", "retrying", "stalled", "quiet"]
    text: str = ""
    attempt: int | None = None
    attempts: int | None = None
