"""What start, stop and restart share: choose workspaces, act on each, print what happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from kubecoder.cli.context import connect, open_fleet
from kubecoder.cli.deploy import chosen_names
from kubecoder.cli.interrupting import require_leave
from kubecoder.errors import BlockedError, KubecoderError
from kubecoder.output import Column, Printer

if TYPE_CHECKING:
    from kubecoder.cluster import Cluster
    from kubecoder.cluster.pods import Place
    from kubecoder.rollout.scale import ScaleResult


NoWait = Annotated[bool, typer.Option("--no-wait", help="Don't wait for the pods")]


def scale_workspaces(
    ctx: typer.Context,
    names: list[str] | None,
    *,
    all_users: bool,
    printer: Printer,
    act: Callable[[Cluster, Place], ScaleResult],
    done: str,
    wait_seconds: float | None = None,
    ends_pods: bool = False,
    interrupt_tasks: bool = False,
) -> None:
    """Act on each workspace; one that fails doesn't stop the others.

    Args:
        ctx: The command's context.
        names: The named workspaces.
        all_users: Whether all are meant.
        printer: Where to print.
        act: Gets the cluster and where the workspace is.
        done: The result's word when something changed.
        wait_seconds: How long to wait for the pods, all together; None means not at all.
        ends_pods: Whether the act ends pods, and with them tasks at work.
        interrupt_tasks: What `--interrupt-tasks` says.
    """
    from kubecoder.cluster.pods import Place
    from kubecoder.rollout.scale import wait_for_pods

    chosen = chosen_names(names, all_users)
    fleet = open_fleet(ctx, require_secrets=False, names=chosen)
    cluster = connect(ctx, fleet, writes=True)
    workspaces = fleet.workspaces if chosen is None else [fleet.workspace(name) for name in chosen]
    places = [Place(fleet.fleet_id, workspace.name, workspace.user.namespace) for workspace in workspaces]
    scaled: dict[str, ScaleResult] = {}
    errors: dict[str, KubecoderError] = {}
    if ends_pods:
        errors |= require_leave(printer, cluster, places, interrupt=interrupt_tasks)
    for place in places:
        if place.name in errors:
            continue
        try:
            scaled[place.name] = act(cluster, place)
        except KubecoderError as error:
            errors[place.name] = error
    if wait_seconds is not None:
        errors |= wait_for_pods(cluster, fleet.fleet_id, list(scaled.values()), wait_seconds)
    rows = [
        _row(item.name, item.user.namespace, scaled.get(item.name), errors.get(item.name), done) for item in workspaces
    ]
    columns = (Column("NAME", lambda row: row["name"]), Column("RESULT", lambda row: row["result"]))
    document = {"context": cluster.context, "workspaces": rows}
    printer.rows(rows, columns, document=document, name=lambda row: f"workspace/{row['name']}")
    for failure in errors.values():
        printer.error(failure)
    if errors:
        raise typer.Exit(next(iter(errors.values())).exit_code if len(workspaces) == 1 else 1)


def _row(
    name: str, namespace: str, result: ScaleResult | None, error: KubecoderError | None, done: str
) -> dict[str, str]:
    row = {"name": name, "namespace": namespace}
    if error is not None:
        return {**row, "result": "blocked" if isinstance(error, BlockedError) else "failed", "error": error.message}
    return {**row, "result": done if result is not None and result.changed else "unchanged"}
