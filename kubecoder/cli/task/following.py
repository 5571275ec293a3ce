"""`kubecoder task follow`: what Claude does as it happens; on a terminal it asks what Claude asks."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from kubecoder.cli.agents import open_agent
from kubecoder.cli.fleetfiles import can_ask
from kubecoder.cli.options import Output, duration
from kubecoder.cli.task.choosing import task_id
from kubecoder.cli.task.options import TaskName, User
from kubecoder.cli.task.telling import EARLIER_SHOWN, Teller
from kubecoder.errors import UsageError
from kubecoder.output import Format, Printer

if TYPE_CHECKING:
    from agent.models import Task, TaskEvent
    from kubecoder.agentclient import AgentClient
    from kubecoder.agentclient.feed import Feed

Deadline = float | None


def command(
    ctx: typer.Context,
    task: TaskName,
    user: User = None,
    until_done: Annotated[
        bool, typer.Option("--until-done", help="End when the prompt is done, with the exit code of `wait`")
    ] = False,
    no_ask: Annotated[bool, typer.Option("--no-ask", help="Only watch, also on a terminal")] = False,
    timeout: Annotated[
        float | None, typer.Option(parser=duration, metavar="DURATION", help="With --until-done: exit 7 after so long")
    ] = None,
    output: Output = Format.table,
) -> None:
    """Show what Claude does as it happens: prompts, text, tools, results, what it waits for.

    On a terminal it asks there when Claude asks for permission, an answer or a yes to a plan; whoever answers first,
    here, elsewhere or in the task's own terminal, decides. Ends with the session; Ctrl-C leaves the task as it is.

    Examples:
        kubecoder task follow 0a1b2c3d
        kubecoder task follow 0a1b2c3d --until-done --timeout 30m
        kubecoder task follow 0a1b2c3d -o json
    """
    from kubecoder.cli.task.waiting import finish

    if output not in (Format.table, Format.json):
        raise UsageError("follow writes text or JSON lines", hint="use -o json")
    client = open_agent(ctx, user)
    identity = task_id(client, task)
    done = follow(client, identity, asks=not no_ask, until_done=until_done, timeout=timeout, output=output)
    if until_done:
        finish(Printer(), done, is_told=True)


def follow(
    client: AgentClient,
    identity: str,
    *,
    asks: bool = True,
    until_done: bool,
    timeout: float | None = None,
    output: Format = Format.table,
    earlier: int | None = EARLIER_SHOWN,
) -> Task:
    """Show a task until its session ends, or until its prompt is done.

    Args:
        client: Of the task's agent.
        identity: The task.
        asks: Whether a person at the terminal may be asked.
        until_done: End when the prompt is done.
        timeout: Seconds until `WaitTimeoutError`; None is no limit.
        output: Text, or JSON lines of the API's own events.
        earlier: How much of the conversation so far is shown; None is all.

    Returns:
        The task at the end.
    """
    from kubecoder.agentclient.feed import Feed

    printer = Printer()
    events = client.events(
        identity,
        on_trouble=lambda reason: printer.warn(f"{reason}; trying to get back"),
        on_recovery=lambda: printer.notice("back again"),
    )
    interactive = asks and output is Format.table and can_ask() and sys.stdout.isatty()
    with Feed(events) as feed:
        follower = _Follower(client, identity, feed, until_done=until_done, timeout=timeout)
        try:
            if output is Format.json:
                return follower.run(_JsonLines(printer).tell)
            if interactive:
                return _converse(follower, client, identity, earlier)
            teller = Teller(client, identity, printer.text, earlier=earlier)
            done = follower.run(teller.tell)
            teller.tell_state(done)
            return done
        except KeyboardInterrupt:
            printer.notice(f"\nthe task goes on: kubecoder task follow {identity}")
            raise


class _Follower:
    """Takes events until the end that was asked for."""

    def __init__(
        self, client: AgentClient, identity: str, feed: Feed, *, until_done: bool, timeout: float | None
    ) -> None:
        self._client = client
        self._identity = identity
        self.feed = feed
        self._until_done = until_done
        self._deadline: Deadline = None if timeout is None else time.monotonic() + timeout

    def run(self, tell: Callable[[TaskEvent], None]) -> Task:
        """Tell events until the end."""
        while True:
            event = self.feed.take(self.patience())
            done = self.judge(event, tell)
            if done is not None:
                return done

    def patience(self) -> float | None:
        """Return the seconds that are left."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def judge(self, event: TaskEvent | None, tell: Callable[[TaskEvent], None]) -> Task | None:
        """Tell an event and return the task when this was the end.

        Raises:
            WaitTimeoutError: The time is over.
        """
        from kubecoder.agentclient.patience import patiently
        from kubecoder.agentclient.waiting import settled, timed_out, verdict

        if event is None:
            if self._deadline is not None and time.monotonic() >= self._deadline:
                raise timed_out(self._client.get(self._identity))
            return None
        tell(event)
        if event.kind not in ("gap", "message") and not (event.task is not None and verdict(event.task)):
            return None
        if self._until_done:
            done = settled(self._client, self._identity)
        else:
            shown = patiently(lambda: self._client.get(self._identity))
            done = shown if shown.status.is_final else None
        if done is not None:
            while (last := self.feed.take(0)) is not None:
                tell(last)
        return done


def _converse(follower: _Follower, client: AgentClient, identity: str, earlier: int | None) -> Task:
    """Tell events, and ask the person at the terminal whenever something is open."""
    from kubecoder.cli.task.dialogue import Dialogue
    from kubecoder.cli.task.terminal import Keyboard, Screen

    screen, keyboard = Screen(), Keyboard()
    dialogue = Dialogue(client, screen.write)
    teller = Teller(client, identity, screen.write, earlier=earlier, asks=True)
    while True:
        if teller.asks and dialogue.attend(teller.open):
            keyboard.forget()
        screen.ask(dialogue.question())
        if dialogue.asked is None:
            event = follower.feed.take(follower.patience())
        elif keyboard.wait(follower.feed, follower.patience()):
            screen.entered()
            dialogue.hear(keyboard.line())
            teller.asks = not keyboard.has_ended
            continue
        else:
            event = follower.feed.take(0)
        done = follower.judge(event, teller.tell)
        if done is not None:
            teller.tell_state(done)
            return done


class _JsonLines:
    """Writes the API's own events, one a line."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer

    def tell(self, event: TaskEvent) -> None:
        """Write one event."""
        self._printer.line(json.dumps(event.model_dump(mode="json", exclude_none=True)))
