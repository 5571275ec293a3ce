"""`kubecoder delete`: remove a workspace from the cluster."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kubecoder.cli.context import connect, open_fleet
from kubecoder.cli.interrupting import InterruptTasks, require_leave
from kubecoder.cli.options import DryRun, LockTimeout, Name, Output, Timeout, Yes
from kubecoder.errors import NotFoundError, UsageError
from kubecoder.output import Column, Format, Printer

if TYPE_CHECKING:
    from kubecoder.rollout.changes import Change
    from kubecoder.rollout.delete import Deletion


def command(
    ctx: typer.Context,
    name: Name,
    delete_data: Annotated[bool, typer.Option("--delete-data", help="Delete the home too; it can't be undone")] = False,
    dry_run: DryRun = False,
    timeout: Timeout = 120.0,
    lock_timeout: LockTimeout = 60.0,
    interrupt_tasks: InterruptTasks = False,
    yes: Yes = False,
    output: Output = Format.table,
) -> None:
    """Remove a workspace from the cluster; its home stays unless you say otherwise.

    Works by the release record, so the user's file may be gone already. A later deploy finds the home again. Where
    Claude tasks are at work it asks for that too, or does nothing where there is no terminal.

    Examples:
        kubecoder delete john
        kubecoder delete john --delete-data --yes
    """
    from kubecoder.cli.progress import shown_progress
    from kubecoder.cluster.pods import Place
    from kubecoder.rollout.delete import delete_workspace, find_release, plan_delete

    fleet = open_fleet(ctx, require_secrets=False)
    cluster = connect(ctx, fleet, writes=not dry_run)
    namespaces = {fleet.namespace, *(workspace.user.namespace for workspace in fleet.workspaces)}
    release = find_release(cluster, fleet.fleet_id, name, namespaces, delete_data=delete_data)
    if release is None or name == "base":
        raise NotFoundError(f"no workspace {name} of this fleet is deployed", hint="kubecoder status shows what is")
    deletion = plan_delete(cluster, release, delete_data=delete_data)
    printer = Printer(output)
    tell(printer, name, deletion)
    if not dry_run:
        confirm(name, assumed=yes)
        place = Place(fleet.fleet_id, name, release.namespace)
        for refusal in require_leave(printer, cluster, [place], interrupt=interrupt_tasks).values():
            raise refusal
        with shown_progress(printer) as report:
            deletion = delete_workspace(cluster, deletion, lock_seconds=lock_timeout, timeout=timeout, report=report)
        for notice in deletion.notices:
            printer.notice(f"{name}: {notice}")
    rows = [{"kind": change.ref.kind, "name": change.ref.name, "action": action(change)} for change in deletion.removed]
    rows += [{"kind": ref.kind, "name": ref.name, "action": "kept"} for ref in deletion.kept]
    document = {"context": cluster.context, "name": name, "namespace": release.namespace, "objects": rows}
    columns = (
        Column("KIND", lambda row: row["kind"]),
        Column("NAME", lambda row: row["name"]),
        Column("ACTION", lambda row: row["action"] + (" (dry run)" if dry_run else "")),
    )
    printer.rows(rows, columns, document=document, name=lambda row: f"{row['kind'].lower()}/{row['name']}")


def action(change: Change) -> str:
    """Say what became of an object: deleted, unless somebody had put another in its place."""
    from kubecoder.rollout.changes import Action

    return "kept" if change.action is Action.RETAINED else "deleted"


def tell(printer: Printer, name: str, deletion: Deletion) -> None:
    """Say before anything happens what will be lost."""
    removed = ", ".join(str(change.ref) for change in deletion.removed) or "nothing"
    printer.notice(f"{name}: will delete {removed}")
    for ref in deletion.kept:
        printer.notice(f"{name}: keeps {ref} with all files in it; --delete-data would delete it")


def confirm(name: str, *, assumed: bool) -> None:
    """Ask on a terminal.

    Raises:
        UsageError: There is no terminal to ask on, and nobody said `--yes`.
    """
    if assumed:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"deleting {name} needs a yes", hint="write --yes")
    typer.confirm(f"Delete workspace {name}?", abort=True, err=True)
