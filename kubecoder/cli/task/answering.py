"""`kubecoder task approve` and `deny`: answer what a task asks, unless somebody was faster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kubecoder.cli.agents import open_agent
from kubecoder.cli.fleetfiles import can_ask
from kubecoder.cli.options import Output, Yes
from kubecoder.cli.task.choosing import task_id
from kubecoder.cli.task.options import TaskName, User
from kubecoder.cli.task.requests import request_text, title_of
from kubecoder.cli.task.showing import document
from kubecoder.cli.task.words import answered as who_answered
from kubecoder.errors import NotFoundError, UsageError
from kubecoder.output import Format, Printer, printable

if TYPE_CHECKING:
    from agent.models import AnswerBody, Answered, Permission
    from kubecoder.agentclient import AgentClient

RequestName = Annotated[
    str | None, typer.Argument(metavar="[REQUEST]", help="The request's id, as `task status` shows it")
]


def approve(
    ctx: typer.Context,
    task: TaskName,
    request: RequestName = None,
    user: User = None,
    answers: Annotated[
        list[str] | None,
        typer.Option("--answer", metavar="TEXT", help="To a question: a number, a label or a text; one for each"),
    ] = None,
    session: Annotated[bool, typer.Option("--session", help="Don't ask for the like again in this session")] = False,
    yes: Yes = False,
    output: Output = Format.table,
) -> None:
    """Allow what a task asks for, answer its question, or agree to its plan.

    Without REQUEST the only open one is meant: it is shown and asked about first, since it may be another one by now.
    Exits with 0 when the answer has taken effect, 1 when it hasn't: somebody else was faster, or the request is gone.

    Examples:
        kubecoder task approve 0a1b2c3d
        kubecoder task approve 0a1b2c3d REQUEST
        kubecoder task approve 0a1b2c3d REQUEST --answer Blue --answer "1, 3"
    """
    from agent.models import AnswerBody
    from kubecoder.cli.task.answers import from_options

    client = open_agent(ctx, user)
    permission = choose(client, task_id(client, task), request)
    given = answers or []
    is_question = permission.kind.value == "question"
    if given and not is_question:
        raise UsageError(f"{title_of(permission)} isn't a question", hint="leave out --answer")
    if is_question and not given:
        raise UsageError(f"the question needs an answer\n{request_text(permission)}", hint="--answer TEXT")
    body = AnswerBody(
        decision="allow",
        answers=from_options(permission, given) if is_question else None,
        remember="session" if session else None,
    )
    if request is None and not yes:
        _confirm(permission)
    _answer(client, permission, body, Printer(output))


def deny(
    ctx: typer.Context,
    task: TaskName,
    request: RequestName = None,
    user: User = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="What Claude is told")] = None,
    output: Output = Format.table,
) -> None:
    """Refuse what a task asks for; Claude goes on with the reason.

    Without REQUEST the only open one is meant.

    Examples:
        kubecoder task deny 0a1b2c3d
        kubecoder task deny 0a1b2c3d REQUEST --reason "use the staging database"
    """
    from agent.models import AnswerBody

    client = open_agent(ctx, user)
    permission = choose(client, task_id(client, task), request)
    _answer(client, permission, AnswerBody(decision="deny", reason=reason), Printer(output))


def choose(client: AgentClient, identity: str, request: str | None) -> Permission:
    """Return the request that is meant: the named one, else the only open one.

    Raises:
        NotFoundError: There is none.
        UsageError: Several are open; lists them.
    """
    found = client.permissions(identity)
    if request is not None:
        named = [item for item in found if item.request_id == request]
        if named:
            return named[0]
        raise NotFoundError(f"task {identity} never asked {request}", hint=f"kubecoder task status {identity}")
    waiting = [item for item in found if item.state.value == "open"]
    if not waiting:
        raise NotFoundError(f"task {identity} asks nothing now", hint=f"kubecoder task status {identity}")
    if len(waiting) > 1:
        lines = ", ".join(f"{item.request_id} ({title_of(item)})" for item in waiting)
        raise UsageError(f"{len(waiting)} requests are open", hint=f"name one: {lines}")
    return waiting[0]


def effect(answered: Answered) -> tuple[str, bool]:
    """Say what an answer did, and whether it has taken effect."""
    asked = title_of(answered.permission)
    result = answered.result.value
    if result == "applied":
        return f"{asked}: {who_answered(answered.permission)}", True
    if result == "already_answered":
        return f"{asked}: somebody was faster: {who_answered(answered.permission)}", False
    if result == "expired":
        return f"{asked}: the request is gone; nothing was decided by this answer", False
    return f"{asked}: passed on, but nothing shows yet that it took effect", False


def _confirm(permission: Permission) -> None:
    if not can_ask():
        raise UsageError(
            "name the request, so that no other one is allowed",
            hint=f"kubecoder task approve {permission.task_id} {permission.request_id}; or --yes for whatever is open",
        )
    Printer().notice(request_text(permission).rstrip("\n"))
    typer.confirm("Allow?", abort=True, err=True)


def _answer(client: AgentClient, permission: Permission, body: AnswerBody, printer: Printer) -> None:
    answered = client.answer(permission.task_id, permission.request_id, body)
    said, has_effect = effect(answered)
    if printer.format.is_document:
        printer.document(document(answered))
    elif printer.format is Format.name:
        printer.line(f"permission/{permission.request_id}")
    elif has_effect:
        printer.line(printable(said))
    if not has_effect:
        printer.warn(said)
        raise typer.Exit(1)
