"""`kubecoder completion`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from kubecoder.cli.context import COMPLETE_VARIABLE
from kubecoder.output import Printer


class Shell(StrEnum):
    """The shells that have a script."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


def command(shell: Annotated[Shell, typer.Argument(help="The shell that reads the script")]) -> None:
    """Print the script that makes a shell complete commands, options and user names.

    Put one of these into the shell's start-up file:
        source <(kubecoder completion bash)
        source <(kubecoder completion zsh)
        kubecoder completion fish | source
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script = get_completion_script(prog_name="kubecoder", complete_var=COMPLETE_VARIABLE, shell=shell.value)
    Printer().text(script.strip() + "\n")
