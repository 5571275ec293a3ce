"""What a deploy would change, told by the server: live objects against a dry run of ours."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from kubecoder.cluster import Cluster
from kubecoder.errors import ApiError, KubecoderError
from kubecoder.models.manifest import Manifest, ObjectRef
from kubecoder.rollout.apply import apply_object
from kubecoder.rollout.changes import Action, Change, WorkspacePlan
from kubecoder.rollout.masking import presentable


@dataclass(frozen=True, slots=True)
class ObjectDiff:
    """One object's difference as unified diff lines of YAML; empty lines mean no difference."""

    ref: ObjectRef
    action: Action
    lines: tuple[str, ...]
    error: KubecoderError | None = None


@dataclass(frozen=True, slots=True)
class WorkspaceDiff:
    """All differences of one workspace.

    Attributes:
        blocked: Why a deploy would refuse it.
    """

    name: str
    namespace: str
    objects: tuple[ObjectDiff, ...]
    notices: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether a deploy would change nothing."""
        return not any(item.lines or item.error for item in self.objects)


def diff_workspace(cluster: Cluster, plan: WorkspacePlan) -> WorkspaceDiff:
    """Compare every object of a plan with what the server would make of it."""
    shown = [change for change in plan.changes if change.manifest is not None or change.action is Action.PRUNED]
    objects = cluster.map(lambda change: _diff_object(cluster, change), shown)
    return WorkspaceDiff(plan.name, plan.namespace, tuple(objects), plan.notices, plan.blocked)


def _diff_object(cluster: Cluster, change: Change) -> ObjectDiff:
    try:
        live = None if change.action in {Action.CREATED, Action.SKIPPED} else cluster.find(change.ref)
        wanted = _wanted(cluster, change, live)
    except KubecoderError as error:
        return ObjectDiff(change.ref, change.action, (), error)
    lines = tuple(unified(change.ref, live, wanted))
    action = change.action if lines or change.action is Action.SKIPPED else Action.UNCHANGED
    return ObjectDiff(change.ref, action, lines)


def _wanted(cluster: Cluster, change: Change, live: Manifest | None) -> Manifest | None:
    if change.action is Action.PRUNED:
        return None
    if change.action in {Action.SKIPPED, Action.BLOCKED, Action.RETAINED} or change.manifest is None:
        return live
    try:
        return apply_object(cluster, change, dry_run=True).live
    except ApiError as error:
        # A dry run can't create inside a namespace that would only be created by the same deploy.
        if error.status == 404 and change.action is Action.CREATED:
            return change.manifest
        # Nor can it fold a person's edit in first, without which the server refuses a list item with a changed key.
        if error.status == 422 and change.action is Action.DRIFTED and live is not None:
            laid: Manifest = overlaid(live, change.manifest)
            return laid
        raise


def overlaid(live: Any, wanted: Any) -> Any:
    """Lay what we want over what is there: maps merge, of lists only our items stay, and keep what we don't say."""
    if isinstance(live, dict) and isinstance(wanted, dict):
        return {**live, **{key: overlaid(live.get(key), value) for key, value in wanted.items()}}
    if isinstance(live, list) and isinstance(wanted, list):
        named = {item["name"]: item for item in live if isinstance(item, dict) and "name" in item}
        return [overlaid(named.get(item.get("name")), item) if isinstance(item, dict) else item for item in wanted]
    return wanted


def unified(ref: ObjectRef, live: Manifest | None, wanted: Manifest | None) -> Sequence[str]:
    """Return the unified diff of two objects as people see them."""
    before, after = _yaml_lines(live), _yaml_lines(wanted)
    return list(difflib.unified_diff(before, after, f"live/{ref}", f"fleet/{ref}", lineterm=""))


def _yaml_lines(manifest: Manifest | None) -> list[str]:
    if manifest is None:
        return []
    return yaml.safe_dump(presentable(manifest), sort_keys=True, allow_unicode=True).splitlines()
