"""`kubecoder migrate`: take over a kube-coder Helm release."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import typer

from kubecoder.cli.context import connect, open_fleet
from kubecoder.cli.deploy import carry_out, finish
from kubecoder.cli.options import DryRun, LockTimeout, Name, Output, Timeout, Yes
from kubecoder.cli.scaling import NoWait
from kubecoder.errors import NotFoundError, UsageError
from kubecoder.output import Column, Format, Printer

if TYPE_CHECKING:
    from kubecoder.rollout.migrate import Migration


def command(
    ctx: typer.Context,
    name: Name,
    dry_run: DryRun = False,
    no_wait: NoWait = False,
    timeout: Timeout = 300.0,
    lock_timeout: LockTimeout = 60.0,
    yes: Yes = False,
    output: Output = Format.table,
) -> None:
    """Take over a kube-coder Helm release: its objects go, the home stays, ours come.

    Everything that runs in the old pod ends. Never run helm uninstall for it: that deletes the home. A migration that
    was broken off goes on when the same command is run again.

    Examples:
        kubecoder migrate john --dry-run
        kubecoder migrate john
    """
    from kubecoder.cli.progress import shown_progress
    from kubecoder.rollout.deploy import Deployment, Options
    from kubecoder.rollout.migrate import migrate, plan_migration

    try:
        fleet = open_fleet(ctx, names=[name])
    except NotFoundError as error:
        error.hint = f"kubecoder user add {name} --from values.yaml makes the user file from the chart's"
        raise
    cluster = connect(ctx, fleet, writes=not dry_run)
    migration = plan_migration(fleet, cluster, name)
    printer = Printer(output)
    tell(printer, name, migration)
    if dry_run:
        write_plan(printer, name, migration)
        return
    confirm(name, assumed=yes)
    with shown_progress(printer) as report:
        migrate(cluster, migration, timeout=timeout, report=report)
    options = Options(names=[name], wait_seconds=None if no_wait else timeout, lock_seconds=lock_timeout)
    deployment = Deployment(fleet, cluster, options, stop=threading.Event())
    result = carry_out(printer, deployment, lambda: deployment.run(reason="migrate"))
    finish(printer, result, asked_for_one=True)


def tell(printer: Printer, name: str, migration: Migration) -> None:
    """Say before anything happens what will be lost and what stays."""
    release = f"{migration.release.namespace}/{migration.release.name}"
    if migration.removed:
        count = len(migration.removed)
        printer.notice(f"{name}: will delete {count} objects of Helm release {release}; all that runs in its pod ends")
    if migration.secrets:
        printer.notice(f"{name}: will delete {len(migration.secrets)} release Secrets: Helm then knows nothing of it")
    printer.notice(f"{name}: keeps {migration.claim} with all files in it")
    for ref in migration.kept:
        printer.notice(f"{name}: keeps {ref} too; nothing of kubecoder uses it")


def write_plan(printer: Printer, name: str, migration: Migration) -> None:
    """Write what would be done to each object."""
    rows = [
        {"kind": ref.kind, "name": ref.name, "action": action}
        for action, refs in (
            ("delete", (*(change.ref for change in migration.removed), *migration.secrets)),
            ("adopt", (migration.claim,)),
            ("keep", migration.kept),
        )
        for ref in refs
    ]
    columns = (
        Column("KIND", lambda row: row["kind"]),
        Column("NAME", lambda row: row["name"]),
        Column("ACTION", lambda row: f"{row['action']} (dry run)"),
    )
    document = {"name": name, "namespace": migration.claim.namespace, "objects": rows}
    printer.rows(rows, columns, document=document, name=lambda row: f"{row['kind'].lower()}/{row['name']}")


def confirm(name: str, *, assumed: bool) -> None:
    """Ask on a terminal.

    Raises:
        UsageError: There is no terminal to ask on, and nobody said `--yes`.
    """
    if assumed:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"migrating {name} needs a yes", hint="write --yes")
    typer.confirm(f"Migrate workspace {name}?", abort=True, err=True)
