import pytest

from kubecoder.models import pod as pods
from kubecoder.models.manifest import Manifest
from tests.objects import container_status, pod, running, terminated, unschedulable, waiting


@pytest.mark.parametrize(
    ("manifest", "word"),
    [
        pytest.param(pod(running(), ready=True), "Running", id="running"),
        pytest.param(pod(waiting("ContainerCreating"), phase="Pending"), "ContainerCreating", id="creating"),
        pytest.param(
            pod(running(), waiting("CrashLoopBackOff", name="oauth2-proxy")), "CrashLoopBackOff", id="crash loop"
        ),
        pytest.param(pod(terminated(reason="OOMKilled", code=137)), "OOMKilled", id="out of memory"),
        pytest.param(pod(terminated(reason="", code=9)), "ExitCode:9", id="no reason"),
        pytest.param(pod(terminated(reason="Completed", code=0), phase="Succeeded"), "Succeeded", id="completed"),
        pytest.param(pod(running(), deleted=True), "Terminating", id="terminating"),
        pytest.param(pod(running(), deleted=True, reason="NodeLost"), "Unknown", id="node lost"),
        pytest.param(pod(phase="Failed", reason="Evicted"), "Evicted", id="evicted"),
        pytest.param(unschedulable(), "Unschedulable", id="unschedulable"),
        pytest.param(pod(phase="Pending"), "Pending", id="nothing known yet"),
        pytest.param(
            pod(waiting("PodInitializing"), init=(running("init", ready=False),)), "Init:0/1", id="init container runs"
        ),
        pytest.param(
            pod(waiting("PodInitializing"), init=(waiting("ImagePullBackOff", name="init"),)),
            "Init:ImagePullBackOff",
            id="init container waits",
        ),
        pytest.param(
            pod(waiting("PodInitializing"), init=(terminated("init", code=3, reason=""),)),
            "Init:ExitCode:3",
            id="init failed",
        ),
        pytest.param(
            pod(running(), init=(terminated("init", code=0, reason="Completed"),), ready=True),
            "Running",
            id="init is done",
        ),
        pytest.param(pod(running(), init=(running("sidecar"),), ready=True), "Running", id="a native sidecar runs"),
    ],
)
def test_status_word_is_what_kubectl_shows_or_the_reason_for_pending(manifest: Manifest, word: str) -> None:
    assert pods.status_word(manifest) == word


def test_containers_come_in_the_order_of_the_spec_with_the_image_that_was_asked_for() -> None:
    manifest = pod(running("b"), waiting("Later", name="a"), containers=("a", "b", "c"), image="repo:7")

    statuses = pods.containers(manifest)

    assert [(c.name, c.state, c.image) for c in statuses] == [
        ("a", "waiting", "repo:7"),
        ("b", "running", "repo:7"),
        ("c", "unknown", "repo:7"),
    ]


def test_exit_code_of_the_run_before_is_kept_while_the_container_waits() -> None:
    [container] = pods.containers(
        pod(waiting("CrashLoopBackOff", restarts=3, last={"exitCode": 137, "reason": "OOMKilled"}))
    )

    assert (container.exit_code, container.last_reason, container.restarts) == (137, "OOMKilled", 3)


def test_restarts_are_those_of_all_containers() -> None:
    assert pods.restarts(pod(running("a", restarts=2), running("b", restarts=3))) == 5


def test_a_terminating_pod_is_not_ready_even_when_its_condition_says_so() -> None:
    assert pods.is_ready(pod(running(), ready=True))
    assert not pods.is_ready(pod(running(), ready=True, deleted=True))
    assert not pods.is_ready(pod(running(), ready=False))


def test_current_pod_is_the_newest_that_lives() -> None:
    old = pod(name="old", created="2026-01-01T10:00:00Z")
    new = pod(name="new", created="2026-01-01T11:00:00Z")
    leaving = pod(name="leaving", created="2026-01-01T12:00:00Z", deleted=True)
    evicted = pod(name="evicted", created="2026-01-01T13:00:00Z", phase="Failed")

    assert pods.current([old, leaving, new, evicted]) is new
    assert pods.current([evicted, leaving]) is leaving
    assert pods.current([evicted]) is evicted
    assert pods.current([]) is None


def test_a_state_without_details_is_read() -> None:
    [container] = pods.containers(pod(container_status(running=None)))

    assert (container.state, container.started_at) == ("running", "")
