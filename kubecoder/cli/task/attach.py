"""`kubecoder task attach`: the real session of a task, on this terminal."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from kubecoder.cli.agents import open_agent
from kubecoder.cli.task.choosing import task_id
from kubecoder.cli.task.options import TaskName, User
from kubecoder.errors import AgentError, KubecoderError, UsageError
from kubecoder.output import Printer

POD_SOCKET = "/run/kubecoder/tmux/tasks"


def command(
    ctx: typer.Context,
    task: TaskName,
    user: User = None,
    read_only: Annotated[bool, typer.Option("--read-only", "-r", help="Watch; keys do nothing but detach")] = False,
) -> None:
    """Join the real session of a task on this terminal; Ctrl-B d leaves it, and the task goes on.

    Through the cluster, or on this machine for `-u local`.

    Examples:
        kubecoder task attach 0a1b2c3d
        kubecoder task attach 0a1b2c3d -u john --read-only
    """
    from kubecoder.agentclient.reach import LocalReach, PodReach

    client = open_agent(ctx, user)
    reach = client.reach
    if not isinstance(reach, (LocalReach, PodReach)):
        raise AgentError(
            f"{reach.name} is reached by its address, which has no terminals",
            hint=f"use a kubeconfig and a fleet with -u NAME, or the terminal at {reach.endpoint().url}/oauth/",
        )
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("attach needs a terminal", hint="kubecoder task follow shows what happens without one")
    session = client.prepare_terminal(task_id(client, task)).session
    Printer().notice("Ctrl-B d leaves the session; the task goes on")
    if isinstance(reach, LocalReach):
        _attach_here(reach.tmux_socket, session, read_only=read_only)
    from kubecoder.cluster import exec as executions

    # Whatever the reader's terminal is called, the workspace knows this kind.
    argv = ["env", "TERM=xterm-256color", *tmux_command(POD_SOCKET, session, read_only=read_only)]
    raise typer.Exit(executions.run_terminal(reach.cluster, reach.target(), argv))


def tmux_command(socket: str, session: str, *, read_only: bool) -> list[str]:
    """Return the command that attaches to exactly this session."""
    return ["tmux", "-u", "-S", socket, "attach-session", *(["-r"] if read_only else []), "-t", f"={session}"]


def _attach_here(socket: Path, session: str, *, read_only: bool) -> NoReturn:
    """Become tmux."""
    program = shutil.which("tmux")
    if program is None:
        raise KubecoderError("tmux isn't installed", hint="kubecoder local up --install")
    # Inside of another tmux it would refuse, though that is another server.
    environment = {name: value for name, value in os.environ.items() if name not in ("TMUX", "TMUX_PANE")}
    os.execve(program, tmux_command(str(socket), session, read_only=read_only), environment)  # noqa: S606 - no shell
