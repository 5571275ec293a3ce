"""`kubecoder user`: the users of the fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from kubecoder.cli import useradd
from kubecoder.cli.context import open_fleet, settings
from kubecoder.cli.fleetfiles import can_ask
from kubecoder.cli.options import DryRun, Name, Output, Yes
from kubecoder.errors import UsageError
from kubecoder.output import NONE, Column, Format, Printer, printable

if TYPE_CHECKING:
    from kubecoder.fleet import Workspace
    from kubecoder.models.sections import OAuth2

app = typer.Typer(help="Add, list, show and remove the users of the fleet.")
app.command("add")(useradd.add)


@app.command("list")
def list_users(ctx: typer.Context, output: Output = Format.table) -> None:
    """List the users of the fleet.

    Examples:
        kubecoder user list
        kubecoder user list -o wide
    """
    fleet = open_fleet(ctx, require_secrets=False)
    columns = (
        Column("NAME", lambda item: item.name),
        Column("HOST", lambda item: item.user.user.host),
        Column("NAMESPACE", lambda item: item.user.namespace),
        Column("SIGN-IN", lambda item: _admitted(item.user.oauth2)),
        Column("IMAGE", lambda item: item.user.image.reference, wide=True),
        Column("HOME", lambda item: item.user.user.pvc_size, wide=True),
        Column("BUILD", lambda item: item.user.build.mode, wide=True),
        Column("FILE", lambda item: str(item.file), wide=True),
    )
    printer = Printer(output)
    document = {"users": [_summary(workspace) for workspace in fleet.workspaces]}
    printer.rows(fleet.workspaces, columns, document=document, name=lambda item: f"user/{item.name}")
    if not fleet.workspaces:
        printer.notice("no users yet; add one with `kubecoder user add`")


@app.command("show")
def show(ctx: typer.Context, name: Name, output: Output = Format.table) -> None:
    """Show one user's values with all defaults filled in; secrets only by the files that hold them.

    Examples:
        kubecoder user show john
        kubecoder user show john -o yaml
    """
    workspace = open_fleet(ctx, require_secrets=False, names=[name]).workspace(name)
    printer = Printer(output)
    if output.is_document:
        values = workspace.user.model_dump(by_alias=True, mode="json")
        printer.document({**_summary(workspace), "secrets": _secrets(workspace), "values": values})
    elif output is Format.name:
        printer.line(f"user/{name}")
    else:
        facts = _facts(workspace)
        width = max(map(len, facts)) + 2
        for fact, value in facts.items():
            printer.line(f"{f'{fact}:':{width}}{printable(value) or NONE}")


@app.command("remove")
def remove(ctx: typer.Context, name: Name, dry_run: DryRun = False, yes: Yes = False) -> None:
    """Remove a user's file and secrets from the fleet; nothing in the cluster changes.

    Delete the workspace from the cluster first: `kubecoder delete NAME`.

    Examples:
        kubecoder user remove john
    """
    from kubecoder.fleet import removal
    from kubecoder.fleet.new_user import check_name

    planned = removal.plan(settings(ctx).fleet_dir, check_name(name))
    printer = Printer()
    printer.notice(f"will delete {' and '.join(map(str, planned.paths))}")
    if planned.secrets:
        printer.notice("secrets that are nowhere else are lost")
    printer.notice(f"a workspace in the cluster stays; `kubecoder delete {name}` deletes it")
    if not dry_run:
        _confirm(name, assumed=yes)
        planned.carry_out()
    for path in planned.paths:
        printer.line(f"{path} removed{' (dry run)' if dry_run else ''}")


def _confirm(name: str, *, assumed: bool) -> None:
    if assumed:
        return
    if not can_ask():
        raise UsageError(f"removing {name} needs a yes", hint="write --yes")
    typer.confirm(f"Remove user {name}?", abort=True, err=True)


def _admitted(oauth2: OAuth2) -> str:
    parts = list(oauth2.github_users)
    if oauth2.github_org:
        parts.append(f"@{oauth2.github_org}/{oauth2.github_team}" if oauth2.github_team else f"@{oauth2.github_org}")
    return ",".join(parts)


def _summary(workspace: Workspace) -> dict[str, Any]:
    user = workspace.user
    return {
        "name": user.name,
        "namespace": user.namespace,
        "host": user.user.host,
        "url": f"https://{user.user.host}/",
        "github_users": list(user.oauth2.github_users),
        "github_org": user.oauth2.github_org,
        "github_team": user.oauth2.github_team,
        "image": user.image.reference,
        "home_size": user.user.pvc_size,
        "build_mode": user.build.mode,
        "file": str(workspace.file),
    }


def _secrets(workspace: Workspace) -> dict[str, list[str]]:
    return {part: [str(path) for path in paths] for part, paths in workspace.secret_files.items()}


def _facts(workspace: Workspace) -> dict[str, str]:
    user = workspace.user
    secrets = [f"{part} ({', '.join(paths)})" for part, paths in _secrets(workspace).items()]
    amounts = sorted({*user.resources.requests, *user.resources.limits})
    return {
        "Name": user.name,
        "File": str(workspace.file),
        "URL": f"https://{user.user.host}/",
        "Namespace": user.namespace,
        "Sign-in": _admitted(user.oauth2),
        "Image": user.image.reference,
        "Home": user.user.pvc_size,
        "Resources": ", ".join(
            f"{name} {user.resources.requests.get(name, '0')} to {user.resources.limits.get(name, 'no limit')}"
            for name in amounts
        ),
        "Build": user.build.mode,
        "Variables": ", ".join(entry["name"] for entry in user.user.env),
        "Patches": ", ".join(patch.kind for patch in user.patches),
        "Secrets": ", ".join(secrets),
    }
