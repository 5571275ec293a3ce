"""`kubecoder restart`: replace the pods of workspaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from kubecoder.cli.interrupting import InterruptTasks
from kubecoder.cli.options import All, Names, Output, Timeout
from kubecoder.cli.scaling import NoWait, scale_workspaces
from kubecoder.output import Format, Printer

if TYPE_CHECKING:
    from kubecoder.cluster import Cluster
    from kubecoder.cluster.pods import Place
    from kubecoder.rollout.scale import ScaleResult


def command(
    ctx: typer.Context,
    names: Names = None,
    all_users: All = False,
    no_wait: NoWait = False,
    timeout: Timeout = 300.0,
    interrupt_tasks: InterruptTasks = False,
    output: Output = Format.table,
) -> None:
    """Replace the pods of workspaces.

    What runs in the pod ends; the home stays. Where Claude tasks are at work it asks first, or leaves the workspace
    alone where there is no terminal.

    Examples:
        kubecoder restart john
        kubecoder restart --all
    """
    scale_workspaces(
        ctx,
        names,
        all_users=all_users,
        printer=Printer(output),
        act=_act,
        done="restarted",
        wait_seconds=None if no_wait else timeout,
        ends_pods=True,
        interrupt_tasks=interrupt_tasks,
    )


def _act(cluster: Cluster, place: Place) -> ScaleResult:
    from kubecoder.rollout.scale import restart

    return restart(cluster, place)
