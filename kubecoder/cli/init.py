"""`kubecoder init`: a new fleet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kubecoder.cli.context import settings
from kubecoder.cli.fleetfiles import carry_out, program, secret_from
from kubecoder.cli.options import DryRun
from kubecoder.output import Printer


def command(
    ctx: typer.Context,
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Folder of the fleet; made if missing")
    ] = None,
    domain: Annotated[str | None, typer.Option(help="Users get the host NAME.DOMAIN", metavar="DOMAIN")] = None,
    email: Annotated[
        str | None, typer.Option(help="For certificates from Let's Encrypt through cert-manager", metavar="ADDRESS")
    ] = None,
    oauth_client_id: Annotated[
        str | None, typer.Option("--oauth-client-id", help="Of the GitHub OAuth App for all hosts", metavar="ID")
    ] = None,
    oauth_client_secret_file: Annotated[
        Path | None,
        typer.Option("--oauth-client-secret-file", help="File with the client secret; - is stdin", metavar="FILE"),
    ] = None,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Where workspaces go by default")] = "coder",
    dry_run: DryRun = False,
) -> None:
    """Make a fleet: a folder for the users and their secrets.

    What is there already stays; a second run adds what it is told and the first wasn't.

    Examples:
        kubecoder init fleet --domain dev.company.com --email admin@company.com
        kubecoder init fleet --oauth-client-id Ov23li... --oauth-client-secret-file client-secret
    """
    from kubecoder.fleet import new_fleet, new_secrets
    from kubecoder.fleet.secret_files import OAUTH2
    from kubecoder.fleet.sources import DEFAULTS

    directory = directory or settings(ctx).fleet_dir
    client_secret = secret_from(oauth_client_secret_file, "--oauth-client-secret-file")
    given = {"clientId": oauth_client_id, "clientSecret": client_secret}
    client = {key: value for key, value in given.items() if value}
    printer = Printer()
    changes = new_fleet.changes(directory, namespace=namespace, domain=domain, email=email, client=client)
    carry_out(printer, changes, dry_run=dry_run)
    if not given.keys() <= {*client, *new_secrets.known(directory, DEFAULTS, OAUTH2)}:
        callback = f"https://{domain or 'YOUR-DOMAIN'}/oauth2/callback"
        printer.notice(
            f"still to do: make a GitHub OAuth App with the callback address {callback}; "
            "give it with --oauth-client-id and --oauth-client-secret-file"
        )
    printer.notice(f"next: {program(directory)} user add NAME --github LOGIN")
