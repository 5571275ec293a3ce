"""Changes that the API server would refuse, found before the first write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kubecoder.cluster import Cluster
from kubecoder.errors import ApiError
from kubecoder.models import quantity
from kubecoder.models.manifest import Manifest, ObjectRef

# Fields that can't change once the object is there (Kubernetes' validation of updates).
IMMUTABLE_FIELDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "PersistentVolumeClaim": (
        ("spec", "storageClassName"),
        ("spec", "accessModes"),
        ("spec", "volumeMode"),
        ("spec", "selector"),
        ("spec", "volumeName"),
    ),
    "Deployment": (("spec", "selector"),),
    "Service": (("spec", "clusterIP"),),
    "Secret": (("type",),),
    "RoleBinding": (("roleRef",),),
}


def may_be_blocked(desired: Manifest, recorded: Manifest | None) -> bool:
    """Whether the live object must be read to know: an immutable field differs from what we applied last."""
    fields = IMMUTABLE_FIELDS.get(desired["kind"], ())
    if not fields:
        return False
    if recorded is None:
        return True
    if any(_get(desired, path) != _get(recorded, path) for path in fields):
        return True
    return desired["kind"] == "PersistentVolumeClaim" and _storage(desired) != _storage(recorded)


def immutable_changes(desired: Manifest, live: Manifest) -> Iterator[str]:
    """Name each change of a live object that the server would refuse."""
    for path in IMMUTABLE_FIELDS.get(desired["kind"], ()):
        wanted, present = _get(desired, path), _get(live, path)
        if wanted is not None and wanted != present:
            yield f"{'.'.join(path)} can't change from {present} to {wanted}"
    if desired["kind"] == "PersistentVolumeClaim":
        yield from _shrink(desired, live)


def expansion_refusal(desired: Manifest, live: Manifest, allows_expansion: Callable[[str], bool | None]) -> str:
    """Say why a claim can't grow, or return an empty string.

    Args:
        desired: The claim as rendered.
        live: The claim as it is.
        allows_expansion: Tells of a storage class by name; None where it can't be read.
    """
    if quantity.compare(_storage(desired), _storage(live)) <= 0:
        return ""
    if live.get("status", {}).get("phase") != "Bound":
        return f"a volume can grow only once it is bound; write user.pvcSize: {_storage(live)} until its pod has run"
    storage_class = _get(live, ("spec", "storageClassName"))
    if not storage_class or allows_expansion(storage_class) is not False:
        return ""
    return f"storage class {storage_class} can't grow a volume (allowVolumeExpansion is off)"


def storage_class_expands(cluster: Cluster, name: str) -> bool | None:
    """Read whether a storage class can grow volumes; None where we may not read it."""
    try:
        found = cluster.find(ObjectRef("storage.k8s.io/v1", "StorageClass", "", name))
    except ApiError:
        return None
    return None if found is None else bool(found.get("allowVolumeExpansion", False))


def _shrink(desired: Manifest, live: Manifest) -> Iterator[str]:
    wanted, present = _storage(desired), _storage(live)
    if quantity.compare(wanted, present) < 0:
        yield f"a volume can't shrink from {present} to {wanted}; write user.pvcSize: {present}"


def _storage(claim: Manifest) -> str:
    return str(_get(claim, ("spec", "resources", "requests", "storage")) or "0")


def _get(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value
