"""What the subcommands of `task` share: the workspace, the task, and completion of its id."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from typing import Annotated, Any

import typer

from kubecoder.cli.context import complete_users
from kubecoder.errors import KubecoderError

PROMPT_SHOWN = 60


def complete_workspaces(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete users of the fleet, and the workspace of this machine."""
    return [*complete_users(ctx, incomplete), *(["local"] if "local".startswith(incomplete) else [])]


def complete_tasks(ctx: typer.Context, incomplete: str) -> list[Any]:
    """Complete ids of the workspace's tasks, each with its prompt; nothing when the workspace doesn't answer soon."""
    from kubecoder.agentclient import AgentClient
    from kubecoder.agentclient.transport import Transport
    from kubecoder.cli.agents import choose_reach

    try:
        with redirect_stderr(io.StringIO()):
            reach = choose_reach(ctx, ctx.params.get("user"))
            with AgentClient(reach, transport=Transport(reach, patience=0, connect_seconds=2.0)) as client:
                tasks = client.list(most=100).tasks
    except KubecoderError:
        return []
    return [
        (task.task_id, f"{(task.activity or task.status).value}: {task.name or task.prompt[:PROMPT_SHOWN]}")
        for task in tasks
        if task.task_id.startswith(incomplete)
    ]


User = Annotated[
    str | None,
    typer.Option(
        "--user",
        "-u",
        metavar="NAME",
        autocompletion=complete_workspaces,
        help="Whose workspace; `local` is this machine's. Else KUBECODER_URL, KUBECODER_USER, or the only one there is",
    ),
]
TaskName = Annotated[
    str,
    typer.Argument(
        metavar="TASK", autocompletion=complete_tasks, help="The task's id, the beginning of either half, or its name"
    ),
]
TaskNames = Annotated[
    list[str],
    typer.Argument(metavar="TASK...", autocompletion=complete_tasks, help="Ids, beginnings of one, or names"),
]
AllowCommands = Annotated[
    bool, typer.Option("--allow-commands", help="Let a text through that is a command to Claude, such as /compact")
]
