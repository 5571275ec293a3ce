"""The table of commands, and how one is loaded when it is needed."""

from __future__ import annotations

import copy
import dataclasses
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from kubecoder.cli.context import log_to_stderr, settings
from kubecoder.cli.options import duration_text
from kubecoder.settings import Settings


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One top-level command, made by `kubecoder/cli/<name>.py`.

    The help of the program shows `summary` and so imports no command; a test compares it with the docstring.
    """

    section: str
    name: str
    summary: str


FLEET = "Fleet"
DEPLOY = "Deploy"
WORKSPACE = "Workspaces"
TASKS = "Tasks"
TOOL = "This tool"

ENTRIES = (
    Entry(FLEET, "init", "Make a fleet: a folder for the users and their secrets."),
    Entry(FLEET, "user", "Add, list, show and remove the users of the fleet."),
    Entry(FLEET, "validate", "Check all files of the fleet and report every problem at once."),
    Entry(FLEET, "render", "Write the manifests of workspaces as YAML."),
    Entry(DEPLOY, "diff", "Show what a deploy would change, as the API server says."),
    Entry(DEPLOY, "deploy", "Bring workspaces to what the fleet's files say."),
    Entry(DEPLOY, "migrate", "Take over a kube-coder Helm release: its objects go, the home stays, ours come."),
    Entry(DEPLOY, "history", "Show the recorded revisions of a workspace, oldest first."),
    Entry(DEPLOY, "rollback", "Bring a workspace back to a recorded revision, as a new revision."),
    Entry(DEPLOY, "start", "Start stopped workspaces."),
    Entry(DEPLOY, "stop", "Stop workspaces; homes stay."),
    Entry(DEPLOY, "restart", "Replace the pods of workspaces."),
    Entry(DEPLOY, "delete", "Remove a workspace from the cluster; its home stays unless you say otherwise."),
    Entry(WORKSPACE, "status", "Show what runs: versions, pods, restarts, certificates, disks."),
    Entry(WORKSPACE, "logs", "Show what the containers of workspaces print."),
    Entry(WORKSPACE, "shell", "Open a shell in a workspace, or run a command there and exit with its code."),
    Entry(WORKSPACE, "forward", "Bring ports of a workspace to this machine's loopback, until Ctrl-C."),
    Entry(WORKSPACE, "build", "Build an image from a folder of a workspace's home, by kaniko in its own pod."),
    Entry(WORKSPACE, "test", "Prove from inside and outside that workspaces are safe and complete."),
    Entry(WORKSPACE, "doctor", "Look whether the cluster has what the fleet needs; write nothing."),
    Entry(TASKS, "task", "Launch Claude Code tasks, watch them, answer what they ask, join them."),
    Entry(TASKS, "local", "Run a workspace on this machine, without a cluster."),
    Entry(TASKS, "demo", "See a task ask, be allowed and write a file; no cluster, no API key."),
    Entry(TOOL, "image", "Build the workspace image."),
    Entry(TOOL, "version", "Show the version of kubecoder, and of what it works with."),
    Entry(TOOL, "completion", "Print the script that makes a shell complete commands, options and user names."),
)

# What may also follow the command, and how the setting changes there.
GLOBAL_OPTIONS: dict[str, Callable[[Settings, Any], Settings]] = {
    "fleet": lambda before, value: dataclasses.replace(before, fleet_dir=Path(value)),
    "kubeconfig": lambda before, value: dataclasses.replace(before, kubeconfig=value),
    "context": lambda before, value: dataclasses.replace(before, context=value),
    "verbose": lambda before, value: dataclasses.replace(before, verbose=value),
}


class UncoercedOption(TyperOption):
    """An option whose value stays as it was parsed: text, a count or a flag.

    Typer coerces values with pydantic, whose import takes longer than all the rest of `--help`.
    """

    def process_value(self, ctx: Any, value: Any) -> Any:
        """Pass the value on, through the option's callback where there is one."""
        return self.callback(ctx, self, value) if self.callback else value


class UncoercedGroup(TyperGroup):
    """A group whose own options, which are the program's and `--help`, take their values as they are."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options."""
        options = super().get_params(ctx)
        for option in options:
            option.__class__ = UncoercedOption
        return options


class UnloadedCommand(TyperCommand):
    """Stands for a command whose module isn't imported yet."""


def unloaded() -> dict[str, UnloadedCommand]:
    """Return a stand-in for each command of the table, in its order."""
    return {
        entry.name: UnloadedCommand(entry.name, short_help=entry.summary, rich_markup_mode=None) for entry in ENTRIES
    }


def load(name: str, *, global_options: Sequence[Any] = ()) -> TyperCommand | TyperGroup:
    """Import `kubecoder.cli.<name>` and build its `command` function or its `app`.

    A module may set `CONTEXT_SETTINGS` to change how its command's arguments are parsed.

    Args:
        name: The command's name in the table.
        global_options: The program's parameters; those in `GLOBAL_OPTIONS` are accepted after the command too.
    """
    module = importlib.import_module(f"kubecoder.cli.{name}")
    command: Any
    if hasattr(module, "app"):
        module.app.rich_markup_mode = None
        command = typer.main.get_group(module.app)
        command.__class__ = UncoercedGroup
        command.name = name
        command.no_args_is_help = True
    else:
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name, context_settings=getattr(module, "CONTEXT_SETTINGS", None))(module.command)
        command = typer.main.get_command(app)
    _tidy_help(command)
    _accept(command, [option for option in global_options if option.name in GLOBAL_OPTIONS])
    assert isinstance(command, (TyperCommand, TyperGroup))
    return command


def _tidy_help(command: Any) -> None:
    """Keep the lines of examples, summaries whole, and durations as people write them."""
    paragraphs = (command.help or "").split("\n\n")
    command.short_help = " ".join(paragraphs[0].split())
    command.help = "\n\n".join(f"\b\n{part}" if "\n " in part else part for part in paragraphs)
    for parameter in command.params:
        if parameter.metavar == "DURATION" and isinstance(parameter.default, float):
            parameter.default = duration_text(parameter.default)
    for subcommand in getattr(command, "commands", {}).values():
        _tidy_help(subcommand)


def _accept(command: Any, options: Sequence[Any]) -> None:
    for option in options:
        accepted = copy.copy(option)
        accepted.default = accepted.envvar = None
        accepted.hidden = True
        accepted.expose_value = False
        accepted.callback = _override
        command.params.append(accepted)
    for subcommand in getattr(command, "commands", {}).values():
        _accept(subcommand, options)


def _override(ctx: Any, option: Any, value: Any) -> None:
    if value:
        ctx.obj = GLOBAL_OPTIONS[option.name](settings(ctx), value)
        log_to_stderr(ctx, ctx.obj.verbose)
