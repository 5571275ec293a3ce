"""Let a running pod see new mounted files within seconds, without a restart (decision D21)."""

from __future__ import annotations

from collections.abc import Sequence

from kubecoder.cluster import Cluster, kinds
from kubecoder.errors import ApiError
from kubecoder.models.manifest import LABEL_FLEET, LABEL_WORKSPACE, digest, ref_of
from kubecoder.rollout.changes import Action, Change

# Any change of a pod makes the kubelet sync its volumes at once; otherwise it looks once a minute or less.
SYNCED = "kubecoder.dev/synced"
_MOUNTED = frozenset({"Secret", "ConfigMap"})
_WRITTEN = frozenset({Action.CONFIGURED, Action.DRIFTED})


def needs_nudge(changes: Sequence[Change]) -> bool:
    """Whether mounted files changed while the pod itself stays as it is."""
    written = [change for change in changes if change.action in _WRITTEN]
    is_replaced = any(change.ref.kind == "Deployment" for change in written)
    return not is_replaced and any(change.ref.kind in _MOUNTED for change in written)


def nudge_pods(cluster: Cluster, name: str, namespace: str, fleet_id: str, changes: Sequence[Change]) -> int:
    """Touch an annotation of the workspace's pods; return how many there are.

    Raises:
        ApiError: The server refused; the pods see their files all the same, only later.
    """
    labels = f"{LABEL_WORKSPACE}={name},{LABEL_FLEET}={fleet_id}"
    stamp = digest([[str(change.ref), change.resource_version] for change in changes])
    touched = 0
    for pod in cluster.list_metadata(kinds.POD, namespace=namespace, labels=labels):
        body = {"metadata": {"annotations": {SYNCED: stamp}}}
        try:
            cluster.merge_patch(ref_of({**pod, "apiVersion": "v1", "kind": "Pod"}), body)
        except ApiError as error:
            if error.status != 404:
                raise
        else:
            touched += 1
    return touched


def late_sync_notice(namespace: str, error: ApiError) -> str:
    """Say what comes of a nudge that the server refused, and what would help."""
    late = "the pod sees its changed files only at the kubelet's next look, within about a minute and a half"
    if error.status == 403:
        return f"{late}: not allowed to list and patch pods in namespace {namespace}"
    return f"{late}: {error.message}"
