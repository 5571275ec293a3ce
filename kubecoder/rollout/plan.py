"""Decide what every object needs, from files, records and one look at the cluster; sends nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kubecoder.models.manifest import Manifest, ObjectRef, ref_of
from kubecoder.releases.record import InventoryEntry, Release
from kubecoder.releases.redaction import manifest_digest
from kubecoder.render import Rendered
from kubecoder.rollout.changes import Action, Change, WorkspacePlan
from kubecoder.rollout.snapshot import Observed, Snapshot

NEVER_PRUNED = frozenset({"PersistentVolumeClaim", "Namespace"})
_SHOWN_NAMES = 3
OPTIONAL = "kubecoder.dev/optional"


@dataclass(frozen=True, slots=True)
class Target:
    """One workspace of this run.

    Attributes:
        release: Its record; None when it was never deployed.
        rendered: Its objects; None where the inputs are those of the record.
        key: For the digests of Secret values; it never enters the cluster.
    """

    name: str
    namespace: str
    record_name: str
    release: Release | None
    rendered: Rendered | None
    key: bytes = b""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the cluster says: our objects, everybody's objects by name, kinds whose API is absent."""

    ours: Snapshot
    others: Snapshot
    absent: frozenset[tuple[str, str]]


def plan(target: Target, findings: Findings, *, fleet_id: str, adopt: bool = False) -> WorkspacePlan:
    """Plan one workspace.

    Args:
        target: The workspace; without `rendered` its inputs are those of the record.
        findings: What the cluster holds.
        fleet_id: Objects with another fleet's owner annotation are refused.
        adopt: Take over objects of the same name that somebody else made.
    """
    inventory = {entry.ref: entry for entry in target.release.inventory} if target.release else {}
    if target.rendered is None:
        changes = [_recorded_change(entry, findings) for entry in inventory.values()]
        blocked: list[str] = []
    else:
        judge = _Judge(inventory, findings, f"{fleet_id}/{target.name}", target.key, adopt)
        changes = [judge.change(manifest) for manifest in target.rendered.manifests]
        rendered = {change.ref for change in changes}
        changes += [judge.leftover(entry) for ref, entry in inventory.items() if ref not in rendered]
        blocked = _reasons(change for change in changes if change.action is Action.BLOCKED)
    notices = [f"{change.ref}: {change.reason}" for change in changes if _is_noteworthy(change)]
    return WorkspacePlan(
        name=target.name,
        namespace=target.namespace,
        record_name=target.record_name,
        key=target.key,
        changes=tuple(changes),
        release=target.release,
        rendered=target.rendered,
        blocked=tuple(blocked),
        notices=tuple(notices),
    )


def _reasons(blocked: Iterable[Change]) -> list[str]:
    """Say each reason once, with the objects that it is true of."""
    grouped: dict[str, list[str]] = {}
    for change in blocked:
        grouped.setdefault(change.reason, []).append(str(change.ref))
    return [f"{_listed(names)}: {reason}" for reason, names in grouped.items()]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN_NAMES])
    return shown if len(names) <= _SHOWN_NAMES else f"{shown} and {len(names) - _SHOWN_NAMES} more"


def needs_rendering(target_plan: WorkspacePlan) -> bool:
    """Whether a plan made from the record alone found something that the record can't mend."""
    return target_plan.rendered is None and any(change.action is not Action.UNCHANGED for change in target_plan.changes)


