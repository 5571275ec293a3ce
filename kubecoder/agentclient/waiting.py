"""Wait until a task's prompt is done: from events, and never by the first word of it alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import StrEnum

from agent.models import Activity, Delivery, Status, Task, TaskSummary
from kubecoder.agentclient.client import AgentClient
from kubecoder.agentclient.feed import Feed
from kubecoder.agentclient.patience import patiently
from kubecoder.errors import InterruptedRunError, WaitTimeoutError

STOP_SECONDS = 0.5
_OUTSTANDING = frozenset({Delivery.SENDING, Delivery.QUEUED})


class Verdict(StrEnum):
    """How a prompt came to its end."""

    REACHED = "reached"
    FAILED = "failed"


def verdict(task: TaskSummary) -> Verdict | None:
    """Judge a task: None while it goes on, waiting for a person included.

    A dialog that no hook explains ends the waiting too: nothing goes on before somebody attaches.
    """
    if task.status.is_final:
        return Verdict.REACHED if task.status is Status.COMPLETED else Verdict.FAILED
    if task.status is not Status.RUNNING or task.activity is None:
        return None
    if task.activity is Activity.IDLE:
        return Verdict.REACHED
    return Verdict.FAILED if task.activity.is_done or task.activity is Activity.BLOCKED else None


def settled(client: AgentClient, task_id: str) -> Task | None:
    """Read a task and return it if its prompt is done and nothing sent to it waits; else None."""
    task = patiently(lambda: client.get(task_id))
    judged = verdict(task)
    if judged is None or task.status.is_final or task.activity is Activity.BLOCKED:
        return task if judged else None
    messages = patiently(lambda: client.messages(task_id))
    is_outstanding = any(message.delivery in _OUTSTANDING for message in messages)
    return None if is_outstanding else task


def wait(
    client: AgentClient,
    task_id: str,
    *,
    timeout: float | None = None,
    stop: threading.Event | None = None,
    on_change: Callable[[TaskSummary], None] = lambda _: None,
) -> Task:
    """Wait until the prompt of a task is done.

    Args:
        client: Of the task's agent.
        task_id: The task.
        timeout: Seconds; None waits for ever.
        stop: Set it to end the waiting.
        on_change: Told of every state on the way.

    Raises:
        WaitTimeoutError: It isn't done in time; the task goes on.
        InterruptedRunError: `stop` was set.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    last: TaskSummary | None = None
    with Feed(client.events(task_id)) as feed:
        while True:
            event = feed.take(_patience(deadline, stop))
            if stop is not None and stop.is_set():
                raise InterruptedRunError(f"task {task_id} goes on; stopped waiting for it")
            if event is None:
                if deadline is not None and time.monotonic() >= deadline:
                    raise timed_out(last or client.get(task_id))
                continue
            if event.task is not None:
                last = event.task
                on_change(event.task)
            if event.kind in ("gap", "message") or (event.task is not None and verdict(event.task)):
                done = settled(client, task_id)
                if done is not None:
                    return done


def timed_out(task: TaskSummary) -> WaitTimeoutError:
    """Return the error for a task that isn't done in time."""
    word = task.activity.value if task.status is Status.RUNNING and task.activity else task.status.value
    detail = f" ({task.activity_detail})" if task.activity_detail and "\n" not in task.activity_detail else ""
    return WaitTimeoutError(
        f"task {task.task_id} isn't done yet: {word}{detail}", hint=f"it goes on: kubecoder task follow {task.task_id}"
    )


def _patience(deadline: float | None, stop: threading.Event | None) -> float | None:
    left = None if deadline is None else max(0.0, deadline - time.monotonic())
    if stop is None:
        return left
    return STOP_SECONDS if left is None else min(left, STOP_SECONDS)
