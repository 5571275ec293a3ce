"""Turn a recorded revision into something that can be applied again (design 4.7)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from kubecoder.errors import BlockedError
from kubecoder.models import quantity
from kubecoder.models.manifest import Manifest, ObjectRef, ref_of

Finder = Callable[[ObjectRef], Manifest | None]


def restore(manifests: Sequence[Manifest], find: Finder) -> tuple[list[Manifest], list[str]]:
    """Complete the manifests of a revision from the live objects.

    Secrets keep the values that they have now, since a rotated credential must not come back, and a volume keeps
    its larger size.

    Args:
        manifests: The revision, Secret values replaced by digests.
        find: Reads a live object.

    Returns:
        Manifests that can be applied, and what couldn't be restored, one line each.

    Raises:
        BlockedError: Pods of the revision need Secrets, or keys of them, that aren't there.
    """
    restored: list[Manifest] = []
    notices: list[str] = []
    find = cache(find)
    for manifest in manifests:
        ref = ref_of(manifest)
        if ref.kind == "Secret":
            live = find(ref)
            notices += _secret_notices(manifest, _data(live))
            if live is not None:
                restored.append(_with_data(manifest, _data(live)))
        elif ref.kind == "PersistentVolumeClaim":
            claim, notice = _with_larger_size(manifest, find(ref))
            restored.append(claim)
            notices += notice
        else:
            restored.append(copy.deepcopy(manifest))
    missing = dict.fromkeys(_missing(restored, find))
    if missing:
        raise BlockedError(
            f"the revision needs Secrets, or keys of them, that are gone: {', '.join(missing)}",
            hint="write the secrets file again and run kubecoder deploy; make a Secret that isn't the fleet's anew",
        )
    return restored, notices


def _secret_notices(manifest: Manifest, live: Mapping[str, str]) -> list[str]:
    gone = sorted(set(manifest.get("data", {})) - set(live))
    name = ref_of(manifest)
    lines = [f"{name}: keeps the values that it has now"] if live else []
    return lines + [f"{name}: key {key} can't be restored, history holds no secret values" for key in gone]


def _with_data(manifest: Manifest, data: Mapping[str, str]) -> Manifest:
    wanted = {key: data[key] for key in manifest.get("data", {}) if key in data}
    return {**copy.deepcopy(manifest), "data": wanted}


def _with_larger_size(manifest: Manifest, live: Manifest | None) -> tuple[Manifest, list[str]]:
    claim = copy.deepcopy(manifest)
    if live is None:
        return claim, []
    stored = claim["spec"]["resources"]["requests"]["storage"]
    present = live["spec"]["resources"]["requests"]["storage"]
    if quantity.compare(present, stored) <= 0:
        return claim, []
    claim["spec"]["resources"]["requests"]["storage"] = present
    return claim, [f"{ref_of(manifest)}: keeps {present}, a volume can't shrink to {stored}"]


def _data(live: Manifest | None) -> Mapping[str, str]:
    return (live or {}).get("data") or {}


def _missing(manifests: Sequence[Manifest], find: Finder) -> Iterator[str]:
    """Name what the kubelet would wait for in vain, whoever made it."""
    for manifest in manifests:
        for name, key in _secret_references(manifest.get("spec")):
            live = find(ObjectRef("v1", "Secret", ref_of(manifest).namespace, name))
            if live is None or (key and key not in _data(live)):
                yield f"{name}/{key}" if key else name


def _secret_references(node: Any) -> Iterator[tuple[str, str]]:
    """Find the Secrets that a pod can't start without, with the key that it reads; an empty one means all of them."""
    if isinstance(node, Mapping):
        yield from _own_references(node)
        for value in node.values():
            yield from _secret_references(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _secret_references(value)


def _own_references(node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Read `secretKeyRef` and `secretRef` of an environment, `secret` of a volume or of a projected volume's source."""
    for field in ("secretKeyRef", "secretRef", "secret"):
        reference = node.get(field)
        if not isinstance(reference, Mapping) or reference.get("optional"):
            continue
        name = reference.get("secretName") or reference.get("name")
        if name:
            yield from ((name, item.get("key", "")) for item in reference.get("items") or [reference])
