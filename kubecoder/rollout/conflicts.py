"""What to do about each field that server-side apply reports as somebody else's."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kubecoder.errors import ConflictError
from kubecoder.models.manifest import Manifest, ref_of
from kubecoder.releases.owned import is_human_manager

_MANAGER = re.compile(r'conflict with "(?P<manager>[^"]+)"')
# A list item in a path such as `.spec.containers[name="ide"].env[name="A"].value`; a set's item is `[="value"]`.
_ITEM = re.compile(r'\[(?P<keys>(?:[^\]"]|"[^"]*")*)\]')
_KEY = re.compile(r'(?P<key>\w*)=(?:"(?P<text>[^"]*)"|(?P<number>[^,]+))')
_FIELD = re.compile(r"\.([A-Za-z0-9]+)")
_PROTECTED_FIELDS = frozenset(
    {"image", "securityContext", "secretKeyRef", "secretName", "secretRef", "imagePullSecrets"}
)


class Verdict(StrEnum):
    """What happens to a field in conflict."""

    TAKE_OVER = "take over"
    CEDE = "cede"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """One field that another manager owns with another value."""

    path: str
    manager: str


def parse_causes(causes: Sequence[Mapping[str, Any]]) -> tuple[FieldConflict, ...]:
    """Read the conflicts from `details.causes` of a 409 answer."""
    found = []
    for cause in causes:
        if cause.get("reason") != "FieldManagerConflict":
            continue
        match = _MANAGER.search(str(cause.get("message", "")))
        found.append(FieldConflict(str(cause.get("field", "")), match["manager"] if match else "unknown"))
    return tuple(found)


def is_protected(kind: str, path: str) -> bool:
    """Whether a field is one that no controller may keep: image, security, policy rules, Secret references."""
    if path.startswith(".metadata"):
        return False
    if kind == "NetworkPolicy":
        return True
    return not _PROTECTED_FIELDS.isdisjoint(_FIELD.findall(path))


def judge(kind: str, conflict: FieldConflict) -> Verdict:
    """Decide about one field: a person's tool yields to us, we yield to a controller, unless it is protected."""
    if is_human_manager(conflict.manager):
        return Verdict.TAKE_OVER
    return Verdict.REFUSE if is_protected(kind, conflict.path) else Verdict.CEDE


@dataclass(frozen=True, slots=True)
class Resolution:
    """How to send the manifest again, by force: without what is ceded."""

    manifest: Manifest
    taken: tuple[FieldConflict, ...]
    ceded: tuple[FieldConflict, ...]

    @property
    def notices(self) -> tuple[str, ...]:
        """One line for each field that was taken, for the user."""
        name = ref_of(self.manifest)
        return tuple(f"{name}: took {item.path} over from {item.manager}" for item in self.taken)


def resolve(manifest: Manifest, conflicts: Sequence[FieldConflict], *, force: bool) -> Resolution:
    """Apply the policy to all fields of one object.

    Raises:
        ConflictError: A protected field is a controller's and `force` is off.
    """
    verdicts = {item: Verdict.TAKE_OVER if force else judge(manifest["kind"], item) for item in conflicts}
    refused = [item for item, verdict in verdicts.items() if verdict is Verdict.REFUSE]
    if refused:
        fields = ", ".join(f"{item.path} (owned by {item.manager})" for item in refused)
        raise ConflictError(
            f"{ref_of(manifest)}: protected field in conflict: {fields}",
            hint="see who changes it; --force-conflicts takes it over",
        )
    ceded = tuple(item for item, verdict in verdicts.items() if verdict is Verdict.CEDE)
    taken = tuple(item for item, verdict in verdicts.items() if verdict is Verdict.TAKE_OVER)
    remaining = without_paths(manifest, tuple(item.path for item in ceded))
    return Resolution(remaining, taken, ceded)


def without_paths(manifest: Manifest, paths: Sequence[str]) -> Manifest:
    """Return a copy of a manifest without the fields at these paths of managedFields."""
    if not paths:
        return manifest
    reduced = copy.deepcopy(manifest)
    for path in paths:
        _remove(reduced, path)
    return reduced


def _remove(node: Any, path: str) -> None:
    step = _step(node, path)
    if step is None:
        return
    key, rest = step
    if rest:
        _remove(node[key], rest)
    else:
        del node[key]


def _step(node: Any, path: str) -> tuple[Any, str] | None:
    """Split a path into the key or index of its first step, as it is in `node`, and the rest."""
    if isinstance(node, dict):
        # Keys of maps (annotations, labels, data) may hold dots, so the longest key that fits is the step.
        fitting = [
            key for key in node if path.startswith(f".{key}") and path[len(key) + 1 : len(key) + 2] in ("", ".", "[")
        ]
        key = max(fitting, key=len, default=None)
        return None if key is None else (key, path[len(key) + 1 :])
    item = _ITEM.match(path)
    if item is None or not isinstance(node, list):
        return None
    index = _index(node, item["keys"])
    return None if index is None else (index, path[item.end() :])


def _index(items: list[Any], keys: str) -> int | None:
    wanted = {
        match["key"]: match["text"] if match["text"] is not None else match["number"] for match in _KEY.finditer(keys)
    }
    for index, item in enumerate(items):
        if isinstance(item, dict):
            if all(str(item.get(key)) == value for key, value in wanted.items()):
                return index
        elif str(item) == wanted.get(""):
            return index
    return None
