"""`kubecoder shell`: a shell, or one command, in a workspace."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kubecoder.cli.context import connect, open_fleet
from kubecoder.cli.options import Name

LOGIN_SHELL = ("/bin/sh", "-c", "if command -v bash >/dev/null; then exec bash -l; else exec sh -l; fi")


def command(
    ctx: typer.Context,
    name: Name,
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[-- COMMAND...]", help="Instead of a shell")] = None,
    container: Annotated[str, typer.Option("--container", "-c", help="Container; the workspace's own by default")] = "",
) -> None:
    """Open a shell in a workspace, or run a command there and exit with its code.

    On a terminal the command has a terminal too. Otherwise stdin, stdout and stderr stay apart, for pipes and scripts.

    Examples:
        kubecoder shell john
        kubecoder shell john -- git -C project status
        tar c . | kubecoder shell john -- tar x -C /home/dev/project
    """
    from kubecoder.cluster import exec as executions
    from kubecoder.cluster.pods import Place, find_running

    fleet = open_fleet(ctx, require_secrets=False)
    workspace = fleet.workspace(name)
    cluster = connect(ctx, fleet)
    place = Place(fleet.fleet_id, name, workspace.user.namespace)
    pod, chosen = find_running(cluster, place, container)
    target = executions.Target(place.namespace, pod["metadata"]["name"], chosen)
    argv = arguments or LOGIN_SHELL
    if sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty():
        code = executions.run_terminal(cluster, target, argv)
    else:
        stdin = None if sys.stdin is None else sys.stdin.buffer
        code = executions.run(cluster, target, argv, stdin=stdin, stdout=sys.stdout.buffer, stderr=sys.stderr.buffer)
    raise typer.Exit(code)
