"""From what a person writes for a task to its id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kubecoder.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from agent.models import TaskSummary
    from kubecoder.agentclient import AgentClient

_WHOLE_ID = re.compile(r"[0-9]{1,12}-[0-9a-f]{8}")
SHOWN = 5


def task_id(client: AgentClient, text: str) -> str:
    """Return the id of the task that a person means.

    Raises:
        NotFoundError: There is no such task.
        UsageError: Several may be meant; lists them.
    """
    if _WHOLE_ID.fullmatch(text):
        return text
    found = matching(client.list().tasks, text)
    if not found:
        raise NotFoundError(f"{client.reach.name} has no task {text!r}", hint="kubecoder task list")
    if len(found) > 1:
        lines = [f"{task.task_id} ({(task.activity or task.status).value})" for task in found[:SHOWN]]
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise UsageError(f"{len(found)} tasks are called {text!r}", hint=f"{', '.join(lines)}{more}")
    return found[0].task_id


def matching(tasks: Sequence[TaskSummary], text: str) -> list[TaskSummary]:
    """Return the tasks that a text may mean: by name, the one that still runs first, else by part of the id."""
    named = [task for task in tasks if task.name == text]
    live = [task for task in named if not task.status.is_final]
    if named:
        return live if len(live) == 1 else named
    if not text:
        return []
    return [task for task in tasks if any(part.startswith(text) for part in (task.task_id, _half(task.task_id)))]


def _half(identity: str) -> str:
    """Return the part of an id that differs most from those of other tasks."""
    return identity.rpartition("-")[2]
