"""`kubecoder deploy`: bring workspaces to what the fleet's files say."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from kubecoder.cli.context import connect, open_fleet
from kubecoder.cli.interrupting import InterruptTasks, spared_plans
from kubecoder.cli.options import All, DryRun, LockTimeout, Names, Output, Parallel, Timeout, Yes
from kubecoder.errors import UsageError
from kubecoder.output import Format, Printer

if TYPE_CHECKING:
    from kubecoder.rollout.changes import FleetResult
    from kubecoder.rollout.deploy import Deployment


def command(
    ctx: typer.Context,
    names: Names = None,
    all_users: All = False,
    parallel: Parallel = 8,
    dry_run: DryRun = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Don't wait for the pods")] = False,
    timeout: Timeout = 300.0,
    lock_timeout: LockTimeout = 60.0,
    force_conflicts: Annotated[
        bool, typer.Option("--force-conflicts", help="Take protected fields over from controllers too")
    ] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help="Take over objects of the same name that others made")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Compare every object, whatever the records say")] = False,
    interrupt_tasks: InterruptTasks = False,
    yes: Yes = False,
    output: Output = Format.table,
) -> None:
    """Bring workspaces to what the fleet's files say.

    Plans the whole fleet first and sends nothing for what is unchanged. One workspace that fails never stops the
    others; run the same command again and it does only what remains. Where a pod would be replaced in which Claude
    tasks are at work, it asks first, or leaves the workspace alone where there is no terminal.

    Examples:
        kubecoder deploy --all
        kubecoder deploy john jane --dry-run
    """
    from kubecoder.cli.progress import shown_progress
    from kubecoder.rollout.deploy import Deployment, Options, planned_result

    chosen = chosen_names(names, all_users)
    fleet = open_fleet(ctx)
    cluster = connect(ctx, fleet, writes=not dry_run)
    options = Options(
        names=chosen,
        parallel=parallel,
        wait_seconds=None if no_wait else timeout,
        lock_seconds=lock_timeout,
        force_conflicts=force_conflicts,
        adopt=adopt,
        confirmed=yes or dry_run,
        verify=verify,
    )
    printer = Printer(output)
    stop, started = threading.Event(), time.monotonic()
    with stoppable(stop), shown_progress(printer) as report:
        deployment = Deployment(fleet, cluster, options, report=report, stop=stop)
        plans = deployment.plan()
    planning_seconds = time.monotonic() - started
    plans = spared_plans(printer, deployment, plans, interrupt=interrupt_tasks, dry_run=dry_run)
    if dry_run:
        result = planned_result(deployment, plans)
    else:
        result = carry_out(printer, deployment, lambda: deployment.carry_out(plans, reason="deploy"))
    result.seconds += planning_seconds
    finish(printer, result, asked_for_one=chosen is not None and len(chosen) == 1, is_dry_run=dry_run)


def carry_out(printer: Printer, deployment: Deployment, act: Callable[[], FleetResult]) -> FleetResult:
    """Carry out what was planned, with progress, until the end or a wish to stop."""
    from kubecoder.cli.progress import shown_progress

    with stoppable(deployment.stop), shown_progress(printer) as report:
        deployment.report = report
        return act()


def chosen_names(names: list[str] | None, all_users: bool) -> list[str] | None:
    """Return the named workspaces; None means all.

    Raises:
        UsageError: Neither names nor `--all`, or both.
    """
    if all_users and names:
        raise UsageError("names and --all exclude each other")
    if not all_users and not names:
        raise UsageError("no workspace named", hint="name users, or write --all")
    return None if all_users else list(dict.fromkeys(names or ()))


@contextmanager
def stoppable(stop: threading.Event) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into a wish to stop; a second one interrupts at once."""

    def ask(number: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        Printer().notice(f"stopping ({signal.Signals(number).name}): finishing what is in flight; again to give up")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def finish(printer: Printer, result: FleetResult, *, asked_for_one: bool, is_dry_run: bool = False) -> None:
    """Write a run's result and end with its exit code."""
    from kubecoder.cli.results import exit_code, write_result

    write_result(printer, result, is_dry_run=is_dry_run)
    code = exit_code(result, asked_for_one=asked_for_one)
    if code:
        raise typer.Exit(code)
