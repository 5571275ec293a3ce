"""`kubecoder local`: a workspace on this machine, with no cluster."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kubecoder.cli.options import Output, Yes
from kubecoder.errors import AgentError, UsageError
from kubecoder.output import Column, Format, Printer

if TYPE_CHECKING:
    from agent.models import TaskSummary
    from kubecoder.local.folder import Folder
    from kubecoder.local.status import LocalStatus

app = typer.Typer(help="Run a workspace on this machine, without a cluster.")

Install = Annotated[
    bool, typer.Option("--install", help="Install tmux by the system's package manager where it is missing")
]


@app.command()
def up(
    install: Install = False,
    port: Annotated[
        int | None,
        typer.Option(
            min=1024, max=65535, metavar="PORT", help="Port for browsers; by default that of the last time, else 6070"
        ),
    ] = None,
) -> None:
    """Start the workspace of this machine, and print a link that signs a browser in, once.

    Running it again starts nothing and prints a new link. Claude Code is installed into the data folder
    when there is no `claude` on the PATH.

    Examples:
        kubecoder local up
        kubecoder task run -u local "Fix the failing test" --follow
    """
    from kubecoder.local import workspace
    from kubecoder.local.folder import Folder

    printer = Printer()
    parts = workspace.find_parts(install=install, log=sys.stderr, tell=printer.notice)
    folder = Folder.of_user()
    opened = workspace.up(folder, parts, port=port)
    printer.notice(f"the workspace {'is up' if opened.is_new else 'was up already'}; its files are in {folder.root}")
    printer.notice("open the link to sign in; it works once:")
    printer.line(opened.link)


@app.command()
def status(output: Output = Format.table) -> None:
    """Show whether the workspace of this machine is up, its tasks, and what it lacks."""
    from kubecoder.local.folder import Folder
    from kubecoder.local.status import collect

    found = collect(Folder.of_user())
    printer = Printer(output)
    columns = (
        Column("STATE", lambda row: row.state),
        Column("URL", lambda row: row.url),
        Column("TASKS", lambda row: _tasks_text(row.tasks)),
        Column("VERSION", lambda row: row.version),
        Column("CLAUDE", lambda row: row.claude_version),
        Column("API", lambda row: row.api_url, wide=True),
        Column("PID", lambda row: str(row.pid or ""), wide=True),
        Column("FOLDER", lambda row: str(row.folder), wide=True),
    )
    printer.rows([found], columns, document=_document(found), name=lambda _row: "workspace/local")
    if found.reason:
        printer.warn(f"{found.reason}; the log is {found.log}")
    if found.leftovers:
        printer.warn(
            f"{found.leftovers} processes of tasks go on without an agent: `kubecoder local up` finds them again"
        )
    for lack in found.missing:
        printer.warn(f"{lack.what}: {lack.hint}")


@app.command()
def down(
    purge: Annotated[
        bool, typer.Option("--purge", help="Remove the workspace's files too, its tasks' records")
    ] = False,
    yes: Yes = False,
) -> None:
    """End the workspace of this machine: the agent, and all that its tasks started.

    The tasks' records stay, so that `kubecoder local up` and `kubecoder task resume` continue their conversations,
    unless --purge removes them. The conversations themselves are Claude Code's, in your HOME, and always stay.

    Examples:
        kubecoder local down
        kubecoder local down --purge --yes
    """
    from kubecoder.local import workspace
    from kubecoder.local.folder import Folder

    folder = Folder.of_user()
    printer = Printer()
    losses = _losses(folder, purge=purge)
    for loss in losses:
        printer.notice(loss)
    if losses and not yes:
        _confirm()
    ended = workspace.down(folder, purge=purge)
    printer.notice(f"the workspace is down; {ended} processes ended" if ended else "the workspace was down already")
    if purge:
        printer.notice(
            f"removed {folder.root}; Claude Code, where it was installed, stays in {workspace.claude_folder()}"
        )


def _losses(folder: Folder, *, purge: bool) -> list[str]:
    """Say what going down would interrupt or remove."""
    from kubecoder.local import processes, server, workspace

    losses = []
    try:
        found = workspace.tasks(folder) if server.find(folder) else []
        losses = [f"will interrupt {_label(task)}" for task in found if workspace.is_at_work(task)]
        unknown = 0 if server.find(folder) else len(processes.marked(folder.root))
    except AgentError:
        unknown = len(processes.marked(folder.root))
    if unknown:
        losses.append(f"will end {unknown} processes; the agent doesn't answer, so nobody knows what they do")
    if purge and folder.root.is_dir():
        losses.append(f"will remove {folder.root} with the records and output of all tasks")
    return losses


def _confirm() -> None:
    if not sys.stdin.isatty():
        raise UsageError("this needs a yes", hint="write --yes")
    typer.confirm("End the workspace?", abort=True, err=True)


def _label(task: TaskSummary) -> str:
    activity = task.activity.value if task.activity else task.status.value
    return (
        f"task {task.task_id} ({activity.replace('_', ' ')}): {task.name or task.prompt.strip().splitlines()[0][:60]}"
    )


def _tasks_text(tasks: Sequence[TaskSummary]) -> str:
    asking = sum(1 for task in tasks if task.activity is not None and task.activity.needs_person)
    return f"{len(tasks)}, {asking} need you" if asking else str(len(tasks))


def _document(found: LocalStatus) -> dict[str, Any]:
    return {
        "state": found.state,
        "reason": found.reason,
        "url": found.url,
        "api_url": found.api_url,
        "pid": found.pid,
        "version": found.version,
        "tasks": [task.model_dump(mode="json", exclude_none=True) for task in found.tasks],
        "leftovers": found.leftovers,
        "claude": {"program": found.claude, "version": found.claude_version},
        "folder": str(found.folder),
        "log": str(found.log),
        "missing": [{"what": lack.what, "hint": lack.hint} for lack in found.missing],
    }
