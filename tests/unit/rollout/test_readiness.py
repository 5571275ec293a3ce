from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecoder.models.manifest import Manifest
from kubecoder.rollout import readiness
from kubecoder.rollout.readiness import Countdown, Phase, Verdict, judge
from tests.objects import (
    READY_STATUS,
    deployment,
    pod,
    ready_deployment,
    running,
    terminated,
    unschedulable,
    waiting,
)

UPDATED = {"replicas": 1, "updatedReplicas": 1}
QUOTA = 'pods "ws-john-7d4" is forbidden: exceeded quota: ws-john, requested: limits.memory=9Gi, used: 0, limited: 4Gi'


def updated(**more: Any) -> Manifest:
    """A Deployment whose pods are those of the new revision."""
    return deployment(status=UPDATED, **more)


def failed_condition(kind: str, reason: str, message: str, status: str) -> list[dict[str, Any]]:
    return [{"type": kind, "status": status, "reason": reason, "message": message}]


DEADLINE = failed_condition("Progressing", "ProgressDeadlineExceeded", "has timed out progressing.", "False")


@pytest.mark.parametrize(
    ("live", "pod_list", "phase", "reason"),
    [
        pytest.param(ready_deployment(), [pod(running(), ready=True)], "ready", "Ready", id="complete"),
        pytest.param(ready_deployment(replicas=None), [pod(running())], "ready", "Ready", id="replicas default to one"),
        pytest.param(
            ready_deployment(observed=1), [pod(running())], "waiting", "Observing", id="an older generation is complete"
        ),
        pytest.param(
            deployment(replicas=0, observed=0), [], "stopped", "Stopped", id="stopped, with no controller about"
        ),
        pytest.param(deployment(replicas=0), [pod(running(), deleted=True)], "waiting", "Stopping", id="stopping"),
        pytest.param(
            deployment(replicas=0), [pod(phase="Failed")], "stopped", "Stopped", id="only a finished pod is left"
        ),
        pytest.param(updated(), [pod(running(ready=False))], "waiting", "NotReady", id="readiness probe"),
        pytest.param(updated(), [pod(running())], "waiting", "Unavailable", id="pod ready before its Deployment"),
        pytest.param(updated(), [pod()], "waiting", "ContainerCreating", id="scheduled, no status yet"),
        pytest.param(updated(), [], "waiting", "Creating", id="the pod hasn't been seen yet"),
        pytest.param(
            updated(), [pod(phase="Failed", reason="Evicted")], "waiting", "Creating", id="evicted, to be replaced"
        ),
        pytest.param(updated(), [pod(waiting("ContainerCreating"))], "waiting", "ContainerCreating", id="creating"),
        pytest.param(updated(), [pod(terminated())], "waiting", "Error", id="ended once, not a loop"),
        pytest.param(
            updated(), [pod(waiting("PodInitializing"), init=(running("i"),))], "waiting", "PodInitializing", id="init"
        ),
        pytest.param(
            deployment(), [pod(waiting("CrashLoopBackOff"))], "waiting", "Creating", id="the old revision's crash loop"
        ),
        pytest.param(deployment(), [pod(running(), deleted=True)], "waiting", "Replacing", id="the old revision ends"),
        pytest.param(
            updated(),
            [pod(waiting("CrashLoopBackOff"), deleted=True)],
            "waiting",
            "Creating",
            id="only the old revision's pod has been seen",
        ),
        pytest.param(
            deployment(conditions=DEADLINE), [pod(running())], "waiting", "Creating", id="the old revision's deadline"
        ),
        pytest.param(
            deployment(status={**READY_STATUS, "replicas": 2}), [], "waiting", "Creating", id="an old pod is counted"
        ),
        pytest.param(updated(), [pod(waiting("CrashLoopBackOff"))], "failing", "CrashLoopBackOff", id="crash loop"),
        pytest.param(
            updated(),
            [pod(running(), waiting("CrashLoopBackOff", name="oauth2-proxy"))],
            "failing",
            "CrashLoopBackOff",
            id="door",
        ),
        pytest.param(updated(), [pod(waiting("ErrImagePull"))], "failing", "ErrImagePull", id="first pull"),
        pytest.param(updated(), [pod(waiting("ImagePullBackOff"))], "failing", "ImagePullBackOff", id="pull back-off"),
        pytest.param(
            updated(), [pod(waiting("ErrImageNeverPull"))], "failing", "ErrImageNeverPull", id="absent, never pulled"
        ),
        pytest.param(updated(), [pod(waiting("InvalidImageName"))], "failing", "InvalidImageName", id="image name"),
        pytest.param(
            updated(),
            [pod(waiting("CreateContainerConfigError"))],
            "failing",
            "CreateContainerConfigError",
            id="no such Secret",
        ),
        pytest.param(updated(), [pod(waiting("RunContainerError"))], "failing", "RunContainerError", id="runtime"),
        pytest.param(
            updated(),
            [pod(waiting("PodInitializing"), init=(waiting("CrashLoopBackOff", name="i"),))],
            "failing",
            "CrashLoopBackOff",
            id="init crash loop",
        ),
        pytest.param(updated(), [unschedulable()], "failing", "Unschedulable", id="unschedulable"),
        pytest.param(
            deployment(conditions=failed_condition("ReplicaFailure", "FailedCreate", QUOTA, "True")),
            [],
            "failing",
            "QuotaExceeded",
            id="quota",
        ),
        pytest.param(
            deployment(conditions=failed_condition("ReplicaFailure", "FailedCreate", "violates PodSecurity", "True")),
            [],
            "failing",
            "FailedCreate",
            id="admission",
        ),
        pytest.param(updated(conditions=DEADLINE), [], "failing", "ProgressDeadlineExceeded", id="deadline"),
        pytest.param(
            updated(conditions=DEADLINE),
            [pod(running(ready=False))],
            "failing",
            "ProgressDeadlineExceeded",
            id="never ready",
        ),
        pytest.param(deployment(paused=True), [], "failing", "Paused", id="paused"),
        pytest.param(
            ready_deployment(paused=True), [pod(running())], "ready", "Ready", id="paused after it was complete"
        ),
        pytest.param(None, [], "failing", "NotFound", id="absent"),
    ],
)
def test_verdict(live: Manifest | None, pod_list: list[Manifest], phase: str, reason: str) -> None:
    verdict = judge(live, pod_list)

    assert (verdict.phase, verdict.reason) == (phase, reason)


