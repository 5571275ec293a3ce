"""One workspace in detail: its containers, conditions, events and addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from kubecoder.cluster import Cluster
from kubecoder.cluster.kinds import EVENT, POD
from kubecoder.errors import ApiError
from kubecoder.models import events as kube_events
from kubecoder.models import pod as pods
from kubecoder.models.manifest import Manifest, ObjectRef
from kubecoder.models.user import UserFile
from kubecoder.status.workspace import WorkspaceStatus, moment

EVENTS_SHOWN = 10

PAGES: Mapping[str, str] = {
    "dashboard": "/oauth/",
    "ide": "/oauth/ide/",
    "terminal": "/oauth/terminal/",
    "browser": "/oauth/browser/",
    "api": "/api/claude/",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the pod, its Deployment or its claim; `count` is how often it was seen."""

    type: str
    reason: str
    message: str
    subject: str
    count: int
    last_seen: datetime | None


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of the pod."""

    type: str
    status: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Detail:
    """What `status NAME` shows under the row of the table.

    Attributes:
        events: Newest first.
        urls: What it is → address; empty without a user file.
    """

    containers: tuple[pods.ContainerStatus, ...]
    conditions: tuple[Condition, ...]
    events: tuple[Event, ...]
    urls: Mapping[str, str]


def detail(cluster: Cluster, status: WorkspaceStatus, user: UserFile | None) -> Detail:
    """Read what the fleet's table leaves out; events that nobody may read are left out."""
    pod = cluster.find(ObjectRef(POD.api_version, POD.name, status.namespace, status.pod)) if status.pod else None
    names = {f"ws-{status.name}", f"ws-{status.name}-home", status.pod}
    return Detail(
        containers=pods.containers(pod) if pod else (),
        conditions=_conditions(pod) if pod else (),
        events=tuple(newest(_events(cluster, status.namespace, names))),
        urls=urls(user) if user else {},
    )


def urls(user: UserFile) -> dict[str, str]:
    """Return the addresses of a workspace."""
    scheme = "https" if user.ingress.tls.enabled or user.ingress.gateway else "http"
    return {page: f"{scheme}://{user.user.host}{path}" for page, path in PAGES.items()}


def newest(events: Iterable[Manifest], limit: int = EVENTS_SHOWN) -> list[Event]:
    """Return the newest events, newest first."""
    ordered = sorted(events, key=kube_events.last_seen, reverse=True)
    return [_event(event) for event in ordered[:limit]]


def _events(cluster: Cluster, namespace: str, names: Iterable[str]) -> list[Manifest]:
    selectors = [f"involvedObject.name={name}" for name in sorted(names) if name]
    try:
        listed = cluster.map(lambda fields: list(cluster.list(EVENT, namespace=namespace, fields=fields)), selectors)
    except ApiError as error:
        if error.status != 403:
            raise
        return []
    return [event for part in listed for event in part]


def _event(event: Manifest) -> Event:
    subject = event.get("involvedObject", {})
    return Event(
        type=event.get("type", ""),
        reason=event.get("reason", ""),
        message=kube_events.message(event),
        subject=f"{subject.get('kind', '')}/{subject.get('name', '')}",
        count=(event.get("series") or {}).get("count") or event.get("count") or 1,
        last_seen=moment(kube_events.last_seen(event)),
    )


def _conditions(pod: Manifest) -> tuple[Condition, ...]:
    return tuple(
        Condition(entry["type"], entry["status"], entry.get("reason") or "", entry.get("message") or "")
        for entry in pod.get("status", {}).get("conditions") or ()
    )
