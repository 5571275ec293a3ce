"""Ask the server about what the record calls unchanged: a dry run of each object against what is there (design 4.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from kubecoder.cluster import Cluster
from kubecoder.errors import ApiError, ConflictError
from kubecoder.rollout.apply import apply_object
from kubecoder.rollout.changes import Action, Change, WorkspacePlan
from kubecoder.rollout.masking import presentable


def verified(cluster: Cluster, made: WorkspacePlan, *, force_conflicts: bool = False) -> WorkspacePlan:
    """Plan to mend every object of which the server would make something else than what is there.

    A record knows who owns which field, and not its value: what somebody wrote in the name of our field manager, or
    straight into etcd, only a dry run finds. An object that the server wouldn't take any more blocks the workspace.

    Args:
        cluster: Where to ask; two requests for each object.
        made: The plan, made from rendered manifests.
        force_conflicts: Take protected fields over from controllers, as the apply would.

    Raises:
        UnreachableError: There was no answer.
    """
    if made.blocked:
        return made
    ask = partial(_verified, cluster, force_conflicts=force_conflicts)
    changes = tuple(cluster.map(ask, made.changes))
    found = [after for before, after in zip(made.changes, changes, strict=True) if after is not before]
    return replace(
        made,
        changes=changes,
        blocked=tuple(_told(change for change in found if change.action is Action.BLOCKED)),
        notices=(*made.notices, *_told(change for change in found if change.action is Action.DRIFTED)),
    )


def _verified(cluster: Cluster, change: Change, *, force_conflicts: bool) -> Change:
    if change.action is not Action.UNCHANGED or change.manifest is None:
        return change
    try:
        live = cluster.find(change.ref)
        wanted = apply_object(cluster, change, force_conflicts=force_conflicts, dry_run=True).live
    except (ApiError, ConflictError) as error:
        return replace(change, action=Action.BLOCKED, reason=error.message)
    if live is None:
        return replace(change, action=Action.CREATED)
    if presentable(live) == presentable(wanted):
        return change
    return replace(change, action=Action.DRIFTED, reason="the server would make something else of it")


def _told(changes: Iterable[Change]) -> Iterable[str]:
    return (f"{change.ref}: {change.reason}" for change in changes)