def test_a_deployment_that_is_being_deleted_counts_as_absent() -> None:
    live = ready_deployment()
    live["metadata"]["deletionTimestamp"] = "2026-01-01T10:00:00Z"

    assert judge(live, []).reason == "NotFound"


def test_what_was_seen_before_the_callers_write_says_nothing() -> None:
    assert judge(ready_deployment(generation=4), [], generation=5).reason == "Applying"
    assert judge(ready_deployment(generation=5), [], generation=5).phase is Phase.READY


def test_a_waiting_condition_of_the_scheduler_that_is_not_unschedulable_is_progress() -> None:
    gated = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "message": "gated"}

    assert judge(updated(), [pod(phase="Pending", conditions=[gated])]).phase is Phase.WAITING


def test_the_failure_with_the_least_patience_is_told() -> None:
    manifest = pod(waiting("ErrImagePull", "i/o timeout", name="ide"), waiting("CrashLoopBackOff", name="oauth2-proxy"))

    assert judge(updated(), [manifest]).container == "oauth2-proxy"


def test_the_message_of_a_crash_loop_has_the_exit_code_and_its_cause() -> None:
    last = {"exitCode": 137, "reason": "OOMKilled"}

    verdict = judge(updated(), [pod(waiting("CrashLoopBackOff", "back-off 40s", restarts=3, last=last))])

    assert str(verdict) == "CrashLoopBackOff: exited with code 137 (OOMKilled); 3 restarts; back-off 40s"


def test_the_deadline_keeps_what_the_pod_waits_for() -> None:
    verdict = judge(updated(conditions=DEADLINE), [pod(waiting("ContainerCreating"))])

    assert verdict.message == "has timed out progressing. (ContainerCreating)"


@pytest.mark.parametrize(
    ("reason", "message", "seconds"),
    [
        ("CrashLoopBackOff", "", readiness.SETTLE_SECONDS),
        ("InvalidImageName", "", readiness.SETTLE_SECONDS),
        ("ErrImagePull", 'failed to resolve reference "x": docker.io/x:1: not found', readiness.SETTLE_SECONDS),
        ("ImagePullBackOff", "pull access denied, repository does not exist", readiness.SETTLE_SECONDS),
        ("ErrImagePull", "dial tcp 10.0.0.1:443: i/o timeout", readiness.PULL_RETRY_SECONDS),
        ("CreateContainerConfigError", 'secret "x" not found', readiness.CONFIG_SECONDS),
        ("RunContainerError", "", readiness.SETTLE_SECONDS),
        ("ContainerCreating", "", None),
        ("PodInitializing", "", None),
    ],
)
def test_patience_with_a_waiting_reason(reason: str, message: str, seconds: float | None) -> None:
    assert readiness.waiting_patience(reason, message) == seconds


