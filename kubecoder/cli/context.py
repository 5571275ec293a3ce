"""What commands share: the settings, the fleet, the connection, and completion of user names."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from kubecoder.output import Printer
from kubecoder.settings import Settings

if TYPE_CHECKING:
    from kubecoder.cluster import Cluster
    from kubecoder.fleet import Fleet

# Set by the completion scripts; its value names the shell.
COMPLETE_VARIABLE = "_KUBECODER_COMPLETE"


def settings(ctx: typer.Context) -> Settings:
    """Return the global options of this run."""
    if isinstance(ctx.obj, Settings):
        return ctx.obj
    # Completion parses the options but doesn't run the program's callback, which stores them.
    return Settings(fleet_dir=Path(ctx.find_root().params.get("fleet") or "."))


def open_fleet(ctx: typer.Context, *, require_secrets: bool = True, names: Collection[str] | None = None) -> Fleet:
    """Load the fleet and tell its notices on stderr.

    Args:
        ctx: The command's context.
        require_secrets: Whether missing or bad secrets are problems too.
        names: Whose secrets are required; None means everybody's.

    Raises:
        ConfigError: With all problems of the fleet's files.
    """
    from kubecoder import fleet as fleets

    fleet = fleets.load(settings(ctx).fleet_dir, require_secrets=require_secrets, names=names)
    for notice in fleet.notices:
        Printer().notice(notice)
    return fleet


def connect(ctx: typer.Context, fleet: Fleet | None = None, *, writes: bool = False) -> Cluster:
    """Connect to the cluster that the options, else the fleet, else the kubeconfig name; closes with the command.

    Args:
        ctx: The command's context.
        fleet: Its `context` is used when no option names one.
        writes: Says on stderr which context the command writes to.

    Raises:
        ConfigError: The kubeconfig is unreadable or has no such context.
    """
    from kubecoder.cluster import Cluster

    chosen = settings(ctx)
    context = chosen.context or (fleet.context if fleet else None)
    cluster = Cluster.connect(chosen.kubeconfig, context)
    ctx.call_on_close(cluster.close)
    if writes:
        Printer().notice(f"context: {cluster.context} ({cluster.server})")
    return cluster


def complete_users(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete user names from the names of the fleet's files, without loading any."""
    names = sorted(file.stem for file in settings(ctx).fleet_dir.glob("users/*.yaml"))
    return [name for name in names if name.startswith(incomplete) and not name.startswith("_")]


def log_to_stderr(ctx: typer.Context, verbose: int) -> None:
    """Log what kubecoder does to stderr until the command ends: 1 for requests, 2 for their bodies too."""
    if not verbose:
        return
    logger = logging.getLogger("kubecoder")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S"))
    for earlier in logger.handlers[:]:
        logger.removeHandler(earlier)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if verbose > 1 else logging.INFO)
    ctx.call_on_close(lambda: logger.removeHandler(handler))
