"""Records in the cluster: all of a fleet by one LIST, one by name, and damaged ones set aside."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from kubecoder.cluster import Cluster
from kubecoder.cluster.kinds import SECRET
from kubecoder.errors import ApiError
from kubecoder.models.manifest import LABEL_RECORD, LABEL_WORKSPACE, Manifest, ObjectRef
from kubecoder.releases import codec
from kubecoder.releases.record import Release

LABEL_DAMAGED = "kubecoder.dev/damaged-record"


def load_all(cluster: Cluster, fleet_id: str, namespaces: Collection[str] | None = None) -> dict[str, Release]:
    """Read the records of a whole fleet; load them *before* the objects that a plan is made from.

    A write that is compared with what was loaded here then proves that nobody deployed in between, and so that the
    objects looked at since are no older than the record.

    Args:
        cluster: Where to look.
        fleet_id: Whose records.
        namespaces: Where to look one by one if listing everywhere at once is forbidden.

    Returns:
        The releases by workspace, the base one as `base`; damaged ones are among them and say so.
    """
    return _by_workspace(_list(cluster, f"{LABEL_RECORD}={fleet_id}", namespaces), fleet_id)


def find(cluster: Cluster, fleet_id: str, workspace: str, namespaces: Collection[str] | None = None) -> Release | None:
    """Find the record of one workspace wherever it is; the user's file may be gone.

    Args:
        cluster: Where to look.
        fleet_id: Whose record.
        workspace: Its name; `base` has a record too.
        namespaces: As in `load_all`.
    """
    labels = f"{LABEL_RECORD}={fleet_id},{LABEL_WORKSPACE}={workspace}"
    return _by_workspace(_list(cluster, labels, namespaces), fleet_id).get(workspace)


def _by_workspace(secrets: Iterable[Manifest], fleet_id: str) -> dict[str, Release]:
    found: dict[str, Release] = {}
    for secret in secrets:
        release = codec.decode(secret)
        known = found.get(release.workspace)
        # A copy of a record, made by hand or by a restored backup, never hides the record itself.
        is_better = known is None or (known.damage and not release.damage)
        if release.fleet_id == fleet_id and is_better:
            found[release.workspace] = release
    return found


def load(cluster: Cluster, namespace: str, record_name: str, *, fleet_id: str = "") -> Release | None:
    """Read one record; None when it was never written.

    Args:
        cluster: Where to look.
        namespace: The workspace's.
        record_name: The Secret's name.
        fleet_id: Whose record it must be, where that is known; another fleet's is one that may not be written.
    """
    secret = cluster.find(ObjectRef("v1", "Secret", namespace, record_name))
    if secret is None:
        return None
    found = codec.decode(secret)
    if fleet_id and found.fleet_id and found.fleet_id != fleet_id and not found.refusal:
        return replace(found, refusal=f"{found.ref} is a record of the fleet {found.fleet_id}, not of {fleet_id}")
    return found


def refresh(cluster: Cluster, release: Release) -> Release:
    """Read a record again; where there is none (any more), give an empty one."""
    found = load(cluster, release.namespace, release.name, fleet_id=release.fleet_id)
    if found is None:
        return Release(release.fleet_id, release.workspace, release.namespace, release.name)
    if found.damage:
        # A damaged record may not even say whose it is.
        return replace(found, fleet_id=release.fleet_id, workspace=release.workspace)
    return found


def save(cluster: Cluster, release: Release) -> Release:
    """Create or replace a record, compared with the version that `release` was read as.

    Raises:
        ApiError: 409 when the record has changed or appeared meanwhile, 404 when it has gone.
    """
    secret = codec.encode(release)
    return codec.decode(cluster.replace(secret) if release.exists else cluster.create(secret))


def save_lock(cluster: Cluster, release: Release) -> Release:
    """Write only the lock of a record, compared likewise; its history may be large and this happens every 10 s."""
    assert release.lock is not None
    body = {
        "metadata": {"resourceVersion": release.resource_version},
        "data": {"lock": codec.encode_lock(release.lock)},
    }
    return _at(release, cluster.merge_patch(release.ref, body))


def set_aside(cluster: Cluster, release: Release) -> str:
    """Keep a copy of a damaged record for people to look at; doing it again does nothing.

    Returns:
        The copy's name.
    """
    name = f"{release.name}-damaged-{release.resource_version}"
    damaged = cluster.find(release.ref)
    if damaged is None or damaged["metadata"]["resourceVersion"] != release.resource_version:
        return name
    try:
        cluster.create(_copy(damaged, name, release))
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
    return name


def make_writable(cluster: Cluster, release: Release) -> Release:
    """Prepare a damaged record, a copy of which is set aside, for being written again."""
    if release.damage.startswith(codec.IMMUTABLE):
        cluster.delete(release.ref, uid=release.uid)
        return replace(release, damage="", uid="", resource_version="")
    return replace(release, damage="")


def _copy(damaged: Manifest, name: str, release: Release) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": release.namespace, "labels": {LABEL_DAMAGED: release.fleet_id}},
        "type": damaged.get("type", codec.SECRET_TYPE),
        "data": damaged.get("data") or {},
    }


def _at(release: Release, written: Manifest) -> Release:
    metadata = written["metadata"]
    return replace(release, uid=metadata["uid"], resource_version=metadata["resourceVersion"])


def _list(cluster: Cluster, labels: str, namespaces: Collection[str] | None) -> Iterator[Manifest]:
    try:
        yield from cluster.list(SECRET, labels=labels)
    except ApiError as error:
        if error.status != 403 or not namespaces:
            raise
        for namespace in sorted(namespaces):
            yield from cluster.list(SECRET, namespace=namespace, labels=labels)
