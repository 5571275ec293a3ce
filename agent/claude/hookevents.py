"""Turn what Claude's hooks send into evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agent.claude.evidence import (
    BatchEnded,
    Compacting,
    Evidence,
    Notified,
    PermissionRequested,
    PromptSubmitted,
    SessionEnded,
    SessionStarted,
    SubagentStarted,
    SubagentStopped,
    ToolEnded,
    ToolStarted,
    TurnFailed,
    TurnStopped,
)
from agent.models import RequestKind

Payload = Mapping[str, Any]
NOTIFICATION = "<task-notification>"
"""Claude tells itself the end of background work by a prompt that begins so."""
KINDS = {"AskUserQuestion": RequestKind.QUESTION, "ExitPlanMode": RequestKind.PLAN}


def parse(payload: Payload, at: float) -> Evidence | None:
    """Return what an event shows; None for one that shows nothing about the session's own turn.

    Raises:
        ValueError: The payload isn't one of a hook.
    """
    name = payload.get("hook_event_name")
    if not isinstance(name, str):
        raise ValueError("it names no event")  # noqa: TRY004 - the sender is at fault, not a caller
    reader = READERS.get(name)
    return reader(payload, at) if reader else None


def parse_permission(payload: Payload, request_id: str, at: float) -> PermissionRequested:
    """Return the request in a PermissionRequest event, under the id that its waiting hook made.

    Raises:
        ValueError: The payload isn't such an event.
    """
    tool_name = _text(payload, "tool_name")
    tool_input = payload.get("tool_input")
    if not tool_name or not isinstance(tool_input, Mapping):
        raise ValueError("it asks for no tool")
    return PermissionRequested(
        at=at,
        request_id=request_id,
        kind=KINDS.get(tool_name, RequestKind.PERMISSION),
        tool_name=tool_name,
        tool_input=tool_input,
        prompt_id=_text(payload, "prompt_id"),
        agent_id=_optional(payload, "agent_id"),
        agent_type=_optional(payload, "agent_type"),
        suggestions=_mappings(payload, "permission_suggestions"),
    )


def _session_started(payload: Payload, at: float) -> Evidence:
    return SessionStarted(at, session_id=_text(payload, "session_id"), how=_text(payload, "source"))


def _prompt_submitted(payload: Payload, at: float) -> Evidence:
    text = _text(payload, "prompt")
    is_notification = text.lstrip().startswith(NOTIFICATION)
    return PromptSubmitted(at, prompt_id=_text(payload, "prompt_id"), text=text, is_notification=is_notification)


def _tool_started(payload: Payload, at: float) -> Evidence:
    tool_input = payload.get("tool_input")
    return ToolStarted(
        at,
        prompt_id=_text(payload, "prompt_id"),
        tool_use_id=_text(payload, "tool_use_id"),
        tool_name=_text(payload, "tool_name"),
        tool_input=tool_input if isinstance(tool_input, Mapping) else {},
        agent_id=_optional(payload, "agent_id"),
    )


def _tool_ended(payload: Payload, at: float) -> Evidence:
    return ToolEnded(
        at,
        prompt_id=_text(payload, "prompt_id"),
        tool_use_id=_text(payload, "tool_use_id"),
        tool_name=_text(payload, "tool_name"),
        failed=payload.get("hook_event_name") == "PostToolUseFailure",
        agent_id=_optional(payload, "agent_id"),
    )


def _batch_ended(payload: Payload, at: float) -> Evidence:
    ids = [_text(call, "tool_use_id") for call in _mappings(payload, "tool_calls")]
    return BatchEnded(
        at,
        prompt_id=_text(payload, "prompt_id"),
        tool_use_ids=tuple(each for each in ids if each),
        agent_id=_optional(payload, "agent_id"),
    )


def _subagent_started(payload: Payload, at: float) -> Evidence:
    return SubagentStarted(at, agent_id=_text(payload, "agent_id"), agent_type=_text(payload, "agent_type"))


def _subagent_stopped(payload: Payload, at: float) -> Evidence | None:
    # Compaction runs as a subagent without a type.
    if not _text(payload, "agent_type"):
        return None
    return SubagentStopped(at, agent_id=_text(payload, "agent_id"), agent_type=_text(payload, "agent_type"))


def _turn_stopped(payload: Payload, at: float) -> Evidence:
    return TurnStopped(
        at,
        prompt_id=_text(payload, "prompt_id"),
        background=tuple(_text(each, "type") or "task" for each in _mappings(payload, "background_tasks")),
        last_message=_text(payload, "last_assistant_message"),
    )


def _turn_failed(payload: Payload, at: float) -> Evidence | None:
    # A subagent's failure, the compactor's too, doesn't end the turn.
    if _optional(payload, "agent_id"):
        return None
    return TurnFailed(
        at,
        prompt_id=_text(payload, "prompt_id"),
        error=_text(payload, "error"),
        message=_text(payload, "last_assistant_message"),
    )


def _notified(payload: Payload, at: float) -> Evidence:
    return Notified(at, kind=_text(payload, "notification_type"), message=_text(payload, "message"))


READERS: Mapping[str, Callable[[Payload, float], Evidence | None]] = {
    "SessionStart": _session_started,
    "UserPromptSubmit": _prompt_submitted,
    "PreToolUse": _tool_started,
    "PostToolUse": _tool_ended,
    "PostToolUseFailure": _tool_ended,
    "PostToolBatch": _batch_ended,
    "SubagentStart": _subagent_started,
    "SubagentStop": _subagent_stopped,
    "Stop": _turn_stopped,
    "StopFailure": _turn_failed,
    "Notification": _notified,
    "PreCompact": lambda _, at: Compacting(at, ended=False),
    "PostCompact": lambda _, at: Compacting(at, ended=True),
    "SessionEnd": lambda payload, at: SessionEnded(at, reason=_text(payload, "reason")),
}


def _text(payload: Payload, key: str) -> str:
    value = payload.get(key)
    return value if isinstance(value, str) else ""


def _optional(payload: Payload, key: str) -> str | None:
    return _text(payload, key) or None


def _mappings(payload: Payload, key: str) -> tuple[Payload, ...]:
    value = payload.get(key)
    return tuple(each for each in value if isinstance(each, Mapping)) if isinstance(value, list) else ()
