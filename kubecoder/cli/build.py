"""`kubecoder build`: an image from a folder of a workspace's home."""

from __future__ import annotations

from typing import Annotated

import typer

from kubecoder.cli.context import connect, open_fleet
from kubecoder.cli.options import DryRun, Name, Timeout
from kubecoder.errors import UsageError
from kubecoder.output import Printer


def command(
    ctx: typer.Context,
    name: Name,
    folder: Annotated[str, typer.Argument(metavar="[CONTEXT]", help="A folder of the home, such as project")] = ".",
    tags: Annotated[list[str] | None, typer.Option("--tag", "-t", help="REGISTRY/NAME:TAG, or a tag")] = None,
    file: Annotated[str, typer.Option("--file", "-f", help="The Dockerfile, in the folder")] = "Dockerfile",
    build_args: Annotated[list[str] | None, typer.Option("--build-arg", help="NAME=VALUE of an ARG")] = None,
    target: Annotated[str, typer.Option("--target", help="A stage of the Dockerfile")] = "",
    no_push: Annotated[bool, typer.Option("--no-push", help="Only find out whether it builds")] = False,
    dry_run: DryRun = False,
    timeout: Timeout = 1800.0,
) -> None:
    """Build an image from a folder of a workspace's home, by kaniko in its own pod.

    For build.mode kaniko. In the modes buildkit and dind `docker build` works in the workspace itself.
    Its output is kaniko's; the command exits with 1 when the build fails. Nothing stays but the image.

    Examples:
        kubecoder build john project --tag registry.example.com/team/app:1
        kubecoder build john project --no-push
    """
    from kubecoder.builds import kaniko, run

    if bool(tags) == no_push:
        raise UsageError("say where the image goes", hint="--tag REGISTRY/NAME:TAG, or --no-push")
    fleet = open_fleet(ctx, require_secrets=False)
    user = fleet.workspace(name).user
    kaniko.check_mode(user)
    build = kaniko.Build(
        context=kaniko.inside(folder, kaniko.HOME, "context"),
        dockerfile=kaniko.inside(file, kaniko.HOME / folder, "Dockerfile"),
        destinations=kaniko.destinations(tags or [], user),
        build_arguments=tuple(build_args or ()),
        target=target,
    )
    cluster = connect(ctx, fleet)
    printer = Printer()
    manifests = run.prepare(cluster, user, build, seconds=timeout)
    if dry_run:
        run.check(cluster, manifests)
        printer.notice("the API server would take the build; nothing was written")
        return
    listener = run.Listener(on_state=lambda word: printer.notice(f"build: {word}"), on_line=printer.line)
    if run.run(cluster, manifests, listener, seconds=timeout):
        raise typer.Exit(1)
    printer.notice(f"pushed {', '.join(build.destinations)}" if build.destinations else "it builds; nothing was pushed")
