"""`kubecoder task run`: launch a task, and wait for it or follow it if that is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kubecoder.cli.agents import open_agent
from kubecoder.cli.options import All, Output, Parallel, duration
from kubecoder.cli.task import prompts
from kubecoder.cli.task.options import AllowCommands, User
from kubecoder.cli.task.showing import document
from kubecoder.cli.task.waiting import Told, finish
from kubecoder.errors import UsageError
from kubecoder.output import Format, Printer

if TYPE_CHECKING:
    from agent.models import Task, TaskBody
    from kubecoder.agentclient import AgentClient


def command(
    ctx: typer.Context,
    prompt: prompts.Prompt = None,
    file: prompts.PromptFile = None,
    user: User = None,
    all_users: All = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the prompt is done; the exit code says how")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show what Claude does until then; asks on a terminal")
    ] = False,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Names the task in commands and lists")] = None,
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="Such as sonnet or a model's full name")] = None,
    workdir: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder in the workspace; below the home unless absolute")
    ] = None,
    permission_mode: Annotated[
        str | None, typer.Option(metavar="MODE", help="default, acceptEdits or plan; more where the admin allows it")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(parser=duration, metavar="DURATION", help="The task is ended after so long")
    ] = None,
    idle_timeout: Annotated[
        float | None,
        typer.Option(parser=duration, metavar="DURATION", help="An idle session ends after so long; 0 is never"),
    ] = None,
    webhook: Annotated[str | None, typer.Option(metavar="URL", help="Told by POST when the prompt is done")] = None,
    wait_timeout: Annotated[
        float | None,
        typer.Option(parser=duration, metavar="DURATION", help="With --wait or --follow: exit 7; the task goes on"),
    ] = None,
    allow_commands: AllowCommands = False,
    parallel: Parallel = 8,
    output: Output = Format.table,
) -> None:
    """Launch a Claude Code task in a workspace, and print its id.

    With --wait or --follow the exit code is 0 when the prompt is done, 1 when it ended otherwise, 7 when --wait-timeout
    is over. --all launches the same task in every workspace of the fleet.

    Examples:
        kubecoder task run "analyze the codebase and create a CLAUDE.md"
        kubecoder task run -u john --follow "fix the failing tests"
        kubecoder task run --file prompt.md --name nightly --wait -o json
        kubecoder task run --all "update the dependencies" --wait
    """
    if follow and (all_users or wait or output is not Format.table):
        raise UsageError("--follow shows one task as text", hint="leave out --all, --wait and -o, or use --wait")
    if all_users and user:
        raise UsageError("-u and --all exclude each other")
    body = task_body(
        prompts.required(prompt, file),
        name=name,
        model=model,
        workdir=workdir,
        permission_mode=permission_mode,
        timeout_seconds=None if timeout is None else int(timeout),
        idle_timeout_seconds=None if idle_timeout is None else int(idle_timeout),
        webhook=webhook,
        allow_commands=allow_commands or None,
    )
    printer = Printer(output)
    if all_users:
        from kubecoder.cli.task.fleetwide import Plan, run_everywhere

        run_everywhere(ctx, printer, Plan(body, parallel, waits=wait, timeout=wait_timeout))
        return
    client = open_agent(ctx, user)
    task = client.create(body)
    if follow:
        _follow(client, printer, task, wait_timeout)
    elif wait:
        _wait(client, printer, task, wait_timeout)
    else:
        show_started(printer, task)


def task_body(prompt: str, **given: Any) -> TaskBody:
    """Return the body that asks for a task; what isn't given is left to the agent.

    Raises:
        UsageError: Something given can't be used.
    """
    from pydantic import ValidationError

    from agent.models import TaskBody

    try:
        return TaskBody(prompt=prompt, **{key: value for key, value in given.items() if value is not None})
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        option = "--" + str(problem["loc"][0]).replace("_seconds", "").replace("_", "-")
        option = option if option != "--prompt" else "the prompt"
        raise UsageError(f"{option}: {problem['msg']}") from None


def show_started(printer: Printer, task: Task) -> None:
    """Write the id of a task, or the API's object."""
    if printer.format.is_document:
        printer.document(document(task))
    elif printer.format is Format.name:
        printer.line(f"task/{task.task_id}")
    else:
        printer.line(task.task_id)


def _follow(client: AgentClient, printer: Printer, task: Task, timeout: float | None) -> None:
    from kubecoder.cli.task.following import follow

    printer.notice(f"task {task.task_id}")
    done = follow(client, task.task_id, until_done=True, timeout=timeout, earlier=None)
    finish(printer, done, is_told=True)


def _wait(client: AgentClient, printer: Printer, task: Task, timeout: float | None) -> None:
    from kubecoder.agentclient.waiting import wait

    printer.notice(f"task {task.task_id}")
    finish(printer, wait(client, task.task_id, timeout=timeout, on_change=Told(printer).tell))