@dataclass(frozen=True, slots=True)
class _Judge:
    inventory: Mapping[ObjectRef, InventoryEntry]
    findings: Findings
    owner: str
    key: bytes
    adopt: bool

    def change(self, manifest: Manifest) -> Change:
        """Judge one rendered object."""
        ref = ref_of(manifest)
        if (ref.api_version, ref.kind) in self.findings.absent:
            return self._without_api(ref, manifest)
        seen = self._seen(ref)
        if seen is None:
            return self._unseen(ref, manifest)
        if seen.owner != self.owner and (reason := _shared_reason(manifest)):
            return Change(ref, Action.RETAINED, manifest, seen.uid, reason=reason)
        action, reason = self._compare(seen, self.inventory.get(ref), manifest_digest(manifest, self.key))
        return Change(ref, action, manifest, seen.uid, seen.resource_version, reason, seen.is_scaled)

    def _seen(self, ref: ObjectRef) -> Observed | None:
        """Find what is there; an object that has lost its labels is still ours by its annotation."""
        labelled, named = self.findings.ours.get(ref), self.findings.others.get(ref)
        return named if labelled is None and named is not None and named.owner == self.owner else labelled

    def _without_api(self, ref: ObjectRef, manifest: Manifest) -> Change:
        if _is_optional(manifest):
            return Change(ref, Action.SKIPPED, manifest, reason=f"the cluster has no {ref.api_version}")
        return Change(ref, Action.BLOCKED, manifest, reason=f"the cluster has no {ref.api_version} {ref.kind}")

    def _unseen(self, ref: ObjectRef, manifest: Manifest) -> Change:
        other = self.findings.others.get(ref)
        if other is None:
            return Change(ref, Action.CREATED, manifest)
        if reason := _shared_reason(manifest):
            seen_reason = reason if other.uid else "we may not look at it; taken as it is"
            return Change(ref, Action.RETAINED, manifest, other.uid, reason=seen_reason)
        if self.adopt:
            return Change(ref, Action.CONFIGURED, manifest, other.uid, other.resource_version, "adopted")
        return Change(ref, Action.BLOCKED, manifest, reason="exists and isn't ours; --adopt takes it over")

    def _compare(self, seen: Observed, entry: InventoryEntry | None, content: str) -> tuple[Action, str]:
        if seen.is_terminating:
            return Action.BLOCKED, "is being deleted; try again when it is gone"
        if seen.owner and seen.owner != self.owner:
            return Action.BLOCKED, f"belongs to {seen.owner}"
        if entry is None or not entry.owned:
            return Action.CONFIGURED, "" if entry else "adopted"
        if entry.uid != seen.uid:
            return Action.CONFIGURED, "was deleted and made again by somebody else"
        if entry.content != content:
            return Action.CONFIGURED, ""
        return _drift(seen, entry)

    def leftover(self, entry: InventoryEntry) -> Change:
        """Judge one object of the record that isn't rendered any more."""
        seen = self._seen(entry.ref)
        if seen is None or seen.is_terminating:
            return Change(entry.ref, Action.UNCHANGED, uid=entry.uid, reason="gone")
        if entry.ref.kind in NEVER_PRUNED:
            return Change(entry.ref, Action.RETAINED, uid=seen.uid, reason="kept: it holds data")
        # A killed run may have made it without recording its UID; then the owner annotation decides alone.
        if seen.owner != self.owner or (entry.uid and seen.uid != entry.uid):
            return Change(
                entry.ref, Action.RETAINED, uid=seen.uid, reason="not pruned: it isn't the object that we made"
            )
        return Change(entry.ref, Action.PRUNED, uid=seen.uid, resource_version=seen.resource_version)


def _is_optional(manifest: Manifest) -> bool:
    return bool(manifest["metadata"].get("annotations", {}).get(OPTIONAL) == "true")


def _shared_reason(manifest: Manifest) -> str:
    """Say why somebody else's object of this name serves as well; empty where it doesn't."""
    if manifest["kind"] == "Namespace":
        # Base labels only namespaces that it makes itself (decision D16).
        return "was there before; its labels stay"
    is_cluster_wide = "namespace" not in manifest["metadata"]
    return "is there already; used as it is" if is_cluster_wide and _is_optional(manifest) else ""


def _recorded_change(entry: InventoryEntry, findings: Findings) -> Change:
    if entry.skipped and (entry.ref.api_version, entry.ref.kind) in findings.absent:
        return Change(entry.ref, Action.UNCHANGED)
    seen = findings.ours.get(entry.ref)
    if seen is None or seen.uid != entry.uid or seen.is_terminating:
        return Change(entry.ref, Action.CREATED)
    action, reason = _drift(seen, entry)
    return Change(entry.ref, action, uid=seen.uid, resource_version=seen.resource_version, reason=reason)


def _drift(seen: Observed, entry: InventoryEntry) -> tuple[Action, str]:
    if seen.humans:
        return Action.DRIFTED, f"changed by {', '.join(seen.humans)}"
    if seen.owned != entry.owned:
        return Action.DRIFTED, "changed since the last deploy"
    return Action.UNCHANGED, ""


def _is_noteworthy(change: Change) -> bool:
    return bool(change.reason) and change.action in {Action.DRIFTED, Action.RETAINED, Action.SKIPPED, Action.CONFIGURED}


def kinds_of(manifests: Iterable[Manifest], entries: Iterable[InventoryEntry]) -> set[tuple[str, str]]:
    """Name all kinds that a plan has to look at."""
    rendered = {(manifest["apiVersion"], manifest["kind"]) for manifest in manifests}
    return rendered | {(entry.ref.api_version, entry.ref.kind) for entry in entries}


def removal_guard(plans: Sequence[WorkspacePlan]) -> str:
    """Say why a run would delete more than anybody expects, or return an empty string.

    The limits: in one workspace more than 3 objects and more than 30 % of what is recorded, or something in more
    than 10 % of the workspaces (and in more than 3).
    """
    pruning = [(item, sum(change.action is Action.PRUNED for change in item.changes)) for item in plans]
    for item, count in pruning:
        if count > max(3, 0.3 * len(item.changes)):
            return f"{item.name}: {count} of {len(item.changes)} objects would be deleted"
    affected = sum(1 for _, count in pruning if count)
    if affected > max(3, 0.1 * len(plans)):
        return f"objects would be deleted in {affected} of {len(plans)} workspaces"
    return ""
