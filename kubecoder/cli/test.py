"""`kubecoder test`: prove from inside and outside that workspaces are what they claim to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from kubecoder.cli.checkresults import as_documents, is_text, overall, summary, write_checks
from kubecoder.cli.context import connect, open_fleet
from kubecoder.cli.deploy import chosen_names
from kubecoder.cli.options import All, Names, Output
from kubecoder.output import Column, Format, Printer

if TYPE_CHECKING:
    from kubecoder.models.check import Check
    from kubecoder.models.user import UserFile


def command(
    ctx: typer.Context,
    names: Names = None,
    all_users: All = False,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for failures")] = False,
    output: Output = Format.table,
) -> None:
    """Prove from inside and outside that workspaces are safe and complete.

    Looks at tools, disk, privileges, open ports, what can be reached from inside, and every door without a sign-in.
    Exits with 1 when a check has failed. A stopped workspace is skipped.

    Examples:
        kubecoder test john
        kubecoder test --all --strict
    """
    from kubecoder.checks import workspace as checks
    from kubecoder.models.check import has_failed
    from kubecoder.models.check import strict as without_warnings

    chosen = chosen_names(names, all_users)
    fleet = open_fleet(ctx, require_secrets=False)
    workspaces = fleet.workspaces if chosen is None else [fleet.workspace(name) for name in dict.fromkeys(chosen)]
    users = [workspace.user for workspace in workspaces]
    cluster = connect(ctx, fleet)
    namespaces = sorted({workspace.user.namespace for workspace in fleet.workspaces})
    running = checks.neighbours(cluster, fleet.fleet_id, namespaces)
    found = cluster.map(lambda user: checks.check(cluster, fleet.fleet_id, user, running), users)
    results = [(user, without_warnings(part) if strict else part) for user, part in zip(users, found, strict=True)]
    write(Printer(output), results)
    if any(has_failed(part) for _, part in results):
        raise typer.Exit(1)


def write(printer: Printer, results: Sequence[tuple[UserFile, Sequence[Check]]]) -> None:
    """Write the checks of each workspace under its name, or the document."""
    if not is_text(printer):
        described = [
            {
                "name": user.name,
                "namespace": user.namespace,
                "result": overall(checks).value,
                "checks": as_documents(checks),
            }
            for user, checks in results
        ]
        printer.rows(
            [user for user, _ in results],
            [Column("NAME", lambda user: user.name)],
            document={"workspaces": described},
            name=lambda user: f"workspace/{user.name}",
        )
        return
    for user, checks in results:
        printer.line(f"{user.name}: {overall(checks).value}")
        write_checks(printer, checks, indent="  ")
    printer.notice(summary(check for _, checks in results for check in checks))
