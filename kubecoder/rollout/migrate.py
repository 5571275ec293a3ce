"""Take a kube-coder Helm release over: its objects go, the home stays, Helm forgets it.

`helm uninstall` would delete the home, so Helm is never asked. The claim's marks say how far a migration has come: they
are Helm's before, ours (with the release's name) after; so a migration that was killed is found again and goes on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from kubecoder.cluster import Cluster, kinds
from kubecoder.errors import ApiError, BlockedError, NotFoundError
from kubecoder.fleet import Fleet, Workspace
from kubecoder.models.manifest import ANNOTATION_OWNER, Manifest, ObjectRef
from kubecoder.releases import helm
from kubecoder.releases.helm import HelmRelease
from kubecoder.releases.managers import HELM_MANAGERS
from kubecoder.rollout import immutable
from kubecoder.rollout.changes import Action, Change, Progress, Reporter, ignore_progress
from kubecoder.rollout.delete import pause, wait_gone
from kubecoder.rollout.planning import Planner
from kubecoder.rollout.prune import prune_object
from kubecoder.rollout.stages import in_stages

MANAGER = "kubecoder-migrate"
ANNOTATION_MIGRATED = "kubecoder.dev/migrated-from"
"""On the home: NAMESPACE/RELEASE of Helm, set when the home becomes ours."""
_WITH_PODS = frozenset({"routes", "workload"})


@dataclass(frozen=True, slots=True)
class Migration:
    """What is left to do until the workspace can be deployed.

    Attributes:
        claim: The home's claim, as it is live.
        release: The Helm release; without Secrets where an earlier migration has removed them.
        removed: The live objects of the release, the home apart.
        kept: Further claims of the release, which nobody deletes.
    """

    workspace: Workspace
    owner: str
    claim: ObjectRef
    release: HelmRelease
    removed: tuple[Change, ...]
    kept: tuple[ObjectRef, ...]

    @property
    def secrets(self) -> tuple[ObjectRef, ...]:
        """Helm's own Secrets of the release."""
        return tuple(ref for ref, _ in self.release.secrets)


def plan_migration(fleet: Fleet, cluster: Cluster, name: str) -> Migration:
    """Find what has to go, and refuse what can't come to a good end; writes nothing.

    Args:
        fleet: Has the user.
        cluster: Where the release is.
        name: The user.

    Raises:
        NotFoundError: The fleet has no such user, or Helm no such release.
        BlockedError: The home can't be held as the user file says, or what we deploy belongs to somebody else.
    """
    workspace = fleet.workspace(name)
    claim = ObjectRef("v1", "PersistentVolumeClaim", workspace.user.namespace, f"ws-{name}-home")
    home, owner = cluster.find(claim), f"{fleet.fleet_id}/{name}"
    if home is None:
        raise NotFoundError(
            f"no kube-coder release of {name}: {claim} isn't there",
            hint="user.namespace must be the release's; helm list --all-namespaces shows it",
        )
    release = helm.read_release(cluster, *_release_of(home, claim, owner))
    removed, kept = _live_objects(cluster, release, claim)
    _refuse(fleet, cluster, name, home, {change.ref for change in removed} | {claim})
    return Migration(workspace, owner, claim, release, tuple(removed), tuple(kept))


def _release_of(home: Manifest, claim: ObjectRef, owner: str) -> tuple[str, str]:
    """Give name and namespace of the release that the home is or was of."""
    annotations = home["metadata"].get("annotations", {})
    if helm.ANNOTATION_NAME in annotations:
        return annotations[helm.ANNOTATION_NAME], annotations.get(helm.ANNOTATION_NAMESPACE, claim.namespace)
    if annotations.get(ANNOTATION_OWNER) == owner and ANNOTATION_MIGRATED in annotations:
        namespace, _, name = annotations[ANNOTATION_MIGRATED].partition("/")
        return name, namespace
    raise NotFoundError(
        f"no kube-coder release: {claim} wasn't made by Helm",
        hint="kubecoder deploy --adopt takes over a home that something else has made",
    )


def _live_objects(cluster: Cluster, release: HelmRelease, claim: ObjectRef) -> tuple[list[Change], list[ObjectRef]]:
    refs = sorted(set(_refs(cluster, release)) - {claim})
    removed, kept = [], []
    for ref, live in zip(refs, cluster.map(cluster.find, refs), strict=True):
        if live is None or not helm.is_of_release(live, release.name, release.namespace):
            continue
        if ref.kind in {"PersistentVolumeClaim", "Namespace"}:
            kept.append(ref)
        else:
            removed.append(Change(ref, Action.PRUNED, uid=live["metadata"]["uid"]))
    return removed, kept


