"""Deploy a fleet: base first, then workspaces in parallel; one failure never stops the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass

from kubecoder.cluster import Cluster
from kubecoder.errors import BlockedError, InterruptedRunError, KubecoderError
from kubecoder.fleet import Fleet
from kubecoder.releases.keeper import LockKeeper
from kubecoder.releases.record import Release, RevisionOutcome
from kubecoder.rollout.changes import (
    FleetResult,
    Outcome,
    Progress,
    Reporter,
    WorkspacePlan,
    WorkspaceResult,
    ignore_progress,
)
from kubecoder.rollout.following import Follower
from kubecoder.rollout.planning import BASE, Planner, refuse_removals
from kubecoder.rollout.readiness import Verdict
from kubecoder.rollout.verify import verified
from kubecoder.rollout.wait import Waiter, WaitTarget, waiting_error
from kubecoder.rollout.workspace import Conditions, Replan, carry_out, record_readiness

LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Options:
    """How to deploy.

    Attributes:
        names: Workspaces; None means all.
        parallel: Workspaces in flight, waiting included.
        wait_seconds: How long to wait for each pod; None means not at all.
        lock_seconds: How long to wait for another deploy of the same workspace.
        confirmed: The user agrees to remove more than expected.
        verify: Ask the server about every object by a dry run, whatever the records say.
    """

    names: Collection[str] | None = None
    parallel: int = 8
    wait_seconds: float | None = 300.0
    lock_seconds: float = 60.0
    force_conflicts: bool = False
    adopt: bool = False
    confirmed: bool = False
    verify: bool = False


class Deployment:
    """One run of `deploy`; several threads work on it and it tells its progress as it goes.

    Args:
        stop: Set it to end the run: nothing new is begun, what is in flight is finished and recorded.

    Attributes:
        guard: Looks at each plan that is made again because somebody else has deployed meanwhile, and may block it.
    """

    def __init__(
        self,
        fleet: Fleet,
        cluster: Cluster,
        options: Options,
        *,
        report: Reporter = ignore_progress,
        stop: threading.Event | None = None,
    ) -> None:
        self.fleet = fleet
        self.cluster = cluster
        self.options = options
        self.report = report
        self.stop = stop or threading.Event()
        self.guard: Callable[[WorkspacePlan], WorkspacePlan] = lambda plan: plan
        self.planner = Planner(fleet, cluster, names=options.names, adopt=options.adopt, verify=options.verify)

    def plan(self) -> list[WorkspacePlan]:
        """Plan the base and the workspaces; writes nothing.

        Raises:
            BlockedError: Far more would be deleted than expected, and nobody confirmed it.
        """
        plans = self.planner.plan_all()
        if self.options.verify:
            plans = self.cluster.map(self._verified, plans)
        if not self.options.confirmed:
            refuse_removals(plans)
        return plans

    def run(self, *, reason: str = "deploy") -> FleetResult:
        """Plan and carry out."""
        started = time.monotonic()
        result = self.carry_out(self.plan(), reason=reason)
        result.seconds = time.monotonic() - started
        return result

    def carry_out(self, plans: Sequence[WorkspacePlan], *, reason: str, replan: Replan | None = None) -> FleetResult:
        """Carry plans out, the base before all others.

        Args:
            plans: What to carry out.
            reason: What the revisions say: `deploy`, `rollback to 3`.
            replan: Plans a workspace again whose record has changed; from the fleet's files when None.
        """
        started = time.monotonic()
        result = FleetResult(self.cluster.context, vanished=self.planner.vanished)
        with LockKeeper(
            self.cluster, timeout=self.options.lock_seconds, on_wait=self._report_lock, sleep=self._sleep
        ) as keeper:
            conditions = self._conditions(keeper, reason, self._guarded(replan or self._plan_again))
            base = [item for item in plans if item.name == BASE]
            result.workspaces += [self._workspace(item, conditions, None) for item in base]
            result.workspaces += self._workspaces([item for item in plans if item.name != BASE], conditions)
        result.requests = self.cluster.requests
        result.seconds = time.monotonic() - started
        return result

    def _verified(self, made: WorkspacePlan) -> WorkspacePlan:
        return verified(self.cluster, made, force_conflicts=self.options.force_conflicts)

    def _plan_again(self, outdated: WorkspacePlan, release: Release) -> WorkspacePlan:
        made = self.planner.plan_again(outdated, release)
        return self._verified(made) if self.options.verify else made

    def _guarded(self, replan: Replan) -> Replan:
        return lambda outdated, release: self.guard(replan(outdated, release))

    def _conditions(self, keeper: LockKeeper, reason: str, replan: Replan) -> Conditions:
        return Conditions(
            cluster=self.cluster,
            fleet_id=self.fleet.fleet_id,
            reason=reason,
            replan=replan,
            report=self.report,
            stop=self.stop,
            keeper=keeper,
            force_conflicts=self.options.force_conflicts,
        )

    def _report_lock(self, release: Release) -> None:
        holder = release.lock.holder.author if release.lock else "nobody"
        self.report(Progress(release.workspace, "lock", message=f"held by {holder}"))

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise InterruptedRunError("stopped while waiting for a lock", hint="run the same command to go on")

    def _workspaces(self, plans: Sequence[WorkspacePlan], conditions: Conditions) -> list[WorkspaceResult]:
        """Carry plans out, several at once; the results are in the order of the plans."""
        with ExitStack() as stack:
            waiter = self._waiter(stack, plans)
            changed = [item for item in plans if not item.is_unchanged]
            threads = max(1, min(self.options.parallel, len(changed)))
            pool = stack.enter_context(ThreadPoolExecutor(threads, thread_name_prefix="workspace"))
            futures = {item.name: pool.submit(self._workspace, item, conditions, waiter) for item in changed}
            results = {item.name: self._workspace(item, conditions, None) for item in plans if item.is_unchanged}
            try:
                # A Ctrl-C right before the wait begins doesn't end it; the next look takes it.
                while wait(futures.values(), timeout=LOOK_SECONDS).not_done:
                    pass
            except KeyboardInterrupt:
                self.stop.set()
            results.update((name, future.result()) for name, future in futures.items())
            return [results[item.name] for item in plans]

    def _waiter(self, stack: ExitStack, plans: Sequence[WorkspacePlan]) -> Waiter | None:
        """Follow the pods of the fleet by one watch per kind, for all threads; nothing where nobody waits."""
        awaited = [item for item in plans if not item.is_unchanged and not item.blocked]
        if self.options.wait_seconds is None or not awaited:
            return None
        namespaces = {item.namespace for item in awaited}
        labels = f"kubecoder.dev/fleet={self.fleet.fleet_id}"
        follower = stack.enter_context(Follower(self.cluster, labels=labels, namespaces=namespaces))
        return Waiter(self.cluster, follower.sightings)

    def _workspace(self, plan: WorkspacePlan, conditions: Conditions, waiter: Waiter | None) -> WorkspaceResult:
        if self.stop.is_set():
            error = InterruptedRunError(f"{plan.name}: not begun", hint="run the same command to go on")
            return WorkspaceResult(plan.name, plan.namespace, Outcome.INTERRUPTED, error=error)
        result = carry_out(plan, conditions)
        # Where an earlier run put everything in and its pod didn't come up, the waiting is what remains.
        if waiter is not None and result.error is None and not plan.is_unchanged:
            try:
                self._wait(plan, result, waiter)
            except KubecoderError as error:
                result.outcome, result.error = Outcome.FAILED, error
        self.report(Progress(plan.name, result.outcome.value))
        return result

    def _wait(self, plan: WorkspacePlan, result: WorkspaceResult, waiter: Waiter) -> None:
        started = time.monotonic()
        target = WaitTarget(plan.name, plan.namespace, result.generation)
        assert self.options.wait_seconds is not None
        waited = waiter.wait(
            [target], timeout=self.options.wait_seconds, on_event=self._report_verdict, stop=self.stop
        )[plan.name]
        result.seconds += time.monotonic() - started
        if waited.ok:
            outcome, message = RevisionOutcome.READY, ""
        else:
            outcome, message = RevisionOutcome.FAILED, f"{waited.reason} {waited.message}".strip()
            result.error = waiting_error(plan.name, waited)
            result.outcome = Outcome.FAILED
            if isinstance(result.error, InterruptedRunError):
                result.outcome = Outcome.INTERRUPTED
                return
        if result.revision is not None and not waited.stopped:
            record_readiness(self.cluster, plan, result.revision, outcome, message)

    def _report_verdict(self, name: str, verdict: Verdict) -> None:
        self.report(Progress(name, "wait", message=str(verdict)))


def planned_result(deployment: Deployment, plans: Sequence[WorkspacePlan] | None = None) -> FleetResult:
    """Say what a run, or the carrying out of these plans, would do; nothing is written."""
    started = time.monotonic()
    result = FleetResult(deployment.cluster.context)
    for item in deployment.plan() if plans is None else plans:
        workspace = WorkspaceResult(item.name, item.namespace, planned_outcome(item))
        workspace.changes, workspace.notices = list(item.changes), list(item.notices)
        if item.blocked:
            workspace.error = BlockedError("; ".join(item.blocked))
        result.workspaces.append(workspace)
    result.vanished = deployment.planner.vanished
    result.requests = deployment.cluster.requests
    result.seconds = time.monotonic() - started
    return result


def planned_outcome(plan: WorkspacePlan) -> Outcome:
    """Say what a plan would come to."""
    if plan.blocked:
        return Outcome.BLOCKED
    if not plan.writes:
        return Outcome.UNCHANGED
    return Outcome.CREATED if plan.release is None else Outcome.CONFIGURED
