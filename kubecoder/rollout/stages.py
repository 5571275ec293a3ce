"""The order of kinds inside a workspace; inside one stage everything goes in parallel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from kubecoder.rollout.changes import Change

# Policies come before the pod, so that it is never up unprotected (design 4.4).
STAGES: dict[str, tuple[str, ...]] = {
    "namespace": ("Namespace",),
    "account": ("ServiceAccount", "Role", "RoleBinding", "NetworkPolicy", "ResourceQuota", "LimitRange"),
    "config": ("Secret", "ConfigMap", "PersistentVolumeClaim"),
    "service": ("Service",),
    "workload": ("Deployment", "StatefulSet", "Job", "CronJob"),
    "routes": (),
}
_ORDER = {kind: index for index, kinds in enumerate(STAGES.values()) for kind in kinds}
_NAMES = tuple(STAGES)


def stage_of(kind: str) -> int:
    """Return the position of a kind's stage; a kind in no list belongs to the last."""
    return _ORDER.get(kind, len(_NAMES) - 1)


def in_stages(changes: Iterable[Change]) -> Iterator[tuple[str, list[Change]]]:
    """Group changes by stage, in the order in which they are applied."""
    ordered = sorted(changes, key=lambda change: (stage_of(change.ref.kind), change.ref))
    for index, group in groupby(ordered, key=lambda change: stage_of(change.ref.kind)):
        yield _NAMES[index], list(group)
