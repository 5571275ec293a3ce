"""`kubecoder history`: the recorded revisions of a workspace, and what each one applied."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kubecoder.cli.ages import age
from kubecoder.cli.context import connect, open_fleet
from kubecoder.cli.options import Name, Output
from kubecoder.errors import NotFoundError
from kubecoder.output import Column, Format, Printer, yaml_text

if TYPE_CHECKING:
    from kubecoder.cluster import Cluster
    from kubecoder.fleet import Fleet
    from kubecoder.releases.record import Release, Revision


def command(
    ctx: typer.Context,
    name: Name,
    show: Annotated[
        int | None, typer.Option("--show", metavar="REVISION", help="Print what this revision applied, as YAML")
    ] = None,
    output: Output = Format.table,
) -> None:
    """Show the recorded revisions of a workspace, oldest first.

    The last ten are kept. Values of Secrets are never recorded: what `--show` prints in their place tells whether a
    value has changed, and nothing else. The name `base` stands for what the workspaces share.

    Examples:
        kubecoder history john
        kubecoder history john --show 3
    """
    fleet = open_fleet(ctx, require_secrets=False)
    release = recorded(connect(ctx, fleet), fleet, name)
    printer = Printer(output)
    tell(printer, release)
    if show is None:
        write(printer, release)
    else:
        write_manifests(printer, release, show)


def recorded(cluster: Cluster, fleet: Fleet, name: str) -> Release:
    """Find the record, by its label: the user's file may be gone.

    Raises:
        NotFoundError: There is no such user, or the workspace was never deployed.
    """
    from kubecoder.releases import store

    namespaces = {fleet.namespace, *(workspace.user.namespace for workspace in fleet.workspaces)}
    release = store.find(cluster, fleet.fleet_id, name, namespaces)
    if release is not None:
        return release
    if name != "base":
        fleet.workspace(name)
    raise NotFoundError(f"{name} was never deployed", hint=f"kubecoder deploy {name if name != 'base' else '--all'}")


def tell(printer: Printer, release: Release) -> None:
    """Say what the table can't: that somebody is at work, or that the record is damaged."""
    from kubecoder.releases.lock import describe

    if release.lock is not None:
        since = (datetime.now(UTC) - release.lock.acquired_at).total_seconds()
        printer.notice(f"{release.workspace} is being deployed by {describe(release.lock, since)}")
    if release.damage:
        printer.warn(f"the release record is damaged: {release.damage}; the next deploy sets it aside and goes on")
    if release.refusal:
        printer.warn(release.refusal)


def write(printer: Printer, release: Release) -> None:
    """Write the revisions as a table or document."""
    now = datetime.now(UTC)
    revisions = list(reversed(release.revisions))
    columns = (
        Column("REVISION", lambda revision: str(revision.number)),
        Column("OUTCOME", lambda revision: revision.outcome.value),
        Column("AGE", lambda revision: age(revision.created_at, now)),
        Column("AUTHOR", lambda revision: revision.author),
        Column("REASON", lambda revision: revision.reason),
        Column("VERSION", lambda revision: revision.tool_version, wide=True),
        Column("MESSAGE", lambda revision: revision.message, wide=True),
    )
    document = {
        "workspace": release.workspace,
        "namespace": release.namespace,
        "revisions": [as_document(revision) for revision in revisions],
    }
    printer.rows(revisions, columns, document=document, name=lambda revision: f"revision/{revision.number}")


def as_document(revision: Revision) -> dict[str, Any]:
    """Return the JSON form of a revision; `kept` says whether its manifests can be shown and rolled back to."""
    return {
        "revision": revision.number,
        "outcome": revision.outcome,
        "created_at": revision.created_at,
        "finished_at": revision.finished_at,
        "author": revision.author,
        "reason": revision.reason,
        "message": revision.message,
        "tool_version": revision.tool_version,
        "kept": bool(revision.manifests),
    }


def write_manifests(printer: Printer, release: Release, number: int) -> None:
    """Write what a revision applied: YAML documents, or one list with `-o json`.

    Raises:
        NotFoundError: There is no such revision, or only its line in the history is kept.
    """
    manifests = release.revision(number).manifests
    if not manifests:
        raise NotFoundError(
            f"the manifests of revision {number} of {release.workspace} aren't kept any more",
            hint="the oldest go first when a record grows too large for a Secret",
        )
    if printer.format is Format.json:
        printer.document({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
    elif printer.format is Format.name:
        for manifest in manifests:
            printer.line(f"{manifest['kind'].lower()}/{manifest['metadata']['name']}")
    else:
        printer.text("---\n".join(yaml_text(manifest) for manifest in manifests))