def failing(reason: str = "Unschedulable", patience: float = 60.0, container: str = "") -> Verdict:
    return Verdict(Phase.FAILING, reason, "why", patience, "p", container)


def test_countdown_fails_only_when_the_state_has_lasted() -> None:
    countdown = Countdown()
    countdown.step(failing(), 100.0)

    assert countdown.deadline == 160.0
    assert countdown.failure(159.9) is None
    assert countdown.failure(160.0) == failing()


def test_countdown_starts_again_after_progress() -> None:
    countdown = Countdown()
    countdown.step(failing(), 0.0)
    countdown.step(Verdict(Phase.WAITING, "ContainerCreating"), 30.0)
    assert countdown.deadline is None

    countdown.step(failing(), 40.0)
    assert countdown.deadline == 100.0


def test_countdown_starts_again_for_another_failure() -> None:
    countdown = Countdown()
    countdown.step(failing(container="ide"), 0.0)
    countdown.step(failing(container="dind"), 30.0)

    assert countdown.deadline == 90.0


def test_pull_errors_run_on_one_clock_and_the_definite_one_is_told() -> None:
    definite = failing("ErrImagePull", 2.0, "ide")
    countdown = Countdown()
    countdown.step(failing("ImagePullBackOff", 20.0, "ide"), 0.0)
    countdown.step(definite, 1.0)
    countdown.step(failing("ImagePullBackOff", 20.0, "ide"), 1.5)

    assert countdown.deadline == 2.0
    assert countdown.failure(2.0) == definite


verdicts = st.builds(
    Verdict,
    st.sampled_from(Phase),
    st.sampled_from(["ErrImagePull", "ImagePullBackOff", "CrashLoopBackOff", "Unschedulable", "Creating"]),
    patience=st.sampled_from([0.0, 2.0, 20.0, 60.0]),
    container=st.sampled_from(["ide", "oauth2-proxy"]),
)


@given(st.lists(st.tuples(verdicts, st.floats(0, 30)), min_size=1))
def test_countdown_never_fails_on_a_state_that_is_not_failing_now(steps: list[tuple[Verdict, float]]) -> None:
    countdown, now = Countdown(), 0.0
    for verdict, pause in steps:
        now += pause
        countdown.step(verdict, now)
        assert (countdown.deadline is not None) == (verdict.phase is Phase.FAILING)
        failure = countdown.failure(now)
        if failure is not None:
            assert verdict.phase is Phase.FAILING
            assert failure.patience <= verdict.patience
            assert failure.container == verdict.container


STATES = [
    running(),
    running(ready=False),
    terminated(),
    waiting("CrashLoopBackOff"),
    waiting("ErrImagePull"),
    waiting("X"),
]
counts = st.fixed_dictionaries(
    {}, optional={name: st.integers(0, 2) for name in ("replicas", "updatedReplicas", "availableReplicas")}
)


@given(
    replicas=st.one_of(st.none(), st.integers(0, 2)),
    observed=st.integers(0, 3),
    generation=st.integers(0, 4),
    status=counts,
    conditions=st.sampled_from([None, DEADLINE, failed_condition("ReplicaFailure", "FailedCreate", QUOTA, "True")]),
    states=st.lists(
        st.tuples(st.sampled_from(STATES), st.booleans(), st.sampled_from(["Running", "Failed"])), max_size=3
    ),
)
def test_ready_is_only_said_of_a_complete_rollout_of_the_awaited_generation(
    replicas: int | None,
    observed: int,
    generation: int,
    status: dict[str, int],
    conditions: list[dict[str, Any]] | None,
    states: list[tuple[dict[str, Any], bool, str]],
) -> None:
    live = deployment(replicas=replicas, observed=observed, generation=3, status=status, conditions=conditions)
    pod_list = [pod(state, name=f"p{i}", deleted=gone, phase=phase) for i, (state, gone, phase) in enumerate(states)]

    verdict = judge(live, pod_list, generation=generation)

    if verdict.phase is Phase.READY:
        wanted = 1 if replicas is None else replicas
        assert generation <= 3 == observed
        assert wanted > 0
        assert status["updatedReplicas"] >= max(wanted, status.get("replicas", 0))
        assert status["availableReplicas"] >= wanted
    if verdict.phase is Phase.STOPPED:
        assert replicas == 0
    assert verdict.reason
