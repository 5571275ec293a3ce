"""`kubecoder task wait`: until the prompt is done; the exit code says how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kubecoder.cli.agents import open_agent
from kubecoder.cli.options import Output, duration
from kubecoder.cli.task.choosing import task_id
from kubecoder.cli.task.options import TaskName, User
from kubecoder.cli.task.showing import document
from kubecoder.cli.task.words import sentence, state_word
from kubecoder.output import Format, Printer, printable

if TYPE_CHECKING:
    from agent.models import Task, TaskSummary

WaitTimeout = Annotated[
    float | None, typer.Option(parser=duration, metavar="DURATION", help="Exit 7 after so long; the task goes on")
]


def command(
    ctx: typer.Context, task: TaskName, user: User = None, timeout: WaitTimeout = None, output: Output = Format.table
) -> None:
    """Wait until the prompt of a task is done.

    Exits with 0 when it is (idle or completed), 1 when it ended otherwise: failed, stopped, blocked by a dialog, error,
    killed, interrupted; 7 when the time is over. Waiting for a person isn't an end.

    Examples:
        kubecoder task wait 0a1b2c3d --timeout 30m
    """
    from kubecoder.agentclient.waiting import wait

    client = open_agent(ctx, user)
    printer = Printer(output)
    told = Told(printer)
    done = wait(client, task_id(client, task), timeout=timeout, on_change=told.tell)
    finish(printer, done)


class Told:
    """Tells on stderr when somebody is needed, once for each time."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._was = ""

    def tell(self, task: TaskSummary) -> None:
        """Take a state on the way."""
        word = state_word(task)
        if word != self._was and task.activity is not None and task.activity.needs_person:
            self._printer.notice(f"{task.task_id}: {sentence(task)}; kubecoder task status {task.task_id}")
        self._was = word


def finish(printer: Printer, task: Task, *, is_told: bool = False) -> None:
    """Write how a task's prompt ended, and end with the exit code that it means.

    Args:
        printer: Where to write.
        task: The task.
        is_told: Whether its state stands there already.
    """
    from kubecoder.agentclient.waiting import Verdict, verdict

    if printer.format.is_document:
        printer.document(document(task))
    elif printer.format is Format.name:
        printer.line(f"task/{task.task_id}")
    elif not is_told:
        printer.line(printable(f"{task.task_id}: {sentence(task)}"))
    if verdict(task) is Verdict.REACHED:
        return
    hints = {"blocked": "attach", "interrupted": "resume", "error": "output", "failed": "output"}
    hint = hints.get(state_word(task))
    if hint is not None:
        printer.notice(f"hint: kubecoder task {hint} {task.task_id}")
    raise typer.Exit(1)
