"""`kubecoder forward`: ports of a workspace on this machine."""

from __future__ import annotations

import queue
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from kubecoder.cli.context import connect, open_fleet
from kubecoder.cli.options import Name
from kubecoder.errors import KubecoderError, UsageError
from kubecoder.output import Printer

if TYPE_CHECKING:
    from kubecoder.cluster import Cluster
    from kubecoder.cluster.pods import Place

HIGHEST_PORT = 65535


def command(
    ctx: typer.Context,
    name: Name,
    ports: Annotated[list[str], typer.Argument(metavar="[LOCAL:]REMOTE...", help="Ports; LOCAL 0 takes a free one")],
) -> None:
    """Bring ports of a workspace to this machine's loopback, until Ctrl-C.

    It goes on when the workspace's pod is replaced.

    Examples:
        kubecoder forward john 3000
        kubecoder forward john 8080:3000 0:5173
    """
    from kubecoder.cluster.pods import Place

    pairs = [parse_ports(text) for text in ports]
    fleet = open_fleet(ctx, require_secrets=False)
    workspace = fleet.workspace(name)
    cluster = connect(ctx, fleet)
    forward(Printer(), cluster, Place(fleet.fleet_id, name, workspace.user.namespace), pairs)


def parse_ports(text: str) -> tuple[int, int]:
    """Parse `REMOTE` or `LOCAL:REMOTE`.

    Raises:
        UsageError: It is neither.
    """
    local, colon, remote = text.rpartition(":")
    if not colon:
        local = remote
    if not (remote.isascii() and remote.isdigit() and local.isascii() and (local.isdigit() or not local)):
        raise UsageError(f"{text!r} isn't a port", hint="write 3000, 8080:3000, or 0:3000 for a free local port")
    pair = int(local or 0), int(remote)
    if max(pair) > HIGHEST_PORT or pair[1] == 0:
        raise UsageError(f"{text!r}: ports are numbers from 1 to {HIGHEST_PORT}")
    return pair


def forward(printer: Printer, cluster: Cluster, place: Place, pairs: list[tuple[int, int]]) -> None:
    """Forward until interrupted; whenever a connection fails, look whether there is another pod by now."""
    from kubecoder.cluster.pods import find_running
    from kubecoder.cluster.portforward import Forward

    errors: queue.Queue[KubecoderError] = queue.Queue()
    is_first = True
    while True:
        pod = find_running(cluster, place)[0]["metadata"]["name"]
        with ExitStack() as stack:
            opened = [
                stack.enter_context(
                    Forward(cluster, place.namespace, pod, remote, local_port=local, on_error=errors.put)
                )
                for local, remote in pairs
            ]
            pairs = [(entry.port, remote) for entry, (_, remote) in zip(opened, pairs, strict=True)]
            for local, remote in pairs:
                if is_first:
                    printer.line(f"http://127.0.0.1:{local}")
                printer.notice(f"127.0.0.1:{local} -> {pod}:{remote}")
            is_first = False
            _until_replaced(printer, cluster, place, pod, errors)


def _until_replaced(
    printer: Printer, cluster: Cluster, place: Place, pod: str, errors: queue.Queue[KubecoderError]
) -> None:
    """Tell errors until the workspace has another pod."""
    from kubecoder.cluster.pods import find_running

    while True:
        printer.warn(errors.get().message)
        try:
            if find_running(cluster, place)[0]["metadata"]["name"] != pod:
                return
        except KubecoderError as error:
            printer.warn(error.message)
