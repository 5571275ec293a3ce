"""Which workspace's agent a command talks to, and the way to it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from kubecoder.cli.context import connect, open_fleet, settings
from kubecoder.errors import ConfigError, UsageError
from kubecoder.output import Printer

if TYPE_CHECKING:
    from kubecoder.agentclient import AgentClient, Reach
    from kubecoder.cluster import Cluster
    from kubecoder.fleet import Fleet

URL_VARIABLE = "KUBECODER_URL"
TOKEN_VARIABLE = "KUBECODER_TOKEN"  # noqa: S105 - the name of a variable, not a secret
USER_VARIABLE = "KUBECODER_USER"


def open_agent(ctx: typer.Context, user: str | None) -> AgentClient:
    """Return the client of the workspace that the options and the environment name; closes with the command.

    Args:
        ctx: The command's context.
        user: What `-u` says; `local` is this machine's workspace.

    Raises:
        UsageError: Several workspaces may be meant; lists them.
        NotFoundError: The fleet has no such user.
        ConfigError: The fleet's files, the address or the token can't be used.
    """
    from kubecoder.agentclient import AgentClient

    client = AgentClient(choose_reach(ctx, user))
    ctx.call_on_close(client.close)
    return client


def choose_reach(ctx: typer.Context, user: str | None) -> Reach:
    """Find the way to the workspace: `-u`, else the address, else the user's name, else what there is only one of."""
    from kubecoder.agentclient.reach import LOCAL, LocalReach, UrlReach, local_workspace_file

    url = os.environ.get(URL_VARIABLE)
    if url and not user:
        token = os.environ.get(TOKEN_VARIABLE)
        if not token:
            raise ConfigError(
                f"{URL_VARIABLE} is set and {TOKEN_VARIABLE} isn't",
                hint="the dashboard's Access page has one",
            )
        return UrlReach(url, token)
    named = user or os.environ.get(USER_VARIABLE)
    if named == LOCAL:
        return LocalReach(local_workspace_file())
    if not named and not _has_fleet(ctx):
        return _without_fleet()
    fleet = open_fleet(ctx, require_secrets=False)
    chosen = named or _only_choice([workspace.name for workspace in fleet.workspaces])
    [reach] = pod_reaches(fleet, connect(ctx, fleet), [chosen])
    return reach


def pod_reaches(fleet: Fleet, cluster: Cluster, names: Sequence[str]) -> list[Reach]:
    """Return the ways to workspaces of a fleet.

    Raises:
        NotFoundError: One of them isn't in the fleet.
    """
    from kubecoder.agentclient.reach import PodReach
    from kubecoder.cluster.pods import Place

    namespaces = [fleet.workspace(name).user.namespace for name in names]
    places = [Place(fleet.fleet_id, name, namespace) for name, namespace in zip(names, namespaces, strict=True)]
    return [PodReach(cluster, place) for place in places]


def _has_fleet(ctx: typer.Context) -> bool:
    return any(not file.stem.startswith("_") for file in settings(ctx).fleet_dir.glob("users/*.yaml"))


def _without_fleet() -> Reach:
    from kubecoder.agentclient.reach import LocalReach, local_workspace_file

    file = local_workspace_file()
    if not file.exists():
        raise UsageError(
            "there is no workspace to talk to: no fleet here, no address, none on this machine",
            hint=f"-C names a fleet, {URL_VARIABLE} a workspace's address; `kubecoder local up` makes one here",
        )
    reach = LocalReach(file)
    Printer().notice(f"the workspace of this machine ({reach.endpoint().url})")
    return reach


def _only_choice(names: Sequence[str]) -> str:
    """Choose the only user, or the one that is called like whoever runs this.

    Raises:
        UsageError: Neither; lists the choices.
    """
    if len(names) == 1:
        return names[0]
    login = _login()
    if login in names:
        Printer().notice(f"workspace: {login}")
        return login
    raise UsageError("which workspace?", hint=f"-u NAME or {USER_VARIABLE} names one of: {', '.join(names)}, local")


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return ""
