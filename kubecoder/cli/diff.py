"""`kubecoder diff`: what a deploy would change, as the server says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kubecoder.cli.context import connect, open_fleet
from kubecoder.cli.options import Names, Output
from kubecoder.errors import BlockedError, ClusterError
from kubecoder.output import Format, Printer

if TYPE_CHECKING:
    from kubecoder.rollout.diff import WorkspaceDiff

DIFFERENCES = 8


def command(
    ctx: typer.Context,
    names: Names = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 8 when there are differences")] = False,
    output: Output = Format.table,
) -> None:
    """Show what a deploy would change, as the API server says.

    Every object goes through a dry run on the server, so defaults, admission and other field managers are told truly.
    Secret values are shown as marks: equal values have equal marks within one run. Without names: the whole fleet.

    Examples:
        kubecoder diff john
        kubecoder diff --exit-code
    """
    from kubecoder.rollout.diff import diff_workspace
    from kubecoder.rollout.planning import Planner

    fleet = open_fleet(ctx)
    cluster = connect(ctx, fleet)
    plans = Planner(fleet, cluster, names=names or None, verify=True).plan_all()
    diffs = [diff_workspace(cluster, plan) for plan in plans]
    printer = Printer(output)
    _write(printer, diffs, cluster.context)
    if _has_failed(diffs):
        raise typer.Exit(ClusterError.exit_code)
    if exit_code and not all(diff.is_empty for diff in diffs):
        raise typer.Exit(DIFFERENCES)


def _has_failed(diffs: list[WorkspaceDiff]) -> bool:
    return any(diff.blocked or any(item.error for item in diff.objects) for diff in diffs)


def _write(printer: Printer, diffs: list[WorkspaceDiff], context: str) -> None:
    if printer.format.is_document:
        printer.document({"context": context, "workspaces": [_document(diff) for diff in diffs]})
        return
    for diff in diffs:
        for notice in diff.notices:
            printer.notice(f"{diff.name}: {notice}")
        for item in diff.objects:
            if item.error is not None:
                printer.error(item.error)
            for line in item.lines:
                printer.line(line)
        for reason in diff.blocked:
            printer.error(BlockedError(f"{diff.name}: a deploy would refuse it: {reason}"))
    count = sum(bool(item.lines) for diff in diffs for item in diff.objects)
    if count or not _has_failed(diffs):
        printer.notice(f"{count} object{'s' if count != 1 else ''} would change" if count else "no differences")


def _document(diff: WorkspaceDiff) -> dict[str, Any]:
    changed = [item for item in diff.objects if item.lines or item.error]
    return {
        "name": diff.name,
        "namespace": diff.namespace,
        "objects": [
            {
                "kind": item.ref.kind,
                "name": item.ref.name,
                "action": item.action.value,
                "diff": "\n".join(item.lines),
                **({"error": item.error.message} if item.error else {}),
            }
            for item in changed
        ],
        "notices": list(diff.notices),
        "blocked": list(diff.blocked),
    }
