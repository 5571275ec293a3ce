"""Tasks as clients see them, out of the record and the live state."""

from __future__ import annotations

from typing import Any

from agent.models import Status, Task, TaskSummary, Usage
from agent.tasks.records import Record
from agent.tasks.state import State


def summary(
    record: Record, state: State | None, *, now: float, usage: Usage, queue_position: int | None = None
) -> TaskSummary:
    """Show a task as lists and events do.

    Args:
        record: What is recorded.
        state: What the conversation does; None when there is no live session.
        now: Unix seconds.
        usage: What it has used so far.
        queue_position: Place in the queue, from 1.
    """
    return TaskSummary(prompt=record.prompt_head, usage=usage, **_common(record, state, now, queue_position))


def whole(
    record: Record, state: State | None, *, now: float, prompt: str, queue_position: int | None = None, **more: Any
) -> Task:
    """Show everything of a task; `more` are fields that neither the record nor the state holds."""
    return Task(
        prompt=prompt,
        session_id=record.session_id,
        workdir=record.workdir,
        tmux_session=record.tmux_session,
        permission_mode=record.permission_mode,
        timeout_seconds=record.timeout_seconds,
        idle_timeout_seconds=record.idle_timeout_seconds,
        killed_at=record.killed_at,
        exit_code=record.exit_code,
        error=record.error,
        webhook=record.webhook,
        launches=record.launches,
        **more,
        **_common(record, state, now, queue_position),
    )


def _common(record: Record, state: State | None, now: float, queue_position: int | None) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "task_id": record.task_id,
        "status": record.status,
        "created_at": record.created_at,
        "name": record.name,
        "model": record.model,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "queue_position": queue_position,
    }
    if record.status is Status.RUNNING and state is not None:
        fields |= {
            "activity": state.activity,
            "activity_since": state.since,
            "activity_source": state.source,
            "activity_detail": state.detail or None,
            "evidence_age": round(max(0.0, now - state.evidence_at), 3),
            "pending": sum(1 for request in state.requests if request.is_open),
        }
    return fields
