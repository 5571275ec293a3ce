"""Judge from objects alone whether a workspace is up, on its way, stopped or failing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kubecoder.models import pod as pods
from kubecoder.models.manifest import Manifest

UNSCHEDULABLE_SECONDS = 60.0  # an autoscaler may still add a node
PULL_RETRY_SECONDS = 20.0  # the kubelet's second try comes 10 s and its jitter after the first
SETTLE_SECONDS = 2.0  # pods are seen a little later or earlier than their Deployment
CONFIG_SECONDS = 10.0  # an added Secret key reaches a waiting container at its next sync
CONTROLLER_SECONDS = 10.0  # conditions that controllers clear late, such as an exceeded quota
ABSENT_SECONDS = 10.0

_PULL_REASONS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"}
)
_HOPELESS_REASONS = frozenset({"InvalidImageName", "ErrImageNeverPull"})
_CONFIG_REASONS = frozenset({"CreateContainerConfigError"})
NEVER_STARTED = _PULL_REASONS | _HOPELESS_REASONS | _CONFIG_REASONS | {"ContainerCreating", "PodInitializing"}
"""Reasons of a container that has no log yet."""
_START_REASONS = frozenset(
    {"RunContainerError", "CreateContainerError", "PreCreateHookError", "PreStartHookError", "PostStartHookError"}
)
_DEFINITE_PULL_ERROR = re.compile(
    "not found|manifest unknown|denied|unauthorized|forbidden|authentication|no basic auth"
    "|invalid reference|no match for platform",
    re.IGNORECASE,
)


class Phase(StrEnum):
    """Where a workspace stands."""

    READY = "ready"
    STOPPED = "stopped"
    WAITING = "waiting"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the objects say at one moment.

    Attributes:
        reason: One word, Kubernetes' own where it has one.
        message: What a person reads, without the reason.
        patience: Seconds that a failing state must last before it counts as failed.
        pod: The pod that the verdict is about, or empty.
        container: The container that the verdict is about, or empty.
    """

    phase: Phase
    reason: str
    message: str = ""
    patience: float = 0.0
    pod: str = ""
    container: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}" if self.message else self.reason


CREATING = Verdict(Phase.WAITING, "Creating", "the pod is being created")


def judge(deployment: Manifest | None, pod_list: Sequence[Manifest], *, generation: int = 0) -> Verdict:
    """Judge one workspace by its Deployment and its pods.

    Args:
        deployment: The live Deployment, or None when there is none.
        pod_list: All pods of the workspace, those of older revisions too.
        generation: The Deployment's generation that the caller has written; an older one says nothing.
    """
    if deployment is None or pods.is_terminating(deployment):
        return Verdict(Phase.FAILING, "NotFound", "the Deployment doesn't exist", ABSENT_SECONDS)
    current_generation = deployment["metadata"].get("generation", 0)
    if current_generation < generation:
        return Verdict(Phase.WAITING, "Applying", "the change has not arrived yet")
    if wanted_replicas(deployment) == 0:
        return _judge_stopped(pod_list)
    status = deployment.get("status", {})
    if status.get("observedGeneration", 0) < current_generation:
        return Verdict(Phase.WAITING, "Observing", "the Deployment's controller has not seen the change yet")
    return _judge_rollout(deployment, pod_list)


def wanted_replicas(deployment: Manifest) -> int:
    """Return `spec.replicas`, which the API server defaults to 1."""
    replicas = deployment.get("spec", {}).get("replicas")
    return 1 if replicas is None else int(replicas)


def _judge_stopped(pod_list: Sequence[Manifest]) -> Verdict:
    leaving = [pod for pod in pod_list if not pods.is_finished(pod)]
    if leaving:
        return Verdict(Phase.WAITING, "Stopping", "the pod is ending", pod=_name(leaving[0]))
    return Verdict(Phase.STOPPED, "Stopped")


def _judge_rollout(deployment: Manifest, pod_list: Sequence[Manifest]) -> Verdict:
    wanted = wanted_replicas(deployment)
    status = deployment.get("status", {})
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    if updated >= wanted and total <= updated and status.get("availableReplicas", 0) >= wanted:
        return Verdict(Phase.READY, "Ready")
    refused = pods.condition(deployment, "ReplicaFailure")
    if refused.get("status") == "True" and updated < wanted:
        message = refused.get("message", "")
        reason = "QuotaExceeded" if "exceeded quota" in message else refused.get("reason", "ReplicaFailure")
        return Verdict(Phase.FAILING, reason, message, CONTROLLER_SECONDS)
    if deployment["spec"].get("paused") and updated < wanted:
        return Verdict(Phase.FAILING, "Paused", "somebody paused the Deployment's rollout", SETTLE_SECONDS)
    # With Recreate the first new pod comes when the last old one has gone, so before that every pod is an old one:
    # its crash loop says nothing about what was deployed now, and neither does the old rollout's deadline.
    living = [pod for pod in pod_list if not pods.is_finished(pod)]
    leaving = [pod for pod in living if pods.is_terminating(pod)]
    if updated == 0 and leaving:
        return Verdict(Phase.WAITING, "Replacing", "the pod of the last revision is ending", pod=_name(leaving[0]))
    if updated == 0 and living:
        return CREATING
    # A pod that ends is never the awaited one, which may be seen later than its Deployment's count.
    staying = [pod for pod in living if not pods.is_terminating(pod)]
    return _judge_pods(staying, fallback=_judge_deadline(deployment))


