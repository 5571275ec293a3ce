"""Apply one object: server-side, conflicts by policy, drift folded in first, replicas handed over."""

from __future__ import annotations

from dataclasses import dataclass, field

from kubecoder.cluster import Cluster
from kubecoder.errors import ApiError, ConflictError
from kubecoder.models.manifest import SCALE_MANAGER, Manifest, ObjectRef, ref_of
from kubecoder.releases.owned import owns_replicas
from kubecoder.releases.record import CededField
from kubecoder.rollout.changes import Action, Change
from kubecoder.rollout.conflicts import parse_causes, resolve
from kubecoder.rollout.fold import fold_human_entries

_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Applied:
    """One object after its apply.

    Attributes:
        live: The object as the server answered.
        ceded: Fields that controllers keep.
    """

    change: Change
    live: Manifest
    ceded: tuple[CededField, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(slots=True)
class _Attempt:
    manifest: Manifest
    force: bool = False
    ceded: list[CededField] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def apply_object(cluster: Cluster, change: Change, *, force_conflicts: bool = False, dry_run: bool = False) -> Applied:
    """Bring one object to what its manifest says.

    Raises:
        ConflictError: A protected field belongs to a controller.
        ApiError: The server refused for another reason.
    """
    if change.manifest is None:
        raise ValueError(f"{change.ref} has no manifest to apply")
    attempt = _Attempt(_with_replicas(change))
    if change.action is Action.DRIFTED and not dry_run:
        fold_human_entries(cluster, change.ref)
    live = _until_accepted(cluster, attempt, force_conflicts=force_conflicts, dry_run=dry_run)
    if change.ref.kind == "Deployment" and not dry_run and not owns_replicas(live, SCALE_MANAGER):
        hand_over_replicas(cluster, live)
    return Applied(_settled(change, live), live, tuple(attempt.ceded), tuple(attempt.notices))


def _until_accepted(cluster: Cluster, attempt: _Attempt, *, force_conflicts: bool, dry_run: bool) -> Manifest:
    for _ in range(_ATTEMPTS):
        try:
            return cluster.apply(attempt.manifest, force=attempt.force, dry_run=dry_run)
        except ApiError as error:
            conflicts = parse_causes(error.causes) if error.status == 409 else ()
            if not conflicts:
                raise
        resolution = resolve(attempt.manifest, conflicts, force=force_conflicts)
        if resolution.taken and not dry_run:
            fold_human_entries(cluster, ref_of(attempt.manifest))
        attempt.manifest = resolution.manifest
        attempt.force = bool(resolution.taken)
        attempt.ceded += [CededField(item.path, item.manager) for item in resolution.ceded]
        attempt.notices += resolution.notices
    raise ConflictError(
        f"{ref_of(attempt.manifest)}: its fields changed hands {_ATTEMPTS} times while we applied it",
        hint="see which controllers write it: kubectl get --show-managed-fields",
    )


def _with_replicas(change: Change) -> Manifest:
    """Add `replicas: 1` to a Deployment that nobody scales yet: left out, the server would take our last value away."""
    manifest = change.manifest
    assert manifest is not None
    if change.ref.kind != "Deployment" or (change.action is not Action.CREATED and change.is_scaled):
        return manifest
    return {**manifest, "spec": {"replicas": 1, **manifest["spec"]}}


def hand_over_replicas(cluster: Cluster, live: Manifest) -> None:
    """Give `spec.replicas` to the scale manager with the value it has, so that later deploys leave it alone."""
    scale(cluster, ref_of(live), int(live["spec"].get("replicas", 1)), force=False)


def scale(cluster: Cluster, ref: ObjectRef, replicas: int, *, force: bool) -> Manifest:
    """Apply only `spec.replicas`, by the manager that deploys never touch."""
    manifest: Manifest = {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": {"name": ref.name, "namespace": ref.namespace},
        "spec": {"replicas": replicas},
    }
    return cluster.apply(manifest, manager=SCALE_MANAGER, force=force)


def _settled(change: Change, live: Manifest) -> Change:
    """Say what the apply really did: the server tells a no-op by an unchanged resourceVersion."""
    metadata = live["metadata"]
    version = metadata.get("resourceVersion", "")  # none in a dry run that creates
    is_noop = change.action is Action.CONFIGURED and version == change.resource_version
    action = Action.UNCHANGED if is_noop else change.action
    return Change(change.ref, action, change.manifest, metadata["uid"], version, change.reason)
