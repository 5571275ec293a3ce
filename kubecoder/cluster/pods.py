"""Find the pod that a workspace is now, or say what a person should do to get one."""

from __future__ import annotations

from dataclasses import dataclass

from kubecoder.cluster.api import Cluster
from kubecoder.cluster.kinds import DEPLOYMENT, POD
from kubecoder.errors import KubecoderError, NotFoundError
from kubecoder.models import pod as pods
from kubecoder.models.manifest import LABEL_FLEET, LABEL_WORKSPACE, Manifest

MAIN_CONTAINER = "ide"


class NoPodError(KubecoderError):
    """The workspace has no pod to talk to now, but may have one later."""


class StoppedError(NoPodError):
    """The workspace has no pod because somebody stopped it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the objects of one workspace are."""

    fleet_id: str
    name: str
    namespace: str

    @property
    def labels(self) -> str:
        """The selector of the workspace's objects."""
        return f"{LABEL_FLEET}={self.fleet_id},{LABEL_WORKSPACE}={self.name}"


def find(cluster: Cluster, place: Place) -> Manifest:
    """Find the workspace's pod, whatever its state.

    Raises:
        NotFoundError: The workspace isn't deployed.
        StoppedError: It has zero replicas.
        NoPodError: Its pod isn't there yet.
    """
    listed = cluster.list(POD, namespace=place.namespace, labels=place.labels)
    pod = pods.current(pod for pod in listed if not pods.is_finished(pod))
    if pod is not None:
        return pod
    deployment = next(cluster.list(DEPLOYMENT, namespace=place.namespace, labels=place.labels), None)
    if deployment is None:
        raise NotFoundError(f"{place.name} isn't deployed", hint=f"kubecoder deploy {place.name}")
    if deployment["spec"].get("replicas") == 0:
        raise StoppedError(f"{place.name} is stopped", hint=f"kubecoder start {place.name}")
    raise NoPodError(f"{place.name} has no pod yet", hint=f"kubecoder status {place.name}")


def find_running(cluster: Cluster, place: Place, container: str = "") -> tuple[Manifest, str]:
    """Find the workspace's pod and a container in it that runs.

    Args:
        cluster: Where to look.
        place: The workspace.
        container: Empty means the workspace's own.

    Raises:
        NotFoundError: The workspace isn't deployed, or has no such container.
        NoPodError: It is stopped, or the container doesn't run.
    """
    pod = find(cluster, place)
    chosen = choose_container(pod, container)
    if pods.is_terminating(pod):
        raise NoPodError(f"{place.name}: its pod is ending", hint=f"kubecoder status {place.name} --watch")
    status = next(status for status in pods.containers(pod) if status.name == chosen)
    if status.state != "running":
        word = status.reason or pods.status_word(pod)
        raise NoPodError(
            f"{place.name}: container {chosen} isn't running: {word}", hint=f"kubecoder status {place.name}"
        )
    return pod, chosen


def choose_container(pod: Manifest, container: str = "") -> str:
    """Return the container's name, checked; empty means the workspace's own.

    Raises:
        NotFoundError: The pod has no such container.
    """
    names = [status.name for status in pods.containers(pod)]
    if not container:
        return MAIN_CONTAINER if MAIN_CONTAINER in names else names[0]
    if container not in names:
        raise NotFoundError(
            f"pod {pod['metadata']['name']} has no container {container}", hint=f"containers: {', '.join(names)}"
        )
    return container
