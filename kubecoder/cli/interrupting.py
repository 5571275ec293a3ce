"""Asks before the end of a pod interrupts tasks that are at work, or refuses where nobody can be asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from kubecoder.cli.fleetfiles import can_ask
from kubecoder.errors import BlockedError
from kubecoder.output import Printer

if TYPE_CHECKING:
    from kubecoder.cluster import Cluster
    from kubecoder.cluster.pods import Place
    from kubecoder.rollout.changes import WorkspacePlan
    from kubecoder.rollout.deploy import Deployment
    from kubecoder.rollout.tasks import AtWork

InterruptTasks = Annotated[
    bool, typer.Option("--interrupt-tasks", help="Go on though it interrupts tasks at work; they can be resumed")
]


def spared_plans(
    printer: Printer, deployment: Deployment, plans: list[WorkspacePlan], *, interrupt: bool, dry_run: bool = False
) -> list[WorkspacePlan]:
    """Block the plans whose tasks nobody wants to interrupt; what is planned again later is looked at too.

    Args:
        printer: Where the tasks are told.
        deployment: Whose plans.
        plans: What is going to be done.
        interrupt: What `--interrupt-tasks` says.
        dry_run: Only tell.
    """
    from kubecoder.rollout.tasks import endangered, guard, spare

    if interrupt or deployment.stop.is_set():
        return plans
    cluster, fleet_id = deployment.cluster, deployment.fleet.fleet_id
    found = endangered(cluster, fleet_id, plans)
    allowed = found.keys() if dry_run or _may_go_on(printer, found) else set()
    if dry_run:
        for name, at_work in found.items():
            printer.notice(f"{name}: its pod would be replaced, and {at_work}")
    deployment.guard = guard(cluster, fleet_id, allowed)
    return [plan if plan.name in allowed else spare(plan, found.get(plan.name)) for plan in plans]


def require_leave(
    printer: Printer, cluster: Cluster, places: Collection[Place], *, interrupt: bool
) -> dict[str, BlockedError]:
    """Ask whether the tasks of workspaces whose pods are going to end may be interrupted.

    Returns:
        Why not, by name, for each workspace that must be left alone.
    """
    from kubecoder.rollout.tasks import ask

    if interrupt:
        return {}
    looked = cluster.map(lambda place: ask(cluster, place), list(places))
    found = {at_work.workspace: at_work for at_work in looked if at_work is not None}
    if _may_go_on(printer, found):
        return {}
    hint = "wait for them (kubecoder task wait), or --interrupt-tasks; then kubecoder task resume goes on with them"
    return {name: BlockedError(f"{name}: {at_work}", hint=hint) for name, at_work in found.items()}


def _may_go_on(printer: Printer, found: Mapping[str, AtWork]) -> bool:
    """Ask once for all of them; without a terminal the answer is no."""
    if not found or not can_ask():
        return not found
    for name, at_work in found.items():
        printer.notice(f"{name}: {at_work}")
    return typer.confirm("Interrupt them? They can be resumed.", err=True)
