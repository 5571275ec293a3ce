"""Find what a person needs to know about a workspace that doesn't come up: its last event, its last log lines."""

from __future__ import annotations

from dataclasses import dataclass

from kubecoder.cluster import Cluster, logs
from kubecoder.cluster.kinds import EVENT
from kubecoder.errors import ClusterError
from kubecoder.models import events
from kubecoder.models.manifest import Manifest
from kubecoder.rollout.readiness import NEVER_STARTED, Verdict

LOG_LINES = 10


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was found; both are empty when there is nothing, or nobody may read it."""

    event: str = ""
    log: tuple[str, ...] = ()


def explain(cluster: Cluster, namespace: str, workspace: str, verdict: Verdict) -> Explanation:
    """Read the events of what the verdict is about, and the log of the container that it names."""
    subjects = [verdict.pod or f"ws-{workspace}"]
    if verdict.reason == "Unschedulable":
        # The claim's own event says why no volume could be made; the pod's says only that there is none.
        subjects.append(f"ws-{workspace}-home")
    found = [event for subject in subjects for event in _events(cluster, namespace, subject)]
    return Explanation(_told(events.most_telling(found, verdict.container), verdict), _log(cluster, namespace, verdict))


def _told(event: Manifest | None, verdict: Verdict) -> str:
    """Write an event, unless the verdict says the same."""
    message = events.message(event) if event else ""
    if event is None or not message or message in verdict.message:
        return ""
    return f"{event.get('reason', '')}: {message}"


def _events(cluster: Cluster, namespace: str, name: str) -> list[Manifest]:
    try:
        return list(cluster.list(EVENT, namespace=namespace, fields=f"involvedObject.name={name}"))
    except ClusterError:
        return []


def _log(cluster: Cluster, namespace: str, verdict: Verdict) -> tuple[str, ...]:
    if not verdict.container or verdict.reason in NEVER_STARTED:
        return ()
    try:
        return tuple(logs.tail(cluster, namespace, verdict.pod, verdict.container, lines=LOG_LINES))
    except ClusterError:
        return ()