def _refs(cluster: Cluster, release: HelmRelease) -> Iterator[ObjectRef]:
    for manifest in release.manifests:
        api_version, name = manifest["apiVersion"], manifest["kind"]
        try:
            kind = cluster.kind_of(api_version, name)
        except ApiError as error:
            if error.status == 404:  # an API that has gone took its objects along
                continue
            raise
        metadata = manifest["metadata"]
        namespace = metadata.get("namespace") or release.namespace
        yield ObjectRef(api_version, name, namespace if kind.namespaced else "", metadata["name"])


def _refuse(fleet: Fleet, cluster: Cluster, name: str, home: Manifest, taken: set[ObjectRef]) -> None:
    """Raise when the deploy at the end would be refused, as long as nothing is deleted."""
    reasons: list[str] = []
    for plan in Planner(fleet, cluster, names=[name], adopt=True).plan_all():
        others = (item for item in plan.changes if item.ref not in taken)
        for change in others:
            if change.action is Action.BLOCKED:
                reasons.append(f"{change.ref}: {change.reason}")
            elif change.reason == "adopted" and plan.name == name:
                reasons.append(f"{change.ref}: is there and isn't of the release")
        claims = [item.manifest for item in plan.changes if item.manifest and item.ref.kind == "PersistentVolumeClaim"]
        for claim in claims:
            reasons += [f"the home: {reason}" for reason in _home_refusals(cluster, claim, home)]
    if reasons:
        raise BlockedError("; ".join(reasons), hint="nothing was written; mend this first, then migrate")


def _home_refusals(cluster: Cluster, desired: Manifest, live: Manifest) -> Iterable[str]:
    yield from immutable.immutable_changes(desired, live)
    expands = cache(lambda name: immutable.storage_class_expands(cluster, name))
    reason = immutable.expansion_refusal(desired, live, expands)
    if reason:
        yield reason


def migrate(cluster: Cluster, migration: Migration, *, timeout: float, report: Reporter = ignore_progress) -> None:
    """Delete what is Helm's and make the home ours; then the workspace can be deployed.

    Args:
        cluster: Where it is.
        migration: The plan.
        timeout: Seconds until everything, pods included, must be gone.
        report: Gets each step.

    Raises:
        WaitTimeoutError: Something isn't gone in time; the same command goes on.
    """
    deadline = time.monotonic() + timeout
    name, total = migration.workspace.name, len(migration.removed)
    done, pods_are_gone = 0, False
    for stage, changes in reversed(list(in_stages(migration.removed))):
        if stage not in _WITH_PODS and not pods_are_gone:
            _wait_home_free(cluster, migration.claim, deadline)
            pods_are_gone = True
        report(Progress(name, f"delete {stage} of Helm's", done, total))
        cluster.map(lambda change: prune_object(cluster, change), changes)
        wait_gone(cluster, [change.ref for change in changes], deadline)
        done += len(changes)
    if total and not pods_are_gone:
        _wait_home_free(cluster, migration.claim, deadline)
    report(Progress(name, "take the home over", done, total))
    _take_home(cluster, migration)
    for ref, uid in migration.release.secrets:
        prune_object(cluster, Change(ref, Action.PRUNED, uid=uid))


def _take_home(cluster: Cluster, migration: Migration) -> None:
    release = migration.release
    annotations = {
        helm.ANNOTATION_NAME: None,
        helm.ANNOTATION_NAMESPACE: None,
        ANNOTATION_OWNER: migration.owner,
        ANNOTATION_MIGRATED: f"{release.namespace}/{release.name}",
    }
    live = cluster.get(migration.claim)["metadata"]
    labels = {"app.kubernetes.io/managed-by": None}
    if live.get("labels", {}).get("app.kubernetes.io/managed-by") != helm.MANAGED_BY:
        labels = {}
    # What Helm owns under `spec` would be drift for every later deploy.
    managers = [entry for entry in live.get("managedFields", ()) if entry.get("manager") not in HELM_MANAGERS]
    metadata = {
        "resourceVersion": live["resourceVersion"],
        "annotations": annotations,
        "labels": labels,
        "managedFields": managers or [{}],
    }
    cluster.merge_patch(migration.claim, {"metadata": metadata}, manager=MANAGER)


def _wait_home_free(cluster: Cluster, claim: ObjectRef, deadline: float) -> None:
    """Wait until no pod mounts the home: two writers would harm it."""
    while True:
        pods = cluster.list(kinds.POD, namespace=claim.namespace)
        left = [ObjectRef("v1", "Pod", claim.namespace, pod["metadata"]["name"]) for pod in pods if _mounts(pod, claim)]
        if not left:
            return
        pause(deadline, left)


def _mounts(pod: Manifest, claim: ObjectRef) -> bool:
    volumes = pod["spec"].get("volumes") or ()
    return any(volume.get("persistentVolumeClaim", {}).get("claimName") == claim.name for volume in volumes)
