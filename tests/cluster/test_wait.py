"""Waiting on a real API server's watches; the test plays the controllers and the kubelet."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from kubecoder.cluster import Cluster
from kubecoder.errors import ApiError
from kubecoder.rollout.readiness import Verdict
from kubecoder.rollout.wait import WaitResult, WaitTarget, wait_ready
from tests.cluster.simulation import Simulation
from tests.objects import FLEET, READY_STATUS, running, waiting
from tests.rigs.control_plane import ControlPlane
from tests.rigs.waiting import wait_until

TIMEOUT = 30.0


class Heard:
    """What `on_event` was told."""

    def __init__(self) -> None:
        self.verdicts: list[tuple[str, Verdict]] = []

    def __call__(self, name: str, verdict: Verdict) -> None:
        self.verdicts.append((name, verdict))

    def reasons(self, name: str) -> list[str]:
        return [verdict.reason for heard, verdict in self.verdicts if heard == name]


@pytest.fixture
def simulation(cluster: Cluster, namespace: str) -> Simulation:
    return Simulation(cluster, namespace)


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def wait(simulation: Simulation, *names: str, timeout: float = TIMEOUT, **more: object) -> dict[str, WaitResult]:
    targets = [WaitTarget(name, simulation.namespace) for name in names]
    return wait_ready(simulation.cluster, targets, fleet_id=FLEET, timeout=timeout, **more)  # type: ignore[arg-type]


def test_a_rollout_is_followed_until_it_is_ready(simulation: Simulation, background: ThreadPoolExecutor) -> None:
    heard = Heard()
    simulation.deploy("john")
    future = background.submit(wait, simulation, "john", on_event=heard)

    wait_until(lambda: heard.reasons("john") == ["Observing"], what="the Deployment to be seen", seconds=TIMEOUT)
    simulation.observe("john", replicas=1, updatedReplicas=1)
    pod = simulation.create_pod("john")
    wait_until(lambda: "ContainerCreating" in heard.reasons("john"), what="the pod to be seen", seconds=TIMEOUT)
    simulation.report(pod, running(ready=False))
    wait_until(lambda: "NotReady" in heard.reasons("john"), what="the running container to be seen", seconds=TIMEOUT)
    simulation.report(pod, running(), ready=True)
    simulation.observe("john", **READY_STATUS)

    assert future.result(TIMEOUT)["john"] == WaitResult(ready=True, reason="Ready")
    assert heard.reasons("john")[-1] == "Ready"


def test_many_are_waited_for_at_once_each_with_its_own_result(simulation: Simulation) -> None:
    simulation.deploy("john")
    simulation.bring_up("john", running())
    simulation.deploy("jane", replicas=0)
    simulation.deploy("imran")
    simulation.observe("imran", replicas=1, updatedReplicas=1)
    pod = simulation.create_pod("imran")
    simulation.report(pod, waiting("ErrImageNeverPull", "not present, pull policy Never"), phase="Pending")
    simulation.event("Pod", pod, "ErrImageNeverPull", "Container image kubecoder/workspace:1 is not present")

    started = time.monotonic()
    results = wait(simulation, "john", "jane", "imran")

    assert time.monotonic() - started < 10
    assert (results["john"].ready, results["john"].ok) == (True, True)
    assert (results["jane"].stopped, results["jane"].ok) == (True, True)
    assert not results["imran"].ok
    assert results["imran"].reason == "ErrImageNeverPull"
    assert results["imran"].message == (
        "not present, pull policy Never; last event: ErrImageNeverPull: "
        "Container image kubecoder/workspace:1 is not present"
    )


def test_a_fleet_costs_one_list_and_one_watch_per_kind(control_plane: ControlPlane, namespace: str) -> None:
    with Cluster.connect(str(control_plane.kubeconfig)) as cluster:
        simulation = Simulation(cluster, namespace)
        names = [f"user-{number}" for number in range(40)]
        for name in names:
            simulation.deploy(name, replicas=0)
        before = cluster.requests

        results = wait(simulation, *names)

        assert all(result.stopped for result in results.values())
        assert cluster.requests - before <= 4


def test_the_last_generation_is_waited_for_not_one_that_was_seen_before(
    simulation: Simulation, background: ThreadPoolExecutor
) -> None:
    simulation.deploy("john")
    simulation.bring_up("john", running())
    generation = simulation.cluster.get(simulation.deployment_ref("john"))["metadata"]["generation"]
    target = WaitTarget("john", simulation.namespace, generation + 1)

    heard = Heard()
    future: Future[dict[str, WaitResult]] = background.submit(
        wait_ready, simulation.cluster, [target], fleet_id=FLEET, timeout=TIMEOUT, on_event=heard
    )
    wait_until(lambda: heard.reasons("john") == ["Applying"], what="the old generation to be seen", seconds=TIMEOUT)
    simulation.cluster.merge_patch(simulation.deployment_ref("john"), {"spec": {"minReadySeconds": 1}})
    wait_until(lambda: "Observing" in heard.reasons("john"), what="the new generation to be seen", seconds=TIMEOUT)
    simulation.observe("john", **READY_STATUS)

    assert future.result(TIMEOUT)["john"].ready


def test_a_time_out_names_the_last_status_and_the_last_event(simulation: Simulation) -> None:
    simulation.deploy("john")
    simulation.observe("john", replicas=1, updatedReplicas=1)
    pod = simulation.create_pod("john")
    simulation.event("Pod", pod, "FailedMount", 'secret "ws-john-door" not found')

    result = wait(simulation, "john", timeout=1.0)["john"]

    assert (result.timed_out, result.reason) == (True, "ContainerCreating")
    assert result.message == 'not ready within 1 s; last event: FailedMount: secret "ws-john-door" not found'


def test_a_pending_claim_of_a_stopped_workspace_is_not_waited_for(simulation: Simulation) -> None:
    simulation.deploy("john", replicas=0)
    simulation.cluster.create(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": "ws-john-home",
                "namespace": simulation.namespace,
                "labels": simulation.labels("john"),
            },
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
    )

    assert wait(simulation, "john")["john"].stopped


def test_stop_ends_the_wait_at_once(simulation: Simulation, background: ThreadPoolExecutor) -> None:
    simulation.deploy("john")
    stop = threading.Event()
    future = background.submit(wait, simulation, "john", stop=stop)

    stop.set()

    assert future.result(5)["john"].reason == "Interrupted"


def allow(cluster: Cluster, namespace: str, *verbs: str, user: str = "plain") -> None:
    """Let a user do this to Deployments and Pods of one namespace."""
    name = f"{user}-{'-'.join(verbs)}"
    group = "rbac.authorization.k8s.io"
    cluster.create(
        {
            "apiVersion": f"{group}/v1",
            "kind": "Role",
            "metadata": {"name": name, "namespace": namespace},
            "rules": [
                {"apiGroups": ["", "apps"], "resources": ["deployments", "pods", "events"], "verbs": list(verbs)}
            ],
        }
    )
    cluster.create(
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": namespace},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [{"kind": "User", "name": user, "apiGroup": group}],
        }
    )


def test_where_watch_is_forbidden_the_fleet_is_polled(
    simulation: Simulation, control_plane: ControlPlane, background: ThreadPoolExecutor
) -> None:
    allow(simulation.cluster, simulation.namespace, "list")
    simulation.deploy("john")
    with Cluster.connect(str(control_plane.kubeconfig_of("plain"))) as plain:
        heard = Heard()
        target = WaitTarget("john", simulation.namespace)
        future: Future[dict[str, WaitResult]] = background.submit(
            wait_ready, plain, [target], fleet_id=FLEET, timeout=TIMEOUT, on_event=heard
        )
        wait_until(lambda: heard.reasons("john") == ["Observing"], what="the first poll", seconds=TIMEOUT)
        simulation.bring_up("john", running())

        assert future.result(TIMEOUT)["john"].ready


def test_namespaces_are_followed_one_by_one_where_the_whole_cluster_may_not_be_seen(
    simulation: Simulation, control_plane: ControlPlane
) -> None:
    other = Simulation(simulation.cluster, f"{simulation.namespace}-other")
    control_plane.create_namespace(other.namespace)
    targets = []
    for place, name in ((simulation, "john"), (other, "jane")):
        allow(place.cluster, place.namespace, "list", "watch")
        place.deploy(name)
        place.bring_up(name, running())
        targets.append(WaitTarget(name, place.namespace))
    with Cluster.connect(str(control_plane.kubeconfig_of("plain"))) as plain:
        results = wait_ready(plain, targets, fleet_id=FLEET, timeout=TIMEOUT)

    assert {name: result.ready for name, result in results.items()} == {"john": True, "jane": True}


def test_who_may_see_nothing_gets_the_api_servers_refusal(simulation: Simulation, control_plane: ControlPlane) -> None:
    simulation.deploy("john")
    with (
        Cluster.connect(str(control_plane.kubeconfig_of("plain"))) as plain,
        pytest.raises(ApiError, match="cannot list resource") as refusal,
    ):
        wait_ready(plain, [WaitTarget("john", simulation.namespace)], fleet_id=FLEET, timeout=TIMEOUT)

    assert refusal.value.status == 403


def test_an_absent_deployment_is_a_failure_after_a_while(simulation: Simulation) -> None:
    result = wait(simulation, "nobody")["nobody"]

    assert (result.ok, result.reason) == (False, "NotFound")
