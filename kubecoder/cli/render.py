"""`kubecoder render`: the manifests of the fleet as YAML."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kubecoder.cli.context import open_fleet
from kubecoder.cli.options import All, Names
from kubecoder.errors import ConfigError, UsageError
from kubecoder.output import Printer, yaml_text

if TYPE_CHECKING:
    from kubecoder.fleet import Fleet
    from kubecoder.render import Rendered


def command(
    ctx: typer.Context,
    names: Names = None,
    all_users: All = False,
    output_dir: Annotated[
        Path | None, typer.Option("--output-dir", metavar="DIR", help="Write NAME.yaml files into this folder")
    ] = None,
    no_secrets: Annotated[
        bool, typer.Option("--no-secrets", help="Leave out the values of Secrets; works without secrets/ too")
    ] = False,
) -> None:
    """Write the manifests of workspaces as YAML.

    Without a name that is everything: what the workspaces share (`base`), then each workspace. The name `base` alone
    gives the shared part. The result is what `deploy` applies, in an order that `kubectl apply` can follow.

    Examples:
        kubecoder render john
        kubecoder render | kubectl apply --server-side -f -
        kubecoder render --all --no-secrets --output-dir manifests/
    """
    if names and all_users:
        raise UsageError("names and --all exclude each other", hint="leave out one of them")
    printer = Printer()
    users = [name for name in names or () if name != "base"]
    fleet = open_fleet(ctx, require_secrets=not no_secrets, names=users or None)
    rendered = _rendered(fleet, names, with_secrets=not no_secrets)
    if output_dir is None:
        # All is rendered before anything is written: an error leaves no half of a document behind.
        results = list(rendered)
        printer.text("---\n".join(_text(result) for result in results))
    else:
        results = _write_files(output_dir, rendered, private=not no_secrets)
        for result in results:
            printer.line(str(output_dir / f"{result.name}.yaml"))
        if not names:
            _tell_others(printer, output_dir, results)
    for notice in (notice for result in results for notice in result.notices):
        printer.notice(notice)


def _rendered(fleet: Fleet, names: list[str] | None, *, with_secrets: bool) -> Iterator[Rendered]:
    from kubecoder import render

    if not names or render.BASE in names:
        yield render.base(fleet)
    chosen = fleet.workspaces
    if names:
        users = dict.fromkeys(name for name in names if name != render.BASE)
        chosen = tuple(fleet.workspace(name) for name in users)
    for workspace in chosen:
        yield render.workspace(fleet, workspace, with_secrets=with_secrets)


def _text(result: Rendered) -> str:
    return "---\n".join(yaml_text(manifest) for manifest in result.manifests)


def _write_files(directory: Path, rendered: Iterable[Rendered], *, private: bool) -> list[Rendered]:
    results = list(rendered)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for result in results:
            _write(directory / f"{result.name}.yaml", _text(result), 0o600 if private else 0o666)
    except OSError as error:
        raise ConfigError(
            f"can't write to {directory}: {error.strerror}", hint="choose another --output-dir"
        ) from error
    return results


def _write(file: Path, text: str, mode: int) -> None:
    """Replace a file whole, so that nobody ever reads a part of it or sees secrets through wider permissions."""
    temporary = file.with_name(f".{file.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor has no path
        stream.write(text)
    temporary.replace(file)


def _tell_others(printer: Printer, directory: Path, results: list[Rendered]) -> None:
    written = {f"{result.name}.yaml" for result in results}
    for file in sorted(directory.glob("*.yaml")):
        if file.name not in written:
            printer.notice(f"{file} is from no user of this fleet; delete it if it is left over")
