"""`kubecoder version`."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kubecoder import __version__
from kubecoder.cli.context import connect, open_fleet, settings
from kubecoder.cli.options import Output
from kubecoder.output import Column, Format, Printer

if TYPE_CHECKING:
    from kubecoder.cluster import Cluster
    from kubecoder.fleet import Fleet


def command(
    ctx: typer.Context,
    full: Annotated[bool, typer.Option("--full", help="Also show the fleet, its images and the cluster")] = False,
    output: Output = Format.table,
) -> None:
    """Show the version of kubecoder, and of what it works with."""
    document: dict[str, Any] = {"kubecoder": __version__, "python": platform.python_version()}
    if full:
        fleet = open_fleet(ctx, require_secrets=False) if (settings(ctx).fleet_dir / "users").is_dir() else None
        if fleet is not None:
            document["fleet"] = _fleet_facts(fleet)
        document["cluster"] = _cluster_facts(connect(ctx, fleet))
    columns = [Column("NAME", lambda row: row[0]), Column("VALUE", lambda row: row[1])]
    Printer(output).rows(list(_flat(document)), columns, document=document, name=lambda row: f"{row[0]}/{row[1]}")


def _cluster_facts(cluster: Cluster) -> dict[str, str]:
    answer = cluster.request("GET", "/version")
    return {"context": cluster.context, "server": cluster.server, "version": answer["gitVersion"]}


def _fleet_facts(fleet: Fleet) -> dict[str, Any]:
    images = Counter(workspace.user.image.reference for workspace in fleet.workspaces)
    return {
        "id": fleet.fleet_id,
        "directory": str(fleet.directory),
        "workspaces": len(fleet.workspaces),
        "images": dict(sorted(images.items())),
    }


def _flat(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in document.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
