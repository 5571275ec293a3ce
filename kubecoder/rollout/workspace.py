"""Carry out the plan of one workspace under its lock: record, apply in stages, prune, record."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from kubecoder.cluster import Cluster
from kubecoder.cluster.tally import counted
from kubecoder.errors import ApiError, BlockedError, InterruptedRunError, KubecoderError, LockedError
from kubecoder.models.manifest import ObjectRef
from kubecoder.releases import record, store
from kubecoder.releases.holder import author
from kubecoder.releases.keeper import LockKeeper
from kubecoder.releases.owned import owned_digest
from kubecoder.releases.record import InventoryEntry, Release, Revision, RevisionOutcome, pending_revision
from kubecoder.releases.redaction import manifest_digest
from kubecoder.releases.session import Session
from kubecoder.rollout.apply import Applied, apply_object
from kubecoder.rollout.changes import Action, Change, Outcome, Progress, Reporter, WorkspacePlan, WorkspaceResult
from kubecoder.rollout.nudge import late_sync_notice, needs_nudge, nudge_pods
from kubecoder.rollout.prune import prune_object
from kubecoder.rollout.stages import in_stages

Replan = Callable[[WorkspacePlan, Release], WorkspacePlan]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What holds for every workspace of one run.

    Attributes:
        replan: Plans a workspace again when somebody else wrote its record in between.
        stop: Set when the user wants the run to end: nothing new is begun.
    """

    cluster: Cluster
    fleet_id: str
    reason: str
    replan: Replan
    report: Reporter
    stop: threading.Event
    keeper: LockKeeper
    force_conflicts: bool = False


@dataclass(slots=True)
class _Done:
    """What happened so far; entries replace those of the union inventory."""

    entries: dict[ObjectRef, InventoryEntry]
    result: WorkspaceResult

    def add(self, applied: Applied, key: bytes) -> None:
        """Note an object that was applied; a field that was left to a controller before isn't told again."""
        ref = applied.change.ref
        known = self.entries[ref].ceded if ref in self.entries else ()
        left = (f"{ref}: left {field.path} to {field.manager}" for field in applied.ceded if field not in known)
        self.result.changes.append(applied.change)
        self.result.notices += [*applied.notices, *left]
        self.entries[ref] = _entry(applied, key)


def carry_out(plan: WorkspacePlan, conditions: Conditions) -> WorkspaceResult:
    """Do what a plan says; errors become the result, so that other workspaces go on."""
    started = time.monotonic()
    result = WorkspaceResult(plan.name, plan.namespace, Outcome.UNCHANGED, notices=list(plan.notices))
    if plan.release is not None and plan.release.latest is not None:
        result.revision = plan.release.latest.number
    with counted() as tally:
        try:
            _carry_out(plan, conditions, result)
        except InterruptedRunError as error:
            result.outcome, result.error = Outcome.INTERRUPTED, error
        except (BlockedError, LockedError) as error:
            # Blocked means that nothing was written; a lock that is lost half way is a failure.
            has_begun = result.outcome is not Outcome.UNCHANGED
            result.outcome, result.error = Outcome.FAILED if has_begun else Outcome.BLOCKED, error
        except KubecoderError as error:
            result.outcome, result.error = Outcome.FAILED, error
    result.requests = tally.requests
    result.seconds = time.monotonic() - started
    return result


def _carry_out(plan: WorkspacePlan, conditions: Conditions, result: WorkspaceResult) -> None:
    if plan.is_unchanged:
        result.changes = list(plan.changes)
        return
    refuse_blocked(plan)
    conditions.report(Progress(plan.name, "lock"))
    empty = Release(conditions.fleet_id, plan.name, plan.namespace, plan.record_name)
    with conditions.keeper.session(plan.release or empty) as session:
        run = _LockedRun(plan, conditions)
        run.make_namespaces()
        run.begin(session)
        result.notices = [*session.notices, *run.plan.notices]
        result.revision = session.release.latest.number if session.release.latest else None
        if run.plan.is_unchanged:
            result.changes = list(run.plan.changes)
            return
        result.outcome = Outcome.CONFIGURED if run.was_deployed else Outcome.CREATED
        run.execute(session, result)


def refuse_blocked(plan: WorkspacePlan) -> None:
    """Raise when a plan may not be carried out.

    Raises:
        BlockedError: With every reason; nothing was written.
    """
    if plan.blocked:
        raise BlockedError("; ".join(plan.blocked), hint="nothing was written for this workspace")


