"""`kubecoder user add`: a new user of the fleet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kubecoder.cli.context import settings
from kubecoder.cli.fleetfiles import can_ask, carry_out, program, secret_from
from kubecoder.cli.options import DryRun
from kubecoder.errors import UsageError
from kubecoder.output import Printer

if TYPE_CHECKING:
    from kubecoder.fleet.imports import Imported
    from kubecoder.fleet.new_user import NewUser

LOGIN_QUESTION = "GitHub login of the person who may sign in"
HOST_QUESTION = "Host of the workspace, such as NAME.dev.company.com"


def add(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The workspace becomes ws-NAME")] = None,
    github: Annotated[
        list[str] | None, typer.Option("--github", help="GitHub login that may sign in; repeatable", metavar="LOGIN")
    ] = None,
    github_org: Annotated[
        str | None, typer.Option("--github-org", help="Its members may sign in too", metavar="ORG")
    ] = None,
    github_team: Annotated[
        str | None, typer.Option("--github-team", help="Only this team of the organisation may", metavar="TEAM")
    ] = None,
    full_name: Annotated[str | None, typer.Option("--full-name", help="For git commits")] = None,
    email: Annotated[str | None, typer.Option(help="For git commits", metavar="ADDRESS")] = None,
    domain: Annotated[str | None, typer.Option(help="The host is NAME.DOMAIN", metavar="DOMAIN")] = None,
    host: Annotated[str | None, typer.Option(help="Where the workspace answers", metavar="HOST")] = None,
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Where the workspace goes")] = None,
    from_files: Annotated[
        list[Path] | None,
        typer.Option("--from", help="A kube-coder values file; repeatable, later ones win", metavar="FILE"),
    ] = None,
    oauth_client_id: Annotated[
        str | None, typer.Option("--oauth-client-id", help="Of a GitHub OAuth App of the user's own", metavar="ID")
    ] = None,
    oauth_client_secret_file: Annotated[
        Path | None,
        typer.Option("--oauth-client-secret-file", help="File with its client secret; - is stdin", metavar="FILE"),
    ] = None,
    claude_key_file: Annotated[
        Path | None,
        typer.Option("--claude-key-file", help="File with an Anthropic API key; - is stdin", metavar="FILE"),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Add a user: writes what no default gives, and makes secrets that are missing.

    Asks for what is missing where there is a terminal. Adding the same user twice changes nothing.

    Examples:
        kubecoder user add john --github john_doe --full-name "John Doe" --email john@company.com
        kubecoder user add john --github john_doe --domain dev.company.com
        kubecoder user add --from deployments/john/values.yaml --from secrets/john/claude.yaml
    """
    from kubecoder.fleet import imports
    from kubecoder.fleet.new_user import GIT_EMAIL, GIT_NAME, NewUser, values_from
    from kubecoder.models.merge import merge_values

    if host and domain:
        raise UsageError("--host and --domain exclude each other", hint="leave out one of them")
    printer = Printer()
    imported = imports.read(from_files or ())
    name = _name(name, imported)
    values = values_from(
        name,
        namespace=namespace,
        host=host or (domain and f"{name}.{domain}"),
        github_users=_logins(github or ()),
        github_org=github_org,
        github_team=github_team,
        git={GIT_NAME: full_name, GIT_EMAIL: email},
    )
    secrets = _secrets(imported, oauth_client_id, oauth_client_secret_file, claude_key_file)
    new = NewUser(settings(ctx).fleet_dir, name, merge_values(imported.values, values), secrets)
    new = _complete(new)
    changes = new.changes()
    for notice in imported.notices:
        printer.notice(notice)
    carry_out(printer, changes, dry_run=dry_run)
    if new.lacks_client:
        printer.warn(
            "no GitHub OAuth App is known yet, so nobody can sign in; "
            "give it with `kubecoder init --oauth-client-id ID --oauth-client-secret-file FILE`"
        )
    if not dry_run:
        printer.notice(f"next: {program(new.directory)} deploy {name}")


def _name(name: str | None, imported: Imported) -> str:
    if name and imported.name and name != imported.name:
        raise UsageError(
            f"the values are of {imported.name}, not of {name}", hint=f"kubecoder user add {imported.name}"
        )
    name = name or imported.name
    if not name:
        raise UsageError("whom?", hint="kubecoder user add NAME")
    return name


def _logins(options: list[str] | tuple[()]) -> list[str]:
    return [login.strip() for option in options for login in option.split(",") if login.strip()]


def _secrets(
    imported: Imported, client_id: str | None, client_secret: Path | None, claude_key: Path | None
) -> dict[str, dict[str, Any]]:
    given = {
        "oauth2": {
            "clientId": client_id,
            "clientSecret": secret_from(client_secret, "--oauth-client-secret-file"),
        },
        "claude": {"apiKey": secret_from(claude_key, "--claude-key-file")},
    }
    secrets = {file: dict(values) for file, values in imported.secrets.items()}
    for file, values in given.items():
        known = {key: value for key, value in values.items() if value}
        if known:
            secrets[file] = {**secrets.get(file, {}), **known}
    return secrets


def _complete(new: NewUser) -> NewUser:
    """Ask for what is missing.

    Raises:
        UsageError: Nobody is there to answer.
    """
    missing = [option for option, is_missing in _needs(new).items() if is_missing]
    if missing and not can_ask():
        raise UsageError(f"{' and '.join(missing)} missing for {new.name}", hint="kubecoder user add --help")
    if "--github" in missing:
        answer = typer.prompt(LOGIN_QUESTION, err=True)
        new = new.with_values({"oauth2": {"githubUsers": _logins([answer])}})
    if "--host or --domain" in missing:
        new = new.with_values({"user": {"host": typer.prompt(HOST_QUESTION, err=True)}})
    return new


def _needs(new: NewUser) -> dict[str, bool]:
    return {"--github": new.needs_login, "--host or --domain": new.needs_host}
