"""What managedFields tell about a live object: whether anybody touched what we own, and who else owns something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubecoder.models.manifest import MANAGER, Manifest, digest
from kubecoder.releases.managers import ManagerClass, classify

FieldSet = dict[str, Any]

_CONTENT = ("f:spec", "f:data", "f:binaryData")
_REPLICAS = ("f:spec", "f:replicas")
# `kubectl rollout restart` and the restart of k9s leave this behind; taking it back would restart the pod once more.
_RESTARTED_AT = ("f:spec", "f:template", "f:metadata", "f:annotations", "f:kubectl.kubernetes.io/restartedAt")


def owned_digest(live: Manifest, manager: str = MANAGER) -> str:
    """Digest what a manager owns of a live object by server-side apply; metadata is enough.

    It changes as soon as anybody else alters one of these fields, on every kind (measured), so that the recorded
    digest tells drift without reading content. `spec.replicas` is left out: it changes hands when we first scale.

    Returns:
        An empty string when the manager has applied nothing.
    """
    owned = [_without(entry.get("fieldsV1", {}), _REPLICAS) for entry in _entries(live) if _is_apply(entry, manager)]
    return digest(owned) if owned else ""


def human_fields(live: Manifest) -> dict[str, list[FieldSet]]:
    """Find what tools in people's hands own of an object's content: each of it is drift.

    Returns:
        The field sets by manager, in the order of managedFields.
    """
    found: dict[str, list[FieldSet]] = {}
    for entry in _entries(live):
        manager = entry.get("manager", "")
        content = content_fields(entry.get("fieldsV1", {})) if is_human_manager(manager) else {}
        if content:
            found.setdefault(manager, []).append(content)
    return found


def is_human_manager(manager: str) -> bool:
    """Whether a field manager is a tool in a person's hand."""
    return classify(manager) is ManagerClass.HUMAN


def content_fields(fields: Mapping[str, Any]) -> FieldSet:
    """Reduce a field set to the content that only files may set: spec and data, without replicas and restarts."""
    content = {key: fields[key] for key in _CONTENT if key in fields}
    return _without(_without(content, _REPLICAS), _RESTARTED_AT)


def owns_replicas(live: Manifest, manager: str) -> bool:
    """Whether a manager owns `spec.replicas` of a live object."""
    return any(
        entry.get("manager") == manager and _REPLICAS[1] in (entry.get("fieldsV1", {}).get(_REPLICAS[0]) or {})
        for entry in _entries(live)
    )


def _entries(live: Manifest) -> list[dict[str, Any]]:
    return live["metadata"].get("managedFields") or []


def _is_apply(entry: Mapping[str, Any], manager: str) -> bool:
    return entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource")


def _without(fields: FieldSet, path: tuple[str, ...]) -> FieldSet:
    """Take one field out of a set, and parents of which only the mark of their existence would remain."""
    step, rest = path[0], path[1:]
    if step not in fields:
        return fields
    below = _without(fields[step], rest) if rest else {}
    if below is fields[step]:
        return fields
    reduced = dict(fields)
    if rest and not below.keys() <= {"."}:
        reduced[step] = below
    else:
        del reduced[step]
    return reduced
