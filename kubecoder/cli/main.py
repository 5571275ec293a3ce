"""The program: global options, the table of commands, and the one place where errors become exit codes."""

from __future__ import annotations

import gc
import io
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from kubecoder import __version__
from kubecoder.cli import commands
from kubecoder.cli.context import COMPLETE_VARIABLE, log_to_stderr
from kubecoder.errors import KubecoderError
from kubecoder.output import Printer
from kubecoder.settings import Settings

INTERRUPTED = 130


class Program(commands.UncoercedGroup):
    """The top-level group: loads a command when it is needed and turns every expected error into its exit code."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands.update(commands.unloaded())

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the arguments name and import its module."""
        name, command, rest = super().resolve_command(ctx, args)
        if isinstance(command, commands.UnloadedCommand):
            command = commands.load(str(name), global_options=self.params)
        return name, command, rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """List the commands by section, from the table alone."""
        width = max(len(entry.name) for entry in commands.ENTRIES)
        for section in dict.fromkeys(entry.section for entry in commands.ENTRIES):
            rows = [(f"{entry.name:{width}}", entry.summary) for entry in commands.ENTRIES if entry.section == section]
            with formatter.section(section):
                formatter.write_dl(rows)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an expected error becomes lines on stderr and an exit code, never a traceback."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KubecoderError as error:
            Printer().error(error)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(INTERRUPTED) from error
        except BrokenPipeError as error:
            # Nobody reads any more; the interpreter would complain when it flushes stdout at its end.
            sys.stdout = io.StringIO()
            raise typer.Exit(1) from error
        except OSError as error:
            # The machine refuses, such as by a full disk; what has a better explanation was caught where it is known.
            sys.stdout = io.StringIO()
            about = f"{error.filename}: " if error.filename else ""
            Printer().error(KubecoderError(f"{about}{error.strerror or error}"))
            raise typer.Exit(1) from error
        return result


app = typer.Typer(
    name="kubecoder",
    cls=Program,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="The global options may also follow the command. `kubecoder COMMAND --help` explains a command.",
)


def _show_version(value: bool) -> None:
    if value:
        Printer().line(f"kubecoder {__version__}")
        raise typer.Exit


@app.callback()
def program(
    ctx: typer.Context,
    fleet: Annotated[
        str,
        typer.Option(
            "--fleet", "-C", envvar="KUBECODER_FLEET", show_envvar=True, help="Folder with users/ and secrets/"
        ),
    ] = ".",
    kubeconfig: Annotated[
        str | None, typer.Option(metavar="FILE", envvar="KUBECONFIG", show_envvar=True, help="Kubeconfig file")
    ] = None,
    context: Annotated[
        str | None,
        typer.Option(metavar="NAME", envvar="KUBECODER_CONTEXT", show_envvar=True, help="Kubeconfig context"),
    ] = None,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            show_default=False,
            help="Log API requests; twice: also their bodies, secrets masked",
        ),
    ] = 0,
    version: Annotated[  # noqa: ARG001 - its callback acts
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit")
    ] = False,
) -> None:
    """Secure, isolated developer workspaces on Kubernetes, and the Claude Code tasks in them."""
    ctx.obj = Settings(
        fleet_dir=Path(fleet),
        kubeconfig=kubeconfig or None,
        context=context or None,
        verbose=verbose,
    )
    log_to_stderr(ctx, verbose)


def main() -> None:
    """Run the program on `sys.argv`; the console script's entry point."""
    # Ten times and more above Python's own: with a large fleet in memory the collector took a third of a deploy's time.
    gc.set_threshold(100_000, 20, 100)
    if COMPLETE_VARIABLE in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
    app(prog_name="kubecoder")
