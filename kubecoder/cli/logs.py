"""`kubecoder logs`: what the containers of workspaces print."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from kubecoder.cli.colours import coloured
from kubecoder.cli.context import complete_users, connect, open_fleet
from kubecoder.cli.options import duration
from kubecoder.errors import UsageError
from kubecoder.output import Printer

if TYPE_CHECKING:
    from kubecoder.status.logs import Line

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)


def command(
    ctx: typer.Context,
    names: Annotated[list[str], typer.Argument(help="User names", autocompletion=complete_users)],
    container: Annotated[str, typer.Option("--container", "-c", help="Container; the workspace's own by default")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on, across restarts too")] = False,
    previous: Annotated[bool, typer.Option("--previous", help="The run before the last restart")] = False,
    since: Annotated[
        float | None, typer.Option(parser=duration, metavar="DURATION", help="Only lines that are no older")
    ] = None,
    tail: Annotated[int | None, typer.Option(min=0, metavar="LINES", help="Only so many of the last lines")] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", help="Begin each line with its time")] = False,
) -> None:
    """Show what the containers of workspaces print.

    Several workspaces are interleaved, each line with its workspace in front.

    Examples:
        kubecoder logs john
        kubecoder logs john jane --container oauth2-proxy --since 10m
        kubecoder logs john --follow --tail 20
    """
    if follow and previous:
        raise UsageError("--previous shows a run that has ended", hint="leave out --follow")
    from kubecoder.cluster.pods import Place
    from kubecoder.status import logs

    fleet = open_fleet(ctx, require_secrets=False)
    chosen = [fleet.workspace(name) for name in dict.fromkeys(names)]
    cluster = connect(ctx, fleet)
    places = [Place(fleet.fleet_id, workspace.name, workspace.user.namespace) for workspace in chosen]
    options = logs.Options(container, previous, None if since is None else int(since), tail)
    printer = Printer()
    prefixes = prefixed([place.name for place in places])
    if not follow:
        show(printer, logs.read(cluster, places, options), prefixes, timestamps=timestamps)
        return
    with logs.follow(cluster, places, options, on_notice=printer.notice) as lines:
        show(printer, lines, prefixes, timestamps=timestamps)


def show(printer: Printer, lines: Iterable[Line], prefixes: dict[str, str], *, timestamps: bool) -> None:
    """Write lines as they come."""
    for line in lines:
        time = f"{line.time} " if timestamps else ""
        printer.text(f"{prefixes[line.workspace]}{time}{line.text}\n")


def prefixed(names: list[str]) -> dict[str, str]:
    """Give each workspace what its lines begin with: nothing for a single one; in colour on a terminal."""
    if len(names) == 1:
        return {names[0]: ""}
    width = max(map(len, names))
    return {
        name: f"{coloured(f'{name:{width}} |', COLOURS[index % len(COLOURS)])} " for index, name in enumerate(names)
    }
