"""The state of one workspace, made from its user file, its record and its live objects; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kubecoder.models import pod as pods
from kubecoder.models.manifest import Manifest
from kubecoder.models.user import UserFile
from kubecoder.releases.record import Release
from kubecoder.status.certificate import Certificate
from kubecoder.status.image import image_of, main_image

NOT_DEPLOYED = "NotDeployed"
STOPPED = "Stopped"


@dataclass(frozen=True, slots=True)
class Disk:
    """The volume of the home.

    Attributes:
        requested: What the claim asks for, such as `50Gi`.
        capacity: What it has, empty while unbound.
        phase: `Bound`, `Pending` (fine until a pod wants it) or `Lost`.
        resizing: Kubernetes' word while it grows, such as `FileSystemResizePending`, else empty.
    """

    requested: str
    capacity: str
    phase: str
    resizing: str = ""


@dataclass(frozen=True, slots=True)
class WorkspaceStatus:
    """One row of the fleet's table.

    Attributes:
        in_fleet: Whether there is a user file; without one only the record and the objects are left.
        status: One word: the pod's as kubectl has it, or `Stopped`, `NotDeployed`, `NoPod`.
        message: Why it isn't up, where the cluster says so.
        image: What runs; for a stopped workspace what would run. Empty when it isn't deployed.
        wanted_image: What the fleet's files say; empty without a user file.
        revision: Number of the newest revision, None without a record.
        revision_outcome: What became of it.
        since: When the pod was created; of a stopped workspace None.
    """

    name: str
    namespace: str
    in_fleet: bool
    host: str
    status: str
    message: str = ""
    ready: bool = False
    stopped: bool = False
    ready_containers: int = 0
    containers: int = 0
    restarts: int = 0
    pod: str = ""
    node: str = ""
    image: str = ""
    wanted_image: str = ""
    revision: int | None = None
    revision_outcome: str = ""
    deployed_at: datetime | None = None
    since: datetime | None = None
    certificate: Certificate | None = None
    disk: Disk | None = None

    @property
    def is_deployed(self) -> bool:
        """Whether there is a Deployment."""
        return self.status != NOT_DEPLOYED

    @property
    def version(self) -> str:
        """The tag of the image, or the digest's beginning."""
        return image_version(self.image)

    @property
    def has_image_drift(self) -> bool:
        """Whether what runs isn't what the fleet's files say."""
        return bool(self.image and self.wanted_image) and self.image != self.wanted_image


@dataclass(frozen=True, slots=True)
class Objects:
    """The live objects of one workspace."""

    deployment: Manifest | None = None
    pods: Sequence[Manifest] = ()
    claim: Manifest | None = None
    certificate: Certificate | None = None


def describe(
    name: str,
    namespace: str,
    objects: Objects,
    *,
    user: UserFile | None = None,
    wanted_image: str = "",
    release: Release | None = None,
) -> WorkspaceStatus:
    """Describe one workspace.

    Args:
        name: Its name.
        namespace: Where it is.
        objects: What the cluster holds.
        user: Its user file, None when that has vanished.
        wanted_image: The image that the fleet's files ask for; empty when the user file has vanished.
        release: Its record, None when there is none or nobody may read it.
    """
    pod = pods.current(pod for pod in objects.pods if not pods.is_finished(pod)) or pods.current(objects.pods)
    status, message = _status(objects.deployment, pod)
    revision = release.latest if release else None
    statuses = [container for container in pods.containers(pod) if not container.init] if pod else []
    metadata = pod["metadata"] if pod else {}
    return WorkspaceStatus(
        name=name,
        namespace=namespace,
        in_fleet=user is not None,
        host=user.user.host if user else "",
        status=status,
        message=message,
        ready=pod is not None and pods.is_ready(pod),
        stopped=status == STOPPED,
        ready_containers=sum(container.ready for container in statuses),
        containers=len(statuses),
        restarts=pods.restarts(pod) if pod else 0,
        pod=metadata.get("name", ""),
        node=(pod or {}).get("spec", {}).get("nodeName", ""),
        image=_image(objects.deployment, pod),
        wanted_image=wanted_image,
        revision=revision.number if revision else None,
        revision_outcome=str(revision.outcome) if revision else "",
        deployed_at=revision.created_at if revision else None,
        since=moment(metadata.get("creationTimestamp", "")),
        certificate=objects.certificate,
        disk=_disk(objects.claim),
    )


def image_version(image: str) -> str:
    """Return the tag of an image reference, or the first characters of its digest."""
    repository, at, digest = image.partition("@")
    if at:
        return digest[:19]
    _, colon, tag = repository.rpartition("/")[2].partition(":")
    return tag if colon else ("latest" if image else "")


def moment(text: str) -> datetime | None:
    """Parse the API server's RFC 3339 times; None for an empty one."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _status(deployment: Manifest | None, pod: Manifest | None) -> tuple[str, str]:
    if pod is not None:
        return pods.status_word(pod), _message(pod)
    if deployment is None:
        return NOT_DEPLOYED, ""
    if deployment["spec"].get("replicas", 1) == 0:
        return STOPPED, ""
    refused = pods.condition(deployment, "ReplicaFailure")
    return "NoPod", str(refused.get("message", "")) if refused.get("status") == "True" else ""


def _message(pod: Manifest) -> str:
    scheduled = pods.condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return str(scheduled.get("message") or "")
    for container in pods.containers(pod):
        if container.state != "running" and container.message:
            return f"{container.name}: {container.message}"
    return str(pod.get("status", {}).get("message") or "")


def _image(deployment: Manifest | None, pod: Manifest | None) -> str:
    if pod is not None:
        return image_of(pod["spec"]["containers"])
    return main_image(deployment) if deployment is not None else ""


def _disk(claim: Manifest | None) -> Disk | None:
    if claim is None:
        return None
    status = claim.get("status", {})
    resizing = [entry["type"] for entry in status.get("conditions") or () if entry.get("status") == "True"]
    return Disk(
        requested=claim["spec"]["resources"]["requests"]["storage"],
        capacity=(status.get("capacity") or {}).get("storage", ""),
        phase="Terminating" if pods.is_terminating(claim) else status.get("phase", ""),
        resizing=resizing[0] if resizing else "",
    )
