"""`kubecoder task interrupt`, `resume` and `kill`: stop a turn, go on after an end, end a task."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from kubecoder.cli.agents import open_agent
from kubecoder.cli.options import Output
from kubecoder.cli.task import prompts
from kubecoder.cli.task.choosing import task_id
from kubecoder.cli.task.options import AllowCommands, TaskName, TaskNames, User
from kubecoder.cli.task.showing import document
from kubecoder.cli.task.words import sentence, state_word
from kubecoder.errors import KubecoderError
from kubecoder.output import Column, Format, Printer, printable

if TYPE_CHECKING:
    from agent.models import Task


def interrupt(ctx: typer.Context, task: TaskName, user: User = None, output: Output = Format.table) -> None:
    """Stop what Claude does, as Esc does in its terminal; the session lives.

    Examples:
        kubecoder task interrupt 0a1b2c3d
    """
    client = open_agent(ctx, user)
    _show(Printer(output), client.interrupt(task_id(client, task)))


def resume(
    ctx: typer.Context,
    task: TaskName,
    prompt: prompts.Prompt = None,
    file: prompts.PromptFile = None,
    user: User = None,
    allow_commands: AllowCommands = False,
    output: Output = Format.table,
) -> None:
    """Continue the conversation of a task whose session has ended; nothing that was said is said again by itself.

    Without a prompt the session waits for one.

    Examples:
        kubecoder task resume 0a1b2c3d
        kubecoder task resume 0a1b2c3d "go on where you stopped"
    """
    from agent.models import ResumeBody

    text = prompts.read(prompt, file)
    client = open_agent(ctx, user)
    body = ResumeBody(prompt=text, allow_commands=allow_commands)
    _show(Printer(output), client.resume(task_id(client, task), body))


def kill(ctx: typer.Context, tasks: TaskNames, user: User = None, output: Output = Format.table) -> None:
    """End tasks with everything that they started; their records, output and conversations stay.

    Examples:
        kubecoder task kill 0a1b2c3d
    """
    client = open_agent(ctx, user)
    printer = Printer(output)
    ended, errors = _each(tasks, lambda text: client.kill(task_id(client, text)))
    if len(tasks) == 1 and ended and output.is_document:
        printer.document(document(ended[0]))
    elif ended:
        columns = (Column("ID", lambda task: task.task_id), Column("STATUS", state_word))
        documents = {"tasks": [document(task) for task in ended]}
        printer.rows(ended, columns, document=documents, name=lambda task: f"task/{task.task_id}")
    for error in errors:
        printer.error(error)
    if errors:
        raise typer.Exit(errors[0].exit_code if len(tasks) == 1 else 1)


def _each(names: list[str], act: Callable[[str], Task]) -> tuple[list[Task], list[KubecoderError]]:
    done: list[Any] = []
    errors: list[KubecoderError] = []
    for name in dict.fromkeys(names):
        try:
            done.append(act(name))
        except KubecoderError as error:
            errors.append(error)
    return done, errors


def _show(printer: Printer, task: Task) -> None:
    if printer.format.is_document:
        printer.document(document(task))
    elif printer.format is Format.name:
        printer.line(f"task/{task.task_id}")
    else:
        printer.line(printable(f"{task.task_id}: {sentence(task)}"))
