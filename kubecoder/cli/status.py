"""`kubecoder status`: what runs, next to what the fleet's files want."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kubecoder.cli.ages import age, span
from kubecoder.cli.context import connect, open_fleet
from kubecoder.cli.options import Names, Output
from kubecoder.errors import ClusterError, UsageError
from kubecoder.output import Column, Format, Printer, json_text, table

if TYPE_CHECKING:
    from kubecoder.status.workspace import WorkspaceStatus

REFRESH_SECONDS = 2.0
CLEAR_SCREEN = "\x1b[H\x1b[2J\x1b[3J"


def command(
    ctx: typer.Context,
    names: Names = None,
    output: Output = Format.table,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on and show what changes")] = False,
) -> None:
    """Show what runs: versions, pods, restarts, certificates, disks.

    Without names all users are shown, and workspaces whose user file is gone. One name shows that workspace in detail.

    Examples:
        kubecoder status
        kubecoder status john
        kubecoder status --watch
    """
    from kubecoder.status.collect import collect

    fleet = open_fleet(ctx, require_secrets=False)
    cluster = connect(ctx, fleet)
    printer = Printer(output)
    if watch:
        follow(printer, lambda: collect(fleet, cluster, names or ()))
        return
    statuses = collect(fleet, cluster, names or ())
    if len(names or ()) == 1 and output is not Format.name:
        from kubecoder.cli.statusdetail import show
        from kubecoder.status.detail import detail

        users = {workspace.name: workspace.user for workspace in fleet.workspaces}
        show(printer, statuses[0], detail(cluster, statuses[0], users.get(statuses[0].name)))
        return
    write(printer, statuses)


def write(printer: Printer, statuses: Sequence[WorkspaceStatus]) -> None:
    """Write the fleet's table or document."""
    now = datetime.now(UTC)
    document = {"workspaces": [as_document(status) for status in statuses]}
    printer.rows(statuses, columns(now), document=document, name=lambda status: f"workspace/{status.name}")


def columns(now: datetime) -> list[Column]:
    """Return the columns of the fleet's table."""
    return [
        Column("NAME", lambda status: status.name),
        Column("NAMESPACE", lambda status: status.namespace, wide=True),
        Column("VERSION", lambda status: status.version),
        Column("REVISION", revision),
        Column("STATUS", lambda status: status.status),
        Column("READY", lambda status: f"{status.ready_containers}/{status.containers}" if status.pod else ""),
        Column("RESTARTS", lambda status: str(status.restarts) if status.pod else ""),
        Column("DRIFT", drift),
        Column("CERTIFICATE", lambda status: certificate(status, now)),
        Column("DISK", disk),
        Column("AGE", lambda status: age(status.since, now)),
        Column("HOST", lambda status: status.host, wide=True),
        Column("POD", lambda status: status.pod, wide=True),
        Column("NODE", lambda status: status.node, wide=True),
        Column("IMAGE", lambda status: status.image, wide=True),
    ]


def revision(status: WorkspaceStatus) -> str:
    """Write the newest revision, with its outcome when that isn't the good one."""
    if status.revision is None:
        return ""
    good = status.revision_outcome in ("applied", "ready")
    return str(status.revision) if good else f"{status.revision} ({status.revision_outcome})"


def drift(status: WorkspaceStatus) -> str:
    """Write how what runs differs from the user file."""
    if not status.in_fleet:
        return "no user file"
    if not status.has_image_drift:
        return ""
    from kubecoder.status.workspace import image_version

    wanted = image_version(status.wanted_image)
    return f"wants {wanted if wanted != status.version else status.wanted_image}"


def certificate(status: WorkspaceStatus, now: datetime) -> str:
    """Write how long the certificate is valid."""
    found = status.certificate
    if found is None:
        return ""
    if found.not_after is None:
        return "not issued"
    left = (found.not_after - now).total_seconds()
    return span(left) if left > 0 else "expired"


def disk(status: WorkspaceStatus) -> str:
    """Write the size of the home, and what isn't as usual about it."""
    found = status.disk
    if found is None:
        return ""
    unusual = found.resizing or (found.phase if found.phase != "Bound" else "")
    return f"{found.capacity or found.requested} ({unusual})" if unusual else found.capacity or found.requested


def as_document(status: WorkspaceStatus) -> dict[str, Any]:
    """Return the JSON form of one workspace."""
    found = status.certificate
    return {
        "name": status.name,
        "namespace": status.namespace,
        "host": status.host,
        "in_fleet": status.in_fleet,
        "status": status.status,
        "message": status.message,
        "ready": status.ready,
        "stopped": status.stopped,
        "version": status.version,
        "image": status.image,
        "wanted_image": status.wanted_image,
        "image_drift": status.has_image_drift,
        "revision": status.revision,
        "revision_outcome": status.revision_outcome,
        "deployed_at": status.deployed_at,
        "pod": status.pod,
        "node": status.node,
        "since": status.since,
        "ready_containers": status.ready_containers,
        "containers": status.containers,
        "restarts": status.restarts,
        "certificate": None
        if found is None
        else {"not_after": found.not_after, "ready": found.ready, "message": found.message},
        "disk": status.disk,
    }


def follow(printer: Printer, collect: Callable[[], Sequence[WorkspaceStatus]]) -> None:
    """Show the fleet again and again: redrawn on a terminal, else only the rows that changed."""
    if printer.format is Format.yaml:
        raise UsageError("--watch writes JSON lines or tables", hint="use -o json")
    seen: dict[str, object] = {}
    is_first = True
    while True:
        try:
            statuses = collect()
        except ClusterError as error:
            printer.warn(error.message)
        else:
            if sys.stdout.isatty() and not printer.format.is_document:
                printer.text(CLEAR_SCREEN)
                write(printer, statuses)
            else:
                _write_changes(printer, statuses, seen, with_titles=is_first)
            is_first = False
        time.sleep(REFRESH_SECONDS)


def _write_changes(
    printer: Printer, statuses: Sequence[WorkspaceStatus], seen: dict[str, object], *, with_titles: bool
) -> None:
    changed = [status for status in statuses if seen.get(status.name) != status]
    seen.clear()
    seen.update((status.name, status) for status in statuses)
    if printer.format is Format.json:
        for status in changed:
            printer.line(json.dumps(json.loads(json_text(as_document(status))), ensure_ascii=False))
    elif changed and (with_titles or printer.format is Format.name):
        write(printer, changed)
    elif changed:
        shown = [column for column in columns(datetime.now(UTC)) if printer.format is Format.wide or not column.wide]
        cells = [[column.value(status) for column in shown] for status in changed]
        printer.text(table([column.title for column in shown], cells).partition("\n")[2])
