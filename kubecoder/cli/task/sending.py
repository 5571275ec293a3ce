"""`kubecoder task send`: a text to a running task, and what became of it."""

from __future__ import annotations

import typer

from kubecoder.cli.agents import open_agent
from kubecoder.cli.options import Output
from kubecoder.cli.task import prompts
from kubecoder.cli.task.choosing import task_id
from kubecoder.cli.task.options import AllowCommands, TaskName, User
from kubecoder.cli.task.showing import document
from kubecoder.errors import AgentError, AgentUnreachableError
from kubecoder.output import Format, Printer, printable

EXPLAINED = {
    "delivered": "delivered",
    "queued": "queued: Claude reads it when the running turn has room",
    "blocked": "blocked: a dialog is open, and a text would answer it",
    "refused": "refused",
    "taken_back": "taken back into the composer by a person",
    "unknown": "unknown: nothing shows whether it arrived; it isn't sent again by itself",
    "sending": "being sent",
}


def command(
    ctx: typer.Context,
    task: TaskName,
    prompt: prompts.Prompt = None,
    file: prompts.PromptFile = None,
    user: User = None,
    allow_commands: AllowCommands = False,
    output: Output = Format.table,
) -> None:
    """Send a text to a running task and say what became of it.

    Exits with 0 when it is delivered or queued, with 1 when it isn't; it is never sent twice by itself.

    Examples:
        kubecoder task send 0a1b2c3d "also run the linter"
        git diff | kubecoder task send 0a1b2c3d -
    """
    from agent.models import MessageBody

    body = MessageBody(prompt=prompts.required(prompt, file), allow_commands=allow_commands)
    client = open_agent(ctx, user)
    identity = task_id(client, task)
    try:
        sent = client.send(identity, body)
    except AgentUnreachableError as error:
        hint = f"kubecoder task messages {identity} shows whether it arrived"
        raise AgentError(error.message, status=error.status, hint=hint) from error
    printer = Printer(output)
    delivery = sent.delivery.value if sent.delivery else "unknown"
    details = "; ".join(filter(None, (sent.delivery_reason, *sent.delivery_altered)))
    said = EXPLAINED.get(delivery, delivery) + (f" ({details})" if details else "")
    if output.is_document:
        printer.document(document(sent))
    elif output is Format.name:
        printer.line(f"message/{sent.message_id}")
    elif delivery in ("delivered", "queued"):
        printer.line(printable(said))
    if delivery not in ("delivered", "queued"):
        printer.warn(said)
        raise typer.Exit(1)
