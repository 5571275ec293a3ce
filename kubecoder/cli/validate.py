"""`kubecoder validate`: everything that is wrong with the fleet's files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kubecoder.cli.context import settings
from kubecoder.cli.options import Output
from kubecoder.errors import ConfigError, Problem
from kubecoder.output import Format, Printer

if TYPE_CHECKING:
    from kubecoder.fleet import Fleet


def command(
    ctx: typer.Context,
    no_secrets: Annotated[
        bool, typer.Option("--no-secrets", help="Don't look at secrets/, which a fresh clone hasn't")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of user files and check nothing")
    ] = False,
    output: Output = Format.table,
) -> None:
    """Check all files of the fleet and report every problem at once.

    User files, secrets and templates are read and rendered as for a deploy. No cluster is asked.

    Examples:
        kubecoder validate
        kubecoder validate --no-secrets -o json
    """
    from kubecoder import fleet as fleets
    from kubecoder.fleet.schema import text as schema_text

    if schema:
        Printer().text(schema_text())
        return
    printer = Printer(output)
    try:
        fleet = fleets.load(settings(ctx).fleet_dir, require_secrets=not no_secrets)
        problems = list(dict.fromkeys(_rendering_problems(fleet)))
        if problems:
            raise ConfigError.from_problems(problems)
    except ConfigError as error:
        if output.is_document:
            printer.document(_document((), error.problems, ()))
        raise
    names = [workspace.name for workspace in fleet.workspaces]
    if output.is_document:
        printer.document(_document(names, (), fleet.notices))
    for notice in fleet.notices:
        printer.notice(notice)
    printer.notice(f"{len(names)} user{'s' if len(names) != 1 else ''}, no problems")


def _rendering_problems(fleet: Fleet) -> Iterator[Problem]:
    """Render everything, so that a broken template or a patch that matches nothing shows here."""
    from kubecoder import render

    render.base(fleet)
    for workspace in fleet.workspaces:
        try:
            render.workspace(fleet, workspace, with_secrets=workspace.secrets.oauth2 is not None)
        except ConfigError as error:
            # A template that fails for one fails for all; a patch is each user's own.
            if not error.problems:
                raise
            yield from error.problems


def _document(names: Any, problems: Any, notices: Any) -> dict[str, Any]:
    return {
        "valid": not problems,
        "users": list(names),
        "problems": [
            {
                "file": str(problem.path),
                "line": problem.line,
                "key": problem.key,
                "message": problem.message,
                "advice": problem.advice,
            }
            for problem in problems
        ],
        "notices": list(notices),
    }
