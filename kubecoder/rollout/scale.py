"""Start, stop and restart a workspace: explicit wishes, each by a field manager that deploys never touch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kubecoder.cluster import Cluster
from kubecoder.cluster.pods import Place
from kubecoder.errors import BlockedError, KubecoderError, NotFoundError
from kubecoder.models.manifest import ANNOTATION_OWNER, RESTART_MANAGER, Manifest, ObjectRef
from kubecoder.rollout.apply import scale
from kubecoder.rollout.wait import WaitTarget, wait_ready, waiting_error

# The annotation that `kubectl rollout restart` sets.
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


@dataclass(frozen=True, slots=True)
class ScaleResult:
    """What start, stop or restart did to one workspace.

    Attributes:
        generation: The Deployment's `metadata.generation` afterwards.
    """

    name: str
    namespace: str
    replicas: int
    changed: bool
    generation: int


def deployment_ref(name: str, namespace: str) -> ObjectRef:
    """Name the Deployment of a workspace."""
    return ObjectRef("apps/v1", "Deployment", namespace, f"ws-{name}")


def set_replicas(cluster: Cluster, place: Place, replicas: int) -> ScaleResult:
    """Start (1) or stop (0) a workspace.

    Raises:
        NotFoundError: The workspace isn't deployed.
        BlockedError: Another fleet's workspace has this name here.
    """
    live = _deployed(cluster, place)
    changed = live["spec"].get("replicas", 1) != replicas
    # By force: a person may have scaled with kubectl, and this is an explicit wish (decision D15).
    scaled = scale(cluster, deployment_ref(place.name, place.namespace), replicas, force=True)
    return ScaleResult(place.name, place.namespace, replicas, changed, scaled["metadata"]["generation"])


def restart(cluster: Cluster, place: Place, *, now: datetime | None = None) -> ScaleResult:
    """Replace the pod of a workspace, as `kubectl rollout restart` does.

    Raises:
        NotFoundError: The workspace isn't deployed.
        BlockedError: Another fleet's workspace has this name here.
    """
    live = _deployed(cluster, place)
    stamp = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    manifest: Manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"ws-{place.name}", "namespace": place.namespace},
        "spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: stamp}}}},
    }
    restarted = cluster.apply(manifest, manager=RESTART_MANAGER, force=True)
    replicas = int(live["spec"].get("replicas", 1))
    return ScaleResult(place.name, place.namespace, replicas, replicas > 0, restarted["metadata"]["generation"])


def wait_for_pods(
    cluster: Cluster, fleet_id: str, results: Sequence[ScaleResult], timeout: float
) -> dict[str, KubecoderError]:
    """Wait until what was started or restarted is up.

    Args:
        cluster: Where the workspaces are.
        fleet_id: Their fleet.
        results: What start or restart did; what is stopped isn't waited for.
        timeout: Seconds for all of them together.

    Returns:
        Why, by name, for each that isn't up.
    """
    targets = [WaitTarget(item.name, item.namespace, item.generation) for item in results if item.replicas]
    waited = wait_ready(cluster, targets, fleet_id=fleet_id, timeout=timeout)
    return {name: waiting_error(name, result) for name, result in waited.items() if not result.ok}


def _deployed(cluster: Cluster, place: Place) -> Manifest:
    live = cluster.find(deployment_ref(place.name, place.namespace))
    if live is None:
        message = f"workspace {place.name} isn't deployed in namespace {place.namespace}"
        raise NotFoundError(message, hint=f"kubecoder deploy {place.name}")
    owner = live["metadata"].get("annotations", {}).get(ANNOTATION_OWNER, "")
    if owner and owner != f"{place.fleet_id}/{place.name}":
        raise BlockedError(f"workspace {place.name} in namespace {place.namespace} belongs to {owner}")
    return live
