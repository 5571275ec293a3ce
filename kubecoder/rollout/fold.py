"""Mend drift for good: fold what human tools own into our own entry before we apply again.

Applying by force alone doesn't undo every edit (decision D11, measured): a list item whose key was changed by
`kubectl patch` stays beside ours, or the merge fails with a duplicate. Once the item counts as ours, the next apply,
which doesn't hold it, removes it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from kubecoder.cluster import Cluster
from kubecoder.errors import ApiError
from kubecoder.models.manifest import MANAGER, Manifest, ObjectRef
from kubecoder.releases.owned import content_fields, is_human_manager

_ATTEMPTS = 5

Entry = dict[str, Any]
Fields = dict[str, Any]


def fold_human_entries(cluster: Cluster, ref: ObjectRef) -> tuple[str, ...]:
    """Move content that human tools own on one live object into our entry; the object itself doesn't change.

    Returns:
        The names of the tools whose entries were folded; empty when there was nothing to do.
    """
    for attempt in range(_ATTEMPTS):
        live = cluster.find(ref)
        if live is None:
            return ()
        folded, managers = folded_entries(live["metadata"].get("managedFields", []), live["apiVersion"])
        if not managers:
            return ()
        try:
            cluster.json_patch(ref, _guarded(live, folded))
        except ApiError as error:
            if error.status != 409 or attempt == _ATTEMPTS - 1:
                raise
        else:
            return managers
    return ()


def folded_entries(entries: list[Entry], api_version: str) -> tuple[list[Entry], tuple[str, ...]]:
    """Compute managedFields with the human tools' content in our entry, and name those tools."""
    entries = copy.deepcopy(entries)
    ours = next((entry for entry in entries if _is_ours(entry)), None)
    gathered: Fields = {}
    managers: list[str] = []
    for entry in entries:
        if entry is ours or entry.get("subresource") or not is_human_manager(entry.get("manager", "")):
            continue
        content = content_fields(entry.get("fieldsV1", {}))
        if content:
            gathered = union(gathered, content)
            entry["fieldsV1"] = difference(entry["fieldsV1"], content)
            managers.append(entry["manager"])
    if not managers:
        return entries, ()
    if ours is None:
        ours = {"manager": MANAGER, "operation": "Apply", "apiVersion": api_version, "fieldsType": "FieldsV1"}
        entries.append(ours)
    ours["fieldsV1"] = union(ours.get("fieldsV1", {}), gathered)
    return [entry for entry in entries if entry.get("fieldsV1")], tuple(dict.fromkeys(managers))


def union(left: Mapping[str, Any], right: Mapping[str, Any]) -> Fields:
    """Merge two field sets."""
    merged: Fields = dict(left)
    for key, value in right.items():
        merged[key] = union(merged[key], value) if isinstance(merged.get(key), Mapping) else copy.deepcopy(value)
    return merged


def difference(left: Mapping[str, Any], right: Mapping[str, Any]) -> Fields:
    """Take a field set away from another; a field with nothing below it is gone too."""
    remaining: Fields = {}
    for key, value in left.items():
        if key not in right:
            remaining[key] = value
        elif value and right[key]:
            below = difference(value, right[key])
            if below:
                remaining[key] = below
    return remaining


def _is_ours(entry: Entry) -> bool:
    return entry.get("manager") == MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource")


def _guarded(live: Manifest, entries: list[Entry]) -> list[dict[str, Any]]:
    version = live["metadata"]["resourceVersion"]
    return [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/metadata/managedFields", "value": entries},
    ]
