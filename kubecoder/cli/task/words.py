"""States in words: for people in sentences, for tables as the API writes them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kubecoder.cli.ages import age, span

if TYPE_CHECKING:
    from agent.models import Permission, TaskSummary, Usage

DETAIL_SHOWN = 200
"""A dialog's text is the whole screen."""
SENTENCES = {
    "starting": "starting",
    "working": "working",
    "retrying": "retries the model's API",
    "waiting_permission": "waits for permission",
    "waiting_question": "waits for an answer",
    "waiting_plan": "waits for a yes to its plan",
    "waiting_background": "waits for work in the background",
    "idle": "idle: the prompt is done",
    "stopped": "stopped by a person; the session lives",
    "failed": "failed; the session lives",
    "blocked": "blocked by a dialog that only the terminal can answer",
    "unknown": "nobody knows",
    "queued": "waits for room among the running tasks",
    "completed": "completed",
    "error": "ended with an error",
    "killed": "killed",
    "interrupted": "interrupted; `kubecoder task resume` continues it",
    "running": "running",
}


def state_word(task: TaskSummary) -> str:
    """Return the one word that says most: the activity of a running task, else its status."""
    return (task.activity or task.status).value if task.status.value == "running" else task.status.value


def sentence(task: TaskSummary) -> str:
    """Say what a task does, with the detail that the agent gives."""
    word = state_word(task)
    said = SENTENCES.get(word, word)
    if task.queue_position is not None:
        said += f" (number {task.queue_position} in the queue)"
    detail = " ".join((task.activity_detail or "").split()) if task.activity else ""
    shortened = detail if len(detail) <= DETAIL_SHOWN else f"{detail[:DETAIL_SHOWN]}…"
    return f"{said}: {shortened}" if shortened else said


def since(task: TaskSummary, now: float | None = None) -> str:
    """Return how long the state has been what it is."""
    moment = task.activity_since if task.activity else task.finished_at or task.created_at
    return span((time.time() if now is None else now) - moment) if moment else ""


def age_of(seconds: float, now: datetime | None = None) -> str:
    """Return how long ago a moment in Unix seconds was."""
    return age(datetime.fromtimestamp(seconds, UTC), now)


def moment(seconds: float | None) -> str:
    """Return a moment in the reader's own time; empty for None."""
    return "" if seconds is None else datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def cost(usage: Usage) -> str:
    """Return what was used, in dollars by list price; empty when that isn't known."""
    return "" if usage.cost_usd is None else f"${usage.cost_usd:.2f}"


def answered(permission: Permission) -> str:
    """Say who decided what about a request."""
    decision = {"allow": "allowed", "deny": "denied"}.get(permission.decision or "", permission.state.value)
    who = "in the terminal" if permission.via == "terminal" else f"by {permission.answered_by}"
    return f"{decision} {who}" if permission.answered_by or permission.via == "terminal" else decision
