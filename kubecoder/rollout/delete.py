"""Delete a workspace: its objects in reverse order, its data only when asked for, its record last."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from kubecoder.cluster import Cluster, kinds
from kubecoder.errors import ApiError, BlockedError, NotFoundError, WaitTimeoutError
from kubecoder.models.manifest import LABEL_FLEET, LABEL_WORKSPACE, ObjectRef
from kubecoder.releases import store
from kubecoder.releases.keeper import LockKeeper
from kubecoder.releases.record import InventoryEntry, Phase, Release
from kubecoder.releases.session import Session
from kubecoder.render import record_name
from kubecoder.rollout import snapshot
from kubecoder.rollout.changes import Action, Change, Progress, Reporter, ignore_progress
from kubecoder.rollout.plan import NEVER_PRUNED
from kubecoder.rollout.prune import prune_object
from kubecoder.rollout.stages import in_stages

POLL_SECONDS = 0.5
_WITH_PODS = frozenset({"routes", "workload"})


@dataclass(frozen=True, slots=True)
class Deletion:
    """What a delete removes and what it keeps.

    Attributes:
        delete_data: Whether the home goes too.
        notices: What the user should know: a lock that was taken over, a damaged record.
    """

    release: Release
    removed: tuple[Change, ...]
    kept: tuple[ObjectRef, ...]
    delete_data: bool = False
    notices: tuple[str, ...] = ()


def find_release(
    cluster: Cluster, fleet_id: str, name: str, namespaces: Collection[str], *, delete_data: bool
) -> Release | None:
    """Find the record of a workspace; where only its home is left, what stands for the record.

    Args:
        cluster: Where to look.
        fleet_id: Whose workspace.
        name: Its name.
        namespaces: Where to look one by one if listing everywhere at once is forbidden.
        delete_data: Look for a home that an earlier delete has kept.
    """
    recorded = store.load_all(cluster, fleet_id, namespaces).get(name)
    return recorded or (_home_alone(cluster, fleet_id, name, namespaces) if delete_data else None)


def _home_alone(cluster: Cluster, fleet_id: str, name: str, namespaces: Collection[str]) -> Release | None:
    live = snapshot.take(cluster, [kinds.PERSISTENT_VOLUME_CLAIM], namespaces=namespaces, names=())
    claims = sorted(ref for ref, seen in live.items() if seen.owner == f"{fleet_id}/{name}" and not seen.is_terminating)
    if not claims:
        return None
    namespace = claims[0].namespace
    inventory = tuple(InventoryEntry(ref) for ref in claims if ref.namespace == namespace)
    return Release(fleet_id, name, namespace, record_name(name), inventory=inventory)


def plan_delete(cluster: Cluster, release: Release, *, delete_data: bool) -> Deletion:
    """Find what a delete would remove; the record is enough, no user file is needed.

    Args:
        cluster: Where it is.
        release: The workspace's record.
        delete_data: Remove the home too.

    Raises:
        BlockedError: The record is damaged, so that nobody knows what is ours.
    """
    if release.damage and not release.inventory:
        raise BlockedError(
            f"the release record of {release.workspace} is damaged ({release.damage}): what belongs to it isn't known",
            hint=f"kubecoder deploy {release.workspace} writes a new one; then delete",
        )
    owner = f"{release.fleet_id}/{release.workspace}"
    removed, kept = [], []
    for ref, seen in sorted(_look(cluster, release).items()):
        if seen.owner != owner:
            continue
        if ref.kind in NEVER_PRUNED and not delete_data:
            kept.append(ref)
        else:
            removed.append(Change(ref, Action.PRUNED, uid=seen.uid))
    return Deletion(release, tuple(removed), tuple(kept), delete_data)


def _look(cluster: Cluster, release: Release) -> dict[ObjectRef, snapshot.Observed]:
    """Look at what is recorded: by the labels, and by name for what has lost them."""
    recorded = {entry.ref for entry in release.inventory}
    pairs = sorted({(ref.api_version, ref.kind) for ref in recorded})
    served = [kind for kind in (_kind(cluster, *pair) for pair in pairs) if kind is not None]
    labelled = snapshot.take(cluster, served, namespaces={release.namespace}, names=[release.workspace])
    found = {ref: seen for ref, seen in labelled.items() if ref in recorded}
    missing = sorted(recorded - found.keys())
    named = zip(missing, cluster.map(cluster.find, missing), strict=True)
    return found | {ref: snapshot.observe(live) for ref, live in named if live is not None}


def delete_workspace(
    cluster: Cluster,
    deletion: Deletion,
    *,
    lock_seconds: float,
    timeout: float,
    report: Reporter = ignore_progress,
) -> Deletion:
    """Carry a delete out under the workspace's lock, wait until everything is gone, and delete the record last.

    Returns:
        What was really done, which differs from the plan where somebody else was at work meanwhile.

    Raises:
        NotFoundError: Somebody else has deleted it meanwhile.
        WaitTimeoutError: Something isn't gone in time; the record stays, so that a rerun goes on.
        LockedError: Somebody deploys the workspace.
    """
    deadline = time.monotonic() + timeout
    release = deletion.release
    with LockKeeper(cluster, timeout=lock_seconds) as keeper, keeper.session(release) as session:
        while not session.begin(session.release.inventory, phase=Phase.DELETING):
            if not (session.release.inventory or session.release.revisions):
                session.delete_record()
                raise NotFoundError(f"workspace {release.workspace} is gone already")
            deletion = plan_delete(cluster, session.release, delete_data=deletion.delete_data)
        done = _remove(cluster, deletion, session, deadline, report)
        session.delete_record()
    return replace(deletion, removed=tuple(done), notices=tuple(session.notices))


def _remove(cluster: Cluster, deletion: Deletion, session: Session, deadline: float, report: Reporter) -> list[Change]:
    done: list[Change] = []
    name, pods_are_gone = deletion.release.workspace, False
    for stage, changes in reversed(list(in_stages(deletion.removed))):
        if stage not in _WITH_PODS and not pods_are_gone:
            # Pods go before what protects them and what they use; an earlier delete may have taken the Deployment.
            _wait_pods_gone(cluster, deletion.release, deadline)
            pods_are_gone = True
        session.require_lock()
        report(Progress(name, f"delete {stage}", len(done), len(deletion.removed)))
        done += cluster.map(lambda change: prune_object(cluster, change), changes)
        wait_gone(cluster, [change.ref for change in changes], deadline)
    if not pods_are_gone:
        _wait_pods_gone(cluster, deletion.release, deadline)
    return done


def _kind(cluster: Cluster, api_version: str, name: str) -> kinds.Kind | None:
    try:
        kind = cluster.kind_of(api_version, name)
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    return kind if cluster.has_kind(kind) else None


def wait_gone(cluster: Cluster, refs: Sequence[ObjectRef], deadline: float) -> None:
    """Wait until none of these is being deleted any more; what nobody deletes isn't waited for.

    Raises:
        WaitTimeoutError: The deadline, on the monotonic clock, has passed.
    """
    left = list(refs)
    while left:
        live = {ref: cluster.find(ref) for ref in left}
        left = [ref for ref, found in live.items() if found and "deletionTimestamp" in found["metadata"]]
        if left:
            finalizers = {name for ref in left for name in (live[ref] or {})["metadata"].get("finalizers", ())}
            pause(deadline, left, finalizers)


def _wait_pods_gone(cluster: Cluster, release: Release, deadline: float) -> None:
    labels = f"{LABEL_WORKSPACE}={release.workspace},{LABEL_FLEET}={release.fleet_id}"
    while True:
        pods = list(cluster.list_metadata(kinds.POD, namespace=release.namespace, labels=labels))
        if not pods:
            return
        finalizers = {name for pod in pods for name in pod["metadata"].get("finalizers", ())}
        left = [ObjectRef("v1", "Pod", release.namespace, pod["metadata"]["name"]) for pod in pods]
        pause(deadline, left, finalizers)


def pause(deadline: float, left: Sequence[ObjectRef], finalizers: Collection[str] = ()) -> None:
    """Sleep before the next look.

    Raises:
        WaitTimeoutError: The deadline has passed; names what is left and the finalizers that hold it.
    """
    if time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        return
    names = ", ".join(str(ref) for ref in left)
    held = f"; held by finalizers {', '.join(sorted(finalizers))}" if finalizers else ""
    raise WaitTimeoutError(f"not gone yet: {names}{held}", hint="run the same command to go on")
