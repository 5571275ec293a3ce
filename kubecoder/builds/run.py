"""Run a build in the cluster: make its pod, pass on what it prints, and leave nothing behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kubecoder.builds import kaniko
from kubecoder.builds.kaniko import Build
from kubecoder.cluster import Cluster, logs, pods
from kubecoder.cluster.pods import NoPodError, Place
from kubecoder.errors import ApiError, BlockedError, ClusterError, KubecoderError, NotFoundError, WaitTimeoutError
from kubecoder.models import pod as pod_status
from kubecoder.models.manifest import Manifest, ObjectRef, ref_of
from kubecoder.models.user import UserFile

POLL_SECONDS = 1.0
# What doesn't pass by waiting.
_HOPELESS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"})


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told what happens: each change of the pod's state, and each line that the build prints."""

    on_state: Callable[[str], None]
    on_line: Callable[[str], None]


def prepare(cluster: Cluster, user: UserFile, build: Build, *, seconds: float) -> tuple[Manifest, Manifest]:
    """Return the policy and the pod of a build, as the live workspace needs them.

    Raises:
        NotFoundError: The workspace isn't deployed.
    """
    out = cluster.find(ObjectRef("networking.k8s.io/v1", "NetworkPolicy", user.namespace, f"ws-{user.name}-out"))
    if out is None:
        raise NotFoundError(f"{user.name} isn't deployed", hint=f"kubecoder deploy {user.name}")
    policy = kaniko.policy(user, out["spec"].get("egress") or ())
    return policy, kaniko.pod(user, build, seconds=seconds, node=_node(cluster, user))


def check(cluster: Cluster, manifests: tuple[Manifest, Manifest]) -> None:
    """Ask the API server whether it would take them; write nothing.

    Raises:
        ApiError: It wouldn't.
    """
    for manifest in manifests:
        with _explained(manifest):
            cluster.apply(manifest, dry_run=True)


def run(cluster: Cluster, manifests: tuple[Manifest, Manifest], listener: Listener, *, seconds: float) -> int:
    """Build, and return kaniko's exit code.

    Raises:
        BlockedError: A build of this workspace runs already.
        ClusterError: The pod can't start; with the reason.
        WaitTimeoutError: It didn't end in time.
    """
    policy, wanted = manifests
    # The policy is there before the pod is, as with workspaces.
    _clear(cluster, ref_of(wanted))
    cluster.apply(policy, force=True)
    try:
        with _explained(wanted):
            created = cluster.create(wanted)
        try:
            return _follow(cluster, created, listener, time.monotonic() + seconds)
        finally:
            _delete(cluster, ref_of(created), created["metadata"]["uid"])
    finally:
        _delete(cluster, ref_of(policy))


def _follow(cluster: Cluster, created: Manifest, listener: Listener, deadline: float) -> int:
    _wait(cluster, created, listener, deadline, until=_has_begun)
    name, namespace = created["metadata"]["name"], created["metadata"]["namespace"]
    with logs.stream(cluster, namespace, name, follow=True) as lines:
        for line in lines:
            listener.on_line(line.decode(errors="replace").rstrip("\r\n"))
    ended = _wait(cluster, created, listener, deadline, until=pod_status.is_finished)
    if ended["status"].get("reason") == "DeadlineExceeded":
        raise WaitTimeoutError(f"the build in {namespace}/{name} took too long", hint="give it more with --timeout")
    code = pod_status.containers(ended)[0].exit_code
    return 1 if code is None else code


def _wait(
    cluster: Cluster, created: Manifest, listener: Listener, deadline: float, *, until: Callable[[Manifest], bool]
) -> Manifest:
    told = ""
    while True:
        pod = cluster.get(ref_of(created))
        if until(pod):
            return pod
        word = pod_status.status_word(pod)
        if word != told:
            listener.on_state(told := word)
        if word in _HOPELESS:
            message = next((part.message for part in pod_status.containers(pod) if part.message), "")
            raise ClusterError(f"the build can't start: {word}: {message}", hint="set build.kanikoImage")
        if time.monotonic() > deadline:
            raise WaitTimeoutError(f"the build's pod is still {word}", hint="give it more with --timeout")
        time.sleep(POLL_SECONDS)


def _has_begun(pod: Manifest) -> bool:
    return pod_status.is_finished(pod) or pod_status.containers(pod)[0].state in ("running", "terminated")


def _node(cluster: Cluster, user: UserFile) -> str:
    """Return the node where the workspace's home is in use, or nothing."""
    try:
        return str(pods.find(cluster, Place(user.fleet_id, user.name, user.namespace))["spec"].get("nodeName") or "")
    except NoPodError:
        return ""


def _clear(cluster: Cluster, ref: ObjectRef) -> None:
    """Remove the pod of a build whose command was killed.

    Raises:
        BlockedError: It still builds.
    """
    old = cluster.find(ref)
    if old is None:
        return
    if not pod_status.is_finished(old):
        raise BlockedError(
            f"another build of this workspace runs: {ref}",
            hint=f"wait for it, or kubectl delete pod -n {ref.namespace} {ref.name}",
        )
    _delete(cluster, ref, old["metadata"]["uid"])
    deadline = time.monotonic() + 30
    while cluster.find(ref) is not None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _delete(cluster: Cluster, ref: ObjectRef, uid: str | None = None) -> None:
    try:
        cluster.delete(ref, uid=uid)
    except ApiError as error:
        if error.status != 404:
            raise


@contextmanager
def _explained(manifest: Manifest) -> Iterator[None]:
    """Say what to do when Pod Security refuses the pod."""
    try:
        yield
    except ApiError as error:
        if error.status == 403 and "PodSecurity" in error.message:
            namespace = manifest["metadata"]["namespace"]
            raise KubecoderError(
                f"{namespace} refuses the build: {error.message}",
                hint=f"kaniko is root in its container: kubectl label namespace {namespace} --overwrite "
                "pod-security.kubernetes.io/enforce=baseline",
            ) from error
        raise