def _judge_deadline(deployment: Manifest) -> Verdict:
    progressing = pods.condition(deployment, "Progressing")
    if progressing.get("status") == "False" and progressing.get("reason") == "ProgressDeadlineExceeded":
        return Verdict(Phase.FAILING, "ProgressDeadlineExceeded", progressing.get("message", ""), CONTROLLER_SECONDS)
    return CREATING


def _judge_pods(living: Sequence[Manifest], *, fallback: Verdict) -> Verdict:
    pod = pods.current(living)
    if pod is None:
        return fallback
    verdict = judge_pod(pod)
    if verdict.phase is Phase.WAITING and fallback.phase is Phase.FAILING:
        message = f"{fallback.message} ({verdict})"
        return Verdict(Phase.FAILING, fallback.reason, message, fallback.patience, verdict.pod, verdict.container)
    return verdict


def judge_pod(pod: Manifest) -> Verdict:
    """Judge one pod that belongs to the revision that is awaited; ready is said by its Deployment alone."""
    name = _name(pod)
    scheduled = pods.condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return _judge_scheduling(name, scheduled)
    statuses = pods.containers(pod)
    verdicts = [_judge_container(name, container) for container in statuses]
    failing = [verdict for verdict in verdicts if verdict.phase is Phase.FAILING]
    if failing:
        return min(failing, key=lambda verdict: verdict.patience)
    waiting = [verdict for verdict in verdicts if verdict.phase is Phase.WAITING]
    if waiting:
        return waiting[0]
    return Verdict(Phase.WAITING, "Unavailable", "the Deployment doesn't count the ready pod yet", pod=name)


def _judge_scheduling(name: str, scheduled: Any) -> Verdict:
    reason, message = scheduled.get("reason") or "Unschedulable", scheduled.get("message") or ""
    if reason == "Unschedulable":
        return Verdict(Phase.FAILING, reason, message, UNSCHEDULABLE_SECONDS, pod=name)
    return Verdict(Phase.WAITING, reason, message, pod=name)


def _judge_container(pod: str, container: pods.ContainerStatus) -> Verdict:
    if container.state == "waiting":
        patience = waiting_patience(container.reason, container.message)
        if patience is not None:
            return Verdict(Phase.FAILING, container.reason, _why(container), patience, pod, container.name)
        return Verdict(Phase.WAITING, container.reason or "Waiting", container.message, 0.0, pod, container.name)
    if container.state == "unknown":
        return Verdict(Phase.WAITING, "ContainerCreating", "", 0.0, pod, container.name)
    if container.init or container.ready:
        return Verdict(Phase.READY, "Ready", "", 0.0, pod, container.name)
    if container.state == "terminated":
        # Not yet a crash loop: the kubelet starts it again at once the first time.
        return Verdict(Phase.WAITING, container.reason or "Terminated", _why(container), 0.0, pod, container.name)
    message = "it runs, its readiness probe hasn't passed yet"
    return Verdict(Phase.WAITING, "NotReady", message, 0.0, pod, container.name)


def waiting_patience(reason: str, message: str) -> float | None:
    """Return how many seconds a waiting reason may last before it counts as failed; None when it is progress."""
    if reason == "CrashLoopBackOff" or reason in _HOPELESS_REASONS:
        return SETTLE_SECONDS
    if reason in _PULL_REASONS:
        return SETTLE_SECONDS if _DEFINITE_PULL_ERROR.search(message) else PULL_RETRY_SECONDS
    if reason in _CONFIG_REASONS:
        return CONFIG_SECONDS
    return SETTLE_SECONDS if reason in _START_REASONS else None


def _why(container: pods.ContainerStatus) -> str:
    ended = ""
    if container.exit_code is not None:
        cause = f" ({container.last_reason})" if container.last_reason not in ("", "Error", "Completed") else ""
        ended = f"exited with code {container.exit_code}{cause}"
    counted = f"{container.restarts} restart{'s' if container.restarts != 1 else ''}" if container.restarts else ""
    return "; ".join(part for part in (ended, counted, container.message) if part)


def _name(pod: Manifest) -> str:
    return str(pod["metadata"]["name"])


class Countdown:
    """Turns verdicts over time into a decision: a failing state counts once it has lasted as long as its patience.

    Pull errors of one container run on one clock, since the kubelet's two words for them take turns and in older
    versions only `ErrImagePull` carries the cause; the verdict that allows the least patience is the one that is told.
    """

    def __init__(self) -> None:
        self._verdict: Verdict | None = None
        self._since = 0.0

    def step(self, verdict: Verdict, now: float) -> None:
        """Take the verdict of this moment; `now` is monotonic seconds."""
        if verdict.phase is not Phase.FAILING:
            self._verdict = None
        elif self._verdict is None or _failure_key(self._verdict) != _failure_key(verdict):
            self._verdict, self._since = verdict, now
        elif verdict.patience <= self._verdict.patience:
            self._verdict = verdict

    @property
    def deadline(self) -> float | None:
        """The monotonic moment at which the state counts as failed; None while nothing is failing."""
        return None if self._verdict is None else self._since + self._verdict.patience

    def failure(self, now: float) -> Verdict | None:
        """Return the verdict that counts as failed at `now`, if there is one."""
        return self._verdict if self.deadline is not None and now >= self.deadline else None


def _failure_key(verdict: Verdict) -> tuple[str, str, str]:
    reason = "ImagePull" if verdict.reason in _PULL_REASONS else verdict.reason
    return verdict.pod, verdict.container, reason
