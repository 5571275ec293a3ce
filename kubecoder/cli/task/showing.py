"""`kubecoder task list`, `status`, `output`, `transcript`, `messages`: what there is to see of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kubecoder.cli.agents import open_agent
from kubecoder.cli.options import Output
from kubecoder.cli.task.choosing import task_id
from kubecoder.cli.task.options import TaskName, User
from kubecoder.cli.task.words import age_of, cost, moment, sentence, since, state_word
from kubecoder.errors import UsageError
from kubecoder.output import Column, Format, Printer, printable

if TYPE_CHECKING:
    from pydantic import BaseModel

    from agent.models import Permission, Task

PROMPT_SHOWN = 60


def document(model: BaseModel) -> Any:
    """Return the API's own object, as JSON has it."""
    return model.model_dump(mode="json", exclude_none=True)


def list_tasks(
    ctx: typer.Context,
    user: User = None,
    status: Annotated[
        str, typer.Option(metavar="WORD", help="Only tasks of this status or activity, such as running or idle")
    ] = "",
    most: Annotated[int, typer.Option("--limit", min=0, metavar="N", help="How many of the newest; 0 is all")] = 50,
    output: Output = Format.table,
) -> None:
    """List the tasks of a workspace, newest first.

    Examples:
        kubecoder task list
        kubecoder task list -u john --status waiting_permission
    """
    client = open_agent(ctx, user)
    found = client.list(most=most or None, **_filters(status))
    columns = (
        Column("ID", lambda task: task.task_id),
        Column("NAME", lambda task: task.name or ""),
        Column("STATUS", state_word),
        Column("SINCE", since),
        Column("ASKS", lambda task: str(task.pending) if task.pending else ""),
        Column("PROMPT", lambda task: _short(task.prompt)),
        Column("MODEL", lambda task: task.model or "", wide=True),
        Column("COST", lambda task: cost(task.usage), wide=True),
        Column("DETAIL", lambda task: task.activity_detail or "", wide=True),
        Column("AGE", lambda task: age_of(task.created_at)),
    )
    printer = Printer(output)
    printer.rows(found.tasks, columns, document=document(found), name=lambda task: f"task/{task.task_id}")
    if found.next_cursor and not output.is_document:
        printer.notice(f"these are the newest {len(found.tasks)}; --limit 0 shows all")


def status(ctx: typer.Context, task: TaskName, user: User = None, output: Output = Format.table) -> None:
    """Show one task: what it does, how that is known, what it asks, its last lines.

    Examples:
        kubecoder task status 0a1b2c3d
        kubecoder task status nightly -o json
    """
    client = open_agent(ctx, user)
    shown = client.get(task_id(client, task))
    printer = Printer(output)
    if output.is_document:
        printer.document(document(shown))
        return
    if output is Format.name:
        printer.line(f"task/{shown.task_id}")
        return
    for key, value in facts(shown):
        printer.line(f"{key + ':':12}{printable(value)}")
    asked = [item for item in client.permissions(shown.task_id) if item.state.value == "open"] if shown.pending else []
    for permission in asked:
        printer.text(f"\n{asking(permission)}")
    if shown.recent_output:
        printer.text(f"\n{clean(shown.recent_output)}")


def facts(task: Task) -> list[tuple[str, str]]:
    """Return what is worth knowing of a task, as pairs; what isn't there is left out."""
    usage = task.usage
    tokens = f"{usage.input_tokens} in, {usage.output_tokens} out"
    cached = f", {usage.cache_read_input_tokens} from cache" if usage.cache_read_input_tokens else ""
    known_by = task.activity_source.value.replace("_", " ") if task.activity_source else ""
    evidence = f"{known_by}, {task.evidence_age:.0f} s old" if known_by and task.evidence_age is not None else known_by
    pairs = [
        ("Task", task.task_id),
        ("Name", task.name),
        ("State", f"{sentence(task)} ({since(task)})"),
        ("Known by", evidence),
        ("Error", task.error),
        ("Exit code", None if task.exit_code is None else str(task.exit_code)),
        ("Created", moment(task.created_at)),
        ("Ended", moment(task.finished_at)),
        ("Folder", task.workdir),
        ("Mode", task.permission_mode),
        ("Model", task.model),
        ("Tokens", f"{tokens}{cached}" if usage.output_tokens else None),
        ("Cost", cost(usage)),
        ("Prompt", _short(task.prompt)),
    ]
    return [(key, value) for key, value in pairs if value]


def asking(permission: Permission) -> str:
    """Write an open request with the commands that answer it."""
    from kubecoder.cli.task.requests import request_text

    answer = "with --answer" if permission.kind.value == "question" else "or deny"
    command = f"kubecoder task approve {permission.task_id} {permission.request_id}"
    return f"{request_text(permission)}  {command}   ({answer})\n"


def output(
    ctx: typer.Context,
    task: TaskName,
    user: User = None,
    tail: Annotated[int | None, typer.Option(min=1, metavar="LINES", help="Only so many of the last lines")] = None,
) -> None:
    """Print the terminal of a task as text, also after its end.

    Examples:
        kubecoder task output 0a1b2c3d --tail 30
    """
    client = open_agent(ctx, user)
    Printer().text(clean(client.output(task_id(client, task), tail=tail)))


def transcript(ctx: typer.Context, task: TaskName, user: User = None, output: Output = Format.table) -> None:
    """Print the conversation of a task: prompts, answers, tools and their results.

    Examples:
        kubecoder task transcript 0a1b2c3d
        kubecoder task transcript 0a1b2c3d -o json
    """
    from agent.models import Transcript
    from kubecoder.cli.task.narration import entry_text

    client = open_agent(ctx, user)
    identity = task_id(client, task)
    entries = client.transcript(identity)
    printer = Printer(output)
    if output.is_document:
        printer.document(document(Transcript(task_id=identity, entries=entries)))
    elif output is Format.name:
        raise UsageError("a transcript has no names", hint="use -o json")
    else:
        for entry in entries:
            printer.text(entry_text(entry, whole=output is Format.wide))


def messages(ctx: typer.Context, task: TaskName, user: User = None, output: Output = Format.table) -> None:
    """List what was sent to a task and what became of each text.

    Examples:
        kubecoder task messages 0a1b2c3d
    """
    from agent.models import MessageList

    client = open_agent(ctx, user)
    found = client.messages(task_id(client, task))
    columns = (
        Column("ID", lambda message: message.message_id),
        Column("DELIVERY", lambda message: message.delivery.value),
        Column("REASON", lambda message: "; ".join(filter(None, (message.reason, *message.altered)))),
        Column("TEXT", lambda message: _short(message.prompt)),
        Column("AGE", lambda message: age_of(message.sent_at)),
    )
    printer = Printer(output)
    printer.rows(
        found,
        columns,
        document=document(MessageList(messages=found)),
        name=lambda message: f"message/{message.message_id}",
    )


def clean(text: str) -> str:
    """Make text from a terminal harmless and end it with a line end."""
    shown = printable(text.replace("\r\n", "\n"))
    return shown if not shown or shown.endswith("\n") else f"{shown}\n"


def _filters(word: str) -> dict[str, Any]:
    from agent.models import Activity, Status

    if not word:
        return {}
    if word in set(Status):
        return {"statuses": [Status(word)]}
    if word in set(Activity):
        return {"activities": [Activity(word)]}
    choices = ", ".join([*Status, *Activity])
    raise UsageError(f"--status: {word!r} is neither a status nor an activity", hint=f"one of: {choices}")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= PROMPT_SHOWN else f"{line[:PROMPT_SHOWN]}…"
