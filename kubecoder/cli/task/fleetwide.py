"""`kubecoder task run --all`: the same task in every workspace; one that fails doesn't stop the others."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for_all
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from kubecoder.cli.agents import pod_reaches
from kubecoder.cli.context import connect, open_fleet
from kubecoder.cli.task.showing import document
from kubecoder.cli.task.words import state_word
from kubecoder.errors import KubecoderError, UsageError
from kubecoder.output import Column, Printer

if TYPE_CHECKING:
    from agent.models import Task, TaskBody
    from kubecoder.agentclient import Reach

LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do in every workspace.

    Attributes:
        parallel: Workspaces in flight, waiting included.
        timeout: Seconds that are waited for each.
    """

    body: TaskBody
    parallel: int
    waits: bool
    timeout: float | None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of it in one workspace."""

    workspace: str
    task: Task | None = None
    error: KubecoderError | None = None

    @property
    def is_failure(self) -> bool:
        """Whether the command must not exit with 0."""
        from kubecoder.agentclient.waiting import Verdict, verdict

        return self.error is not None or (self.task is not None and verdict(self.task) is Verdict.FAILED)


def run_everywhere(ctx: typer.Context, printer: Printer, plan: Plan) -> None:
    """Launch the task in all workspaces of the fleet and write a table of what happened."""
    fleet = open_fleet(ctx, require_secrets=False)
    if not fleet.workspaces:
        raise UsageError("the fleet has no users", hint="add one with `kubecoder user add`")
    cluster = connect(ctx, fleet)
    reaches = pod_reaches(fleet, cluster, [workspace.name for workspace in fleet.workspaces])
    results = _run_all(printer, plan, reaches)
    columns = (
        Column("NAME", lambda result: result.workspace),
        Column("TASK", lambda result: result.task.task_id if result.task else ""),
        Column("STATUS", lambda result: state_word(result.task) if result.task else "failed"),
    )
    printer.rows(
        results,
        columns,
        document={"context": cluster.context, "workspaces": [_described(result) for result in results]},
        name=lambda result: f"workspace/{result.workspace}",
    )
    for result in results:
        if result.error is not None:
            printer.error(result.error)
    if any(result.is_failure for result in results):
        raise typer.Exit(1)


def _run_all(printer: Printer, plan: Plan, reaches: list[Reach]) -> list[Result]:
    stop = threading.Event()
    with ThreadPoolExecutor(min(plan.parallel, len(reaches)), thread_name_prefix="workspace") as pool:
        try:
            futures = [pool.submit(_run, printer, plan, reach, stop) for reach in reaches]
            # A Ctrl-C right before the wait begins doesn't end it; the next look takes it.
            while wait_for_all(futures, timeout=LOOK_SECONDS).not_done:
                pass
            return [future.result() for future in futures]
        except KeyboardInterrupt:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            printer.notice("tasks that were launched go on; stopped waiting for them")
            raise


def _run(printer: Printer, plan: Plan, reach: Reach, stop: threading.Event) -> Result:
    from kubecoder.agentclient import AgentClient
    from kubecoder.agentclient.waiting import wait

    task = None
    try:
        with AgentClient(reach) as client:
            task = client.create(plan.body)
            printer.notice(f"{reach.name}: task {task.task_id}")
            if plan.waits:
                task = wait(client, task.task_id, timeout=plan.timeout, stop=stop)
    except KubecoderError as error:
        return Result(reach.name, task, error)
    return Result(reach.name, task)


def _described(result: Result) -> dict[str, Any]:
    described: dict[str, Any] = {"name": result.workspace, "result": "failed" if result.is_failure else "launched"}
    if result.task is not None:
        described["task"] = document(result.task)
    if result.error is not None:
        described["error"] = result.error.message
        if result.error.hint:
            described["hint"] = result.error.hint
    return described
