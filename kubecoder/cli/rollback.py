"""`kubecoder rollback`: bring a workspace back to a recorded revision."""

from __future__ import annotations

import dataclasses
import threading
from typing import Annotated

import typer

from kubecoder.cli.context import connect, open_fleet
from kubecoder.cli.deploy import carry_out, finish, stoppable
from kubecoder.cli.interrupting import InterruptTasks, spared_plans
from kubecoder.cli.options import DryRun, LockTimeout, Name, Output, Timeout, Yes
from kubecoder.output import Format, Printer


def command(
    ctx: typer.Context,
    name: Name,
    revision: Annotated[int | None, typer.Argument(help="Revision; the newest earlier one that differs")] = None,
    dry_run: DryRun = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Don't wait for the pod")] = False,
    timeout: Timeout = 300.0,
    lock_timeout: LockTimeout = 60.0,
    interrupt_tasks: InterruptTasks = False,
    yes: Yes = False,
    output: Output = Format.table,
) -> None:
    """Bring a workspace back to a recorded revision, as a new revision.

    Secrets keep the values that they have now and a volume keeps its size. The user's file isn't touched: the next
    deploy goes forward to it again.

    Examples:
        kubecoder rollback john
        kubecoder rollback john 3
    """
    from kubecoder.cli.progress import shown_progress
    from kubecoder.rollout.deploy import Deployment, Options, planned_result
    from kubecoder.rollout.rollback import carry_out_rollback, plan_rollback

    fleet = open_fleet(ctx)
    cluster = connect(ctx, fleet, writes=not dry_run)
    options = Options(
        names=[name],
        wait_seconds=None if no_wait else timeout,
        lock_seconds=lock_timeout,
        confirmed=yes or dry_run,
    )
    printer = Printer(output)
    stop = threading.Event()
    with stoppable(stop), shown_progress(printer) as report:
        deployment = Deployment(fleet, cluster, options, report=report, stop=stop)
        rollback = plan_rollback(deployment, name, revision)
        for notice in rollback.notices:
            printer.notice(f"{name}: {notice}")
        printer.notice(f"{name}: back to revision {rollback.target.number}; users/{name}.yaml stays as it is")
    [plan] = spared_plans(printer, deployment, [rollback.plan], interrupt=interrupt_tasks, dry_run=dry_run)
    rollback = dataclasses.replace(rollback, plan=plan)
    if dry_run:
        result = planned_result(deployment, [plan])
    else:
        result = carry_out(printer, deployment, lambda: carry_out_rollback(deployment, rollback))
    finish(printer, result, asked_for_one=True, is_dry_run=dry_run)
