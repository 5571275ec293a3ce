"""`kubecoder image`: the workspace image."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kubecoder.image import Build, Builder, Target, find_builder, push, reference, write_context
from kubecoder.image import build as build_image
from kubecoder.output import Printer

app = typer.Typer(help="Build the workspace image.")


@app.command()
def build(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[--] BUILDER_OPTION", help="Passed on to the builder")
    ] = None,
    target: Annotated[Target, typer.Option(help="Which image: slim is for tasks alone")] = Target.full,
    tag: Annotated[
        str | None,
        typer.Option(metavar="TAG", help="Tag of kubecoder/workspace, or REPOSITORY:TAG; by default this version"),
    ] = None,
    push_it: Annotated[bool, typer.Option("--push", help="Push the image to its registry afterwards")] = False,
    builder: Annotated[
        Builder | None, typer.Option(help="The program that builds; by default the first one that is there")
    ] = None,
) -> None:
    """Build the workspace image with docker, podman or buildah.

    The image is the full one, with VS Code, a terminal and Firefox in the browser, unless --target slim is given. Its
    parts come from PyPI, npm, the Go module proxy and Debian, each pinned. Nothing is installed when a pod starts.

    Examples:
        kubecoder image build --tag registry.company.com/kubecoder/workspace:1 --push
        kubecoder image build -- --build-arg BASE=mirror.company.com/python:3.12-slim-bookworm
    """
    wanted = Build(reference(tag), target, tuple(arguments or ()))
    chosen = find_builder(builder)
    printer = Printer()
    printer.notice(f"building {wanted.reference} with {chosen}")
    build_image(chosen, wanted, log=sys.stderr)
    if push_it:
        push(chosen, wanted.reference, log=sys.stderr)
    printer.line(wanted.reference)


@app.command()
def context(directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder")]) -> None:
    """Write the build context into a folder, for a builder elsewhere.

    Example:
        kubecoder image context build && docker build -f build/agent/image/Dockerfile build
    """
    Printer().line(str(write_context(directory)))
