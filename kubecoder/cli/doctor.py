"""`kubecoder doctor`: whether a cluster has what the fleet needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from kubecoder.cli.checkresults import as_documents, is_text, summary, write_checks
from kubecoder.cli.context import connect, open_fleet, settings
from kubecoder.cli.options import Output
from kubecoder.errors import ConfigError
from kubecoder.output import Column, Format, Printer

if TYPE_CHECKING:
    from kubecoder.fleet import Fleet
    from kubecoder.models.check import Check


def command(ctx: typer.Context, output: Output = Format.table) -> None:
    """Look whether the cluster has what the fleet needs; write nothing.

    Without a fleet the context's namespace is examined, and what every fleet needs.
    """
    from kubecoder.models.check import has_failed, passed

    printer = Printer(output)
    has_fleet = (Path(settings(ctx).fleet_dir) / "users").is_dir()
    fleet = open_fleet(ctx, require_secrets=False) if has_fleet else None
    checks = _examined(ctx, fleet)
    if fleet is not None:
        checks.insert(0, passed("fleet", f"{len(fleet.workspaces)} users in {fleet.directory}"))
    if is_text(printer):
        write_checks(printer, checks)
        printer.notice(summary(checks))
    else:
        columns = [Column("NAME", lambda check: check.name)]
        printer.rows(
            checks, columns, document={"checks": as_documents(checks)}, name=lambda check: f"check/{check.name}"
        )
    if has_failed(checks):
        raise typer.Exit(1)


def _examined(ctx: typer.Context, fleet: Fleet | None) -> list[Check]:
    from kubecoder.doctor.examine import examine
    from kubecoder.models.check import failed

    try:
        cluster = connect(ctx, fleet)
    except ConfigError as error:
        return [failed("kubeconfig", error.message, error.hint or "set KUBECONFIG or --kubeconfig")]
    return examine(cluster, fleet)
