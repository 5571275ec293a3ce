"""Waiting for what the real Deployment controller does; the test plays only the scheduler and the kubelet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from kubecoder.cluster import Cluster
from kubecoder.cluster.kinds import POD
from kubecoder.models.manifest import Manifest
from kubecoder.models.pod import is_terminating
from kubecoder.rollout.readiness import Verdict
from kubecoder.rollout.wait import WaitResult, WaitTarget, wait_ready
from tests.cluster.simulation import Simulation
from tests.objects import FLEET, running, waiting
from tests.rigs.waiting import wait_until

TIMEOUT = 60.0


@pytest.fixture
def simulation(managed_cluster: Cluster, managed_namespace: str) -> Simulation:
    return Simulation(managed_cluster, managed_namespace)


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def waited(simulation: Simulation, generation: int, hear: Callable[[str, Verdict], None] | None = None) -> WaitResult:
    target = WaitTarget("john", simulation.namespace, generation)
    return wait_ready(simulation.cluster, [target], fleet_id=FLEET, timeout=TIMEOUT, on_event=hear)["john"]


def next_pod(simulation: Simulation) -> str:
    """Wait for the controllers to make a pod, and put it on a node."""

    def find() -> Manifest | None:
        listed = simulation.cluster.list(POD, namespace=simulation.namespace)
        return next((pod for pod in listed if not is_terminating(pod)), None)

    found = wait_until(find, what="a pod", seconds=TIMEOUT)
    assert found is not None
    name = str(found["metadata"]["name"])
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name},
        "target": {"kind": "Node", "name": "n"},
    }
    simulation.cluster.request("POST", POD.path(simulation.namespace, name, "binding"), body=binding)
    return name


def end(simulation: Simulation, pod: str) -> None:
    """Remove a pod that was deleted, as the kubelet does when its containers have ended."""
    path = POD.path(simulation.namespace, pod)
    simulation.cluster.request("DELETE", path, body={"gracePeriodSeconds": 0})


def change(simulation: Simulation, image: str) -> int:
    """Change the template; give the new generation."""
    containers = [{"name": "ide", "image": image}]
    body = {"spec": {"template": {"spec": {"containers": containers}}}}
    return int(simulation.cluster.merge_patch(simulation.deployment_ref("john"), body)["metadata"]["generation"])


def test_a_crash_loop_of_the_last_revision_never_fails_the_next(
    simulation: Simulation, background: ThreadPoolExecutor
) -> None:
    simulation.deploy("john")
    old = next_pod(simulation)
    simulation.report(old, waiting("CrashLoopBackOff", restarts=9))
    assert waited(simulation, 1).reason == "CrashLoopBackOff"

    heard: list[str] = []
    generation = change(simulation, "kubecoder/workspace:2")
    future = background.submit(waited, simulation, generation, lambda _, verdict: heard.append(verdict.reason))
    wait_until(lambda: "Replacing" in heard, what="the old pod's end to be seen", seconds=TIMEOUT)
    end(simulation, old)
    new = next_pod(simulation)
    simulation.report(new, running(ready=False))
    wait_until(lambda: "NotReady" in heard, what="the new pod to be seen", seconds=TIMEOUT)
    simulation.report(new, running(), ready=True)

    assert future.result() == WaitResult(ready=True, reason="Ready")
    assert "CrashLoopBackOff" not in heard


def test_a_pod_that_the_quota_refuses_is_told_with_the_quotas_name(simulation: Simulation) -> None:
    simulation.cluster.create(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "tight", "namespace": simulation.namespace},
            "spec": {"hard": {"pods": "0"}},
        }
    )

    def is_enforced() -> bool:
        path = f"/api/v1/namespaces/{simulation.namespace}/resourcequotas/tight"
        return bool(simulation.cluster.request("GET", path)["status"].get("hard"))

    wait_until(is_enforced, what="the quota's status", seconds=TIMEOUT)
    simulation.deploy("john")

    result = waited(simulation, 1)

    assert (result.ok, result.timed_out, result.reason) == (False, False, "QuotaExceeded")
    assert "exceeded quota: tight" in result.message


def test_a_stopped_workspace_is_done_once_its_pod_has_ended(
    simulation: Simulation, background: ThreadPoolExecutor
) -> None:
    simulation.deploy("john")
    pod = next_pod(simulation)
    simulation.report(pod, running(), ready=True)
    assert waited(simulation, 1).ready

    heard: list[str] = []
    ref = simulation.deployment_ref("john")
    generation = simulation.cluster.merge_patch(ref, {"spec": {"replicas": 0}})["metadata"]["generation"]
    future = background.submit(waited, simulation, generation, lambda _, verdict: heard.append(verdict.reason))
    wait_until(lambda: "Stopping" in heard, what="the stop to be seen", seconds=TIMEOUT)
    wait_until(lambda: is_terminating(simulation.cluster.get(simulation.pod_ref(pod))), what="the end", seconds=TIMEOUT)
    end(simulation, pod)

    assert future.result().stopped


def test_a_paused_rollout_says_so(simulation: Simulation) -> None:
    simulation.deploy("john")
    simulation.cluster.merge_patch(simulation.deployment_ref("john"), {"spec": {"paused": True}})
    generation = change(simulation, "kubecoder/workspace:2")

    assert waited(simulation, generation).reason == "Paused"
