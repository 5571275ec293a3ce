"""`kubecoder start`: start stopped workspaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

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
    output: Output = Format.table,
) -> None:
    """Start stopped workspaces.

    A deploy never starts a stopped workspace; this does.

    Examples:
        kubecoder start john
        kubecoder start --all
    """
    scale_workspaces(
        ctx,
        names,
        all_users=all_users,
        printer=Printer(output),
        act=_act,
        done="started",
        wait_seconds=None if no_wait else timeout,
    )


def _act(cluster: Cluster, place: Place) -> ScaleResult:
    from kubecoder.rollout.scale import set_replicas

    return set_replicas(cluster, place, 1)