class _LockedRun:
    def __init__(self, plan: WorkspacePlan, conditions: Conditions) -> None:
        self.plan = plan
        self.conditions = conditions
        self.was_deployed = False
        self.namespaces: dict[ObjectRef, Applied] = {}

    def make_namespaces(self) -> None:
        """Make namespaces that aren't there before the lock is taken: the record that is the lock lives in one.

        No record is needed to find them again, since a namespace is never pruned.
        """
        for change in self.plan.writes:
            if change.ref.kind == "Namespace" and change.action is Action.CREATED:
                self.namespaces[change.ref] = apply_object(self.conditions.cluster, change)

    def begin(self, session: Session) -> None:
        """Take the lock and record what is about to happen; plan again if the record has changed meanwhile."""
        while True:
            release = session.release
            self.was_deployed = any(revision.outcome in record.GOOD for revision in release.revisions)
            applying = [change.ref for change in self.plan.writes if change.action is not Action.PRUNED]
            inventory = record.union_inventory(release.inventory, applying)
            if session.begin(inventory, self._revision(release)):
                return
            self.plan = self.conditions.replan(self.plan, session.release)
            if self.plan.is_unchanged:
                return
            refuse_blocked(self.plan)

    def _revision(self, release: Release) -> Revision:
        rendered, key = self.plan.rendered, self.plan.key
        assert rendered is not None
        return pending_revision(
            release,
            rendered.manifests,
            input_digest=rendered.input_digest,
            reason=self.conditions.reason,
            key=key,
            author=author(),
            now=datetime.now(UTC),
        )

    def execute(self, session: Session, result: WorkspaceResult) -> None:
        """Apply, prune and record; whatever happens, the record tells the truth afterwards."""
        done = _Done({entry.ref: entry for entry in session.release.inventory}, result)
        result.changes += [change for change in self.plan.changes if change not in self.plan.writes]
        done.entries.update(self._skipped_entries())
        try:
            self._apply(session, done)
            self._prune(session, done)
            self._nudge(done)
        except KubecoderError as error:
            is_interrupt = isinstance(error, InterruptedRunError)
            outcome = RevisionOutcome.INTERRUPTED if is_interrupt else RevisionOutcome.FAILED
            self._finish(session, outcome, done, message=error.message)
            raise
        for ref in self._gone():
            done.entries.pop(ref, None)
        self._finish(session, RevisionOutcome.APPLIED, done)
        if result.outcome is Outcome.CONFIGURED and all(item.action is Action.UNCHANGED for item in result.changes):
            result.outcome = Outcome.UNCHANGED

    def _apply(self, session: Session, done: _Done) -> None:
        pending = [change for change in self.plan.writes if change.action is not Action.PRUNED]
        total = len(pending)
        for stage, changes in in_stages(pending):
            self._go_on(session)
            self.conditions.report(Progress(self.plan.name, stage, len(done.result.changes), total))
            outcomes = self.conditions.cluster.map(self._try_apply, changes)
            failures = []
            for outcome in outcomes:
                if isinstance(outcome, KubecoderError):
                    failures.append(outcome)
                    continue
                if outcome.change.ref.kind == "Deployment":
                    done.result.generation = outcome.live["metadata"].get("generation", 0)
                done.add(outcome, self.plan.key)
            if failures:
                raise failures[0]

    def _try_apply(self, change: Change) -> Applied | KubecoderError:
        made = self.namespaces.get(change.ref)
        if made is not None:
            return made
        try:
            return apply_object(self.conditions.cluster, change, force_conflicts=self.conditions.force_conflicts)
        except KubecoderError as error:
            return error

    def _prune(self, session: Session, done: _Done) -> None:
        pruned = [change for change in self.plan.writes if change.action is Action.PRUNED]
        for _stage, changes in reversed(list(in_stages(pruned))):
            self._go_on(session)
            self.conditions.report(Progress(self.plan.name, "prune"))
            for change in self.conditions.cluster.map(partial(prune_object, self.conditions.cluster), changes):
                done.result.changes.append(change)
                done.entries.pop(change.ref, None)
                if change.action is Action.RETAINED:
                    done.result.notices.append(f"{change.ref}: {change.reason}")

    def _nudge(self, done: _Done) -> None:
        if not needs_nudge(done.result.changes):
            return
        cluster, fleet_id = self.conditions.cluster, self.conditions.fleet_id
        try:
            nudge_pods(cluster, self.plan.name, self.plan.namespace, fleet_id, done.result.changes)
        except ApiError as error:
            # Everything is applied by now, and the kubelet comes round to it by itself.
            done.result.notices.append(late_sync_notice(self.plan.namespace, error))

    def _go_on(self, session: Session) -> None:
        if self.conditions.stop.is_set():
            raise InterruptedRunError(f"{self.plan.name}: stopped by the user", hint="run the same command to go on")
        session.require_lock()

    def _skipped_entries(self) -> dict[ObjectRef, InventoryEntry]:
        skipped = [change.ref for change in self.plan.changes if change.action is Action.SKIPPED]
        return {ref: InventoryEntry(ref, skipped=True) for ref in skipped}

    def _gone(self) -> Sequence[ObjectRef]:
        return [change.ref for change in self.plan.changes if change.action is not Action.PRUNED and _left(change)]

    def _finish(self, session: Session, outcome: RevisionOutcome, done: _Done, *, message: str = "") -> None:
        session.finish(outcome, tuple(done.entries.values()), message=message)


def _left(change: Change) -> bool:
    """Whether an object of the record isn't ours any more: gone, or somebody put another in its place."""
    if change.manifest is not None:
        return False
    is_replaced = change.action is Action.RETAINED and change.reason.startswith("not pruned")
    return is_replaced or (change.action is Action.UNCHANGED and change.reason == "gone")


def _entry(applied: Applied, key: bytes) -> InventoryEntry:
    change = applied.change
    assert change.manifest is not None
    return InventoryEntry(
        ref=change.ref,
        uid=change.uid,
        content=manifest_digest(change.manifest, key),
        owned=owned_digest(applied.live),
        ceded=applied.ceded,
    )


def record_readiness(
    cluster: Cluster, plan: WorkspacePlan, number: int, outcome: RevisionOutcome, message: str
) -> None:
    """Note how a revision's pod came up; nothing is noted when somebody has deployed since.

    Args:
        cluster: Where the record is.
        plan: What was carried out.
        number: The revision that was waited for.
        outcome: Ready or failed; after a failure the next deploy looks at everything again.
        message: Why it failed; it must not hold a secret.
    """
    release = store.load(cluster, plan.namespace, plan.record_name)
    noted = None if release is None else record.note_readiness(release, number, outcome, message)
    if noted is None:
        return
    try:
        store.save(cluster, noted)
    except ApiError as error:
        if error.status not in {404, 409}:
            raise
