"""How values merge: `_defaults` under a user's file, `patches` over a rendered object.

Nothing is changed in place; results may share unchanged parts with what was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

DIRECTIVE = "$patch"
DELETE = "delete"


def find(values: Any, keys: Iterable[str]) -> Any:
    """Return the value at a place in nested maps, or None."""
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def merge_values(defaults: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a user's values over defaults: maps merge, lists replace, `user.env` merges by name, null takes away."""
    merged = _merge_maps(defaults, values)
    env = find(defaults, ("user", "env")), find(values, ("user", "env"))
    if all(isinstance(entries, list) for entries in env):
        merged["user"]["env"] = merge_env(*env)
    return merged


def merge_env(defaults: Iterable[Any], entries: Iterable[Any]) -> list[Any]:
    """Lay environment variables over defaults; one of the same name replaces the whole entry in its place."""
    merged = list(defaults)
    places: dict[str | None, int] = {
        name: index for index, entry in enumerate(merged) if (name := _name(entry)) is not None
    }
    for entry in entries:
        # A second entry of one name is appended, so that validation sees it.
        place = places.pop(_name(entry), None)
        if place is None:
            merged.append(entry)
        else:
            merged[place] = entry
    return merged


def apply_patch(target: Any, patch: Any) -> Any:
    """Apply a patch: RFC 7386, but lists of named objects merge by name and `$patch: delete` removes like null.

    An entry of a list that has a `mountPath` is found by that instead: a container may mount one volume twice.
    """
    if isinstance(patch, dict):
        return _patch_map(target if isinstance(target, dict) else {}, patch)
    if isinstance(patch, list) and patch and all(_name(entry) is not None for entry in patch):
        return _patch_list(target, patch)
    return patch


def _merge_maps(defaults: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(defaults)
    for key, value in values.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            below = merged.get(key)
            merged[key] = _merge_maps(below if isinstance(below, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def _name(entry: Any) -> str | None:
    name = entry.get("name") if isinstance(entry, dict) else None
    return name if isinstance(name, str) else None


def _deletes(patch: Any) -> bool:
    return patch is None or (isinstance(patch, dict) and patch.get(DIRECTIVE) == DELETE)


def _patch_map(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    patched = dict(target)
    for key, change in patch.items():
        if _deletes(change):
            patched.pop(key, None)
        else:
            patched[key] = apply_patch(patched.get(key), change)
    return patched


def _patch_list(target: Any, patch: list[Any]) -> list[Any]:
    named = isinstance(target, list) and all(_name(entry) is not None for entry in target)
    patched: list[Any] = list(target) if named else []
    for change in patch:
        key = "mountPath" if "mountPath" in change else "name"
        found = [entry for entry in patched if entry.get(key) == change[key]]
        if _deletes(change):
            patched = [entry for entry in patched if entry.get(key) != change[key]]
        elif found:
            patched[patched.index(found[0])] = apply_patch(found[0], change)
        else:
            patched.append(apply_patch({}, change))
    return patched
