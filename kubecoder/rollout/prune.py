"""Delete what is recorded as ours and not rendered any more, and never anything else."""

from __future__ import annotations

from kubecoder.cluster import Cluster
from kubecoder.errors import ApiError
from kubecoder.rollout.changes import Action, Change


def prune_object(cluster: Cluster, change: Change) -> Change:
    """Delete one object with its UID as precondition.

    Returns:
        The change as it came out: pruned, or retained when somebody put another object in its place.
    """
    try:
        cluster.delete(change.ref, uid=change.uid)
    except ApiError as error:
        if error.status == 404:
            return change
        if error.status == 409:
            return Change(change.ref, Action.RETAINED, uid=change.uid, reason="not pruned: its UID changed")
        raise
    return change
