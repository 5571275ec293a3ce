"""`kubecoder stop`: stop workspaces; homes stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from kubecoder.cli.interrupting import InterruptTasks
from kubecoder.cli.options import All, Names, Output
from kubecoder.cli.scaling import scale_workspaces
from kubecoder.output import Format, Printer

if TYPE_CHECKING:
    from kubecoder.cluster import Cluster
    from kubecoder.cluster.pods import Place
    from kubecoder.rollout.scale import ScaleResult


def command(
    ctx: typer.Context,
    names: Names = None,
    all_users: All = False,
    interrupt_tasks: InterruptTasks = False,
    output: Output = Format.table,
) -> None:
    """Stop workspaces; homes stay.

    The pod goes, and with it what runs in it; the home stays. A deploy doesn't wake a stopped workspace. Where Claude
    tasks are at work it asks first, or leaves the workspace alone where there is no terminal.

    Examples:
        kubecoder stop john
        kubecoder stop --all
    """
    scale_workspaces(
        ctx,
        names,
        all_users=all_users,
        printer=Printer(output),
        act=_act,
        done="stopped",
        ends_pods=True,
        interrupt_tasks=interrupt_tasks,
    )


def _act(cluster: Cluster, place: Place) -> ScaleResult:
    from kubecoder.rollout.scale import set_replicas

    return set_replicas(cluster, place, 0)
