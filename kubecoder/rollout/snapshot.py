"""What the cluster holds of a fleet, read by one metadata LIST per kind."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from kubecoder.cluster import Cluster, Kind
from kubecoder.errors import ApiError
from kubecoder.models.manifest import ANNOTATION_OWNER, LABEL_MANAGED_BY, LABEL_WORKSPACE, MANAGER, Manifest, ObjectRef
from kubecoder.releases.owned import human_fields, owned_digest, owns_replicas

ALL_OURS = f"{LABEL_MANAGED_BY}=kubecoder"


@dataclass(frozen=True, slots=True)
class Observed:
    """The metadata of one live object, as far as a plan needs it.

    Attributes:
        owned: Digest of our own managedFields entry (facts: it changes when anybody alters a field that we own).
        humans: The human tools that own something under `spec` or `data`.
        owner: Our owner annotation, or an empty string.
        is_scaled: Whether somebody else than the deploy owns `spec.replicas`.
    """

    uid: str
    resource_version: str
    owned: str
    humans: tuple[str, ...]
    owner: str
    is_terminating: bool
    is_scaled: bool


INVISIBLE = Observed("", "", "", (), "", is_terminating=False, is_scaled=True)
"""Stands for an object that we may not look at, so that it may be there or not."""

Snapshot = Mapping[ObjectRef, Observed]


def observe(live: Manifest) -> Observed:
    """Reduce a live object to what a plan needs."""
    metadata = live["metadata"]
    return Observed(
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        owned=owned_digest(live),
        humans=tuple(human_fields(live)),
        owner=metadata.get("annotations", {}).get(ANNOTATION_OWNER, ""),
        is_terminating="deletionTimestamp" in metadata,
        is_scaled=_is_scaled(live),
    )


def _is_scaled(live: Manifest) -> bool:
    managers = {entry.get("manager", "") for entry in live["metadata"].get("managedFields") or ()}
    return any(owns_replicas(live, manager) for manager in managers - {MANAGER})


def take(cluster: Cluster, kinds: Collection[Kind], *, namespaces: Collection[str], names: Collection[str]) -> Snapshot:
    """List everything of ours, of any fleet, kinds in parallel.

    Args:
        cluster: Where to look.
        kinds: What to list; a kind whose API is absent has no objects.
        namespaces: Used one by one where a cluster-wide list is forbidden.
        names: Workspaces to look at; empty means all.
    """
    labels = ALL_OURS
    if names:
        labels += f",{LABEL_WORKSPACE} in ({','.join(sorted(names))})"
    parts = cluster.map(lambda kind: _list_kind(cluster, kind, labels, namespaces), list(kinds))
    return {ref: observed for part in parts for ref, observed in part.items()}


def take_unlabelled(cluster: Cluster, kinds: Iterable[Kind], namespace: str) -> Snapshot:
    """List every object of these kinds in one namespace, whoever made it."""
    listed = [kind for kind in kinds if kind.namespaced]
    parts = cluster.map(lambda kind: _collect(cluster, kind, namespace, ""), listed)
    return {ref: observed for part in parts for ref, observed in part.items()}


def _list_kind(cluster: Cluster, kind: Kind, labels: str, namespaces: Collection[str]) -> dict[ObjectRef, Observed]:
    try:
        return _collect(cluster, kind, None, labels)
    except ApiError as error:
        if error.status == 404:
            return {}
        if error.status != 403:
            raise
    if not kind.namespaced:
        return {}  # an admin of namespaces only: each object that matters is looked up by its name
    found: dict[ObjectRef, Observed] = {}
    for namespace in sorted(namespaces):
        found.update(_collect(cluster, kind, namespace, labels))
    return found


def _collect(cluster: Cluster, kind: Kind, namespace: str | None, labels: str) -> dict[ObjectRef, Observed]:
    found: dict[ObjectRef, Observed] = {}
    for item in cluster.list_metadata(kind, namespace=namespace, labels=labels):
        metadata = item["metadata"]
        ref = ObjectRef(kind.api_version, kind.name, metadata.get("namespace", ""), metadata["name"])
        found[ref] = observe(item)
    return found
