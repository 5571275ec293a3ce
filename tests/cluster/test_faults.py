"""Faults between the command line and the API server: the same end state, and no storm of requests."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubecoder.models.manifest import LABEL_WORKSPACE
from kubecoder.releases import store
from kubecoder.releases.record import RevisionOutcome
from tests.cluster.live_fleet import LiveFleet, actions
from tests.rigs.control_plane import ControlPlane
from tests.rigs.fault_proxy import Fault, FaultProxy, Matcher, Seen

SERVER_FIELDS = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")


@pytest.fixture
def proxy(control_plane: ControlPlane, tmp_path: Path) -> Iterator[FaultProxy]:
    with FaultProxy(control_plane, tmp_path) as running:
        yield running


@pytest.fixture
def faulty(fleet: LiveFleet, proxy: FaultProxy) -> LiveFleet:
    """The fleet, its commands going through the proxy."""
    fleet.cli = fleet.cli.with_environment(KUBECONFIG=str(proxy.kubeconfig))
    return fleet


def content(fleet: LiveFleet) -> dict[str, Any]:
    """Everything that is there of john and jane, without what the server adds."""
    found = {}
    for api_version, name in (
        ("v1", "ServiceAccount"),
        ("v1", "Secret"),
        ("v1", "ConfigMap"),
        ("v1", "PersistentVolumeClaim"),
        ("v1", "Service"),
        ("apps/v1", "Deployment"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("networking.k8s.io/v1", "Ingress"),
    ):
        kind = fleet.cluster.kind_of(api_version, name)
        for live in fleet.cluster.list(kind, namespace=fleet.namespace, labels=f"{LABEL_WORKSPACE} in (john,jane)"):
            if live.get("type") == "kubecoder.dev/release.v1":
                continue
            metadata = {key: value for key, value in live["metadata"].items() if key not in SERVER_FIELDS}
            found[f"{name}/{metadata['name']}"] = {**live, "metadata": metadata, "status": None}
    for service in (live for key, live in found.items() if key.startswith("Service/")):
        for key in ("clusterIP", "clusterIPs"):
            service["spec"].pop(key)
    return found


def is_write(seen: Seen) -> bool:
    return seen.writes


FAULTS: dict[str, Callable[[], Fault]] = {
    "429 with Retry-After": lambda: Fault(is_write, times=6, status=429, retry_after=1),
    "500 of etcd": lambda: Fault(is_write, times=4, status=500, message="etcdserver: leader changed"),
    "503": lambda: Fault(is_write, times=6, status=503),
    "503 that is no answer of the API": lambda: Fault(is_write, times=4, status=503, message=None),
    "reset before": lambda: Fault(is_write, times=6, reset_before=True),
    "reset after": lambda: Fault(is_write, times=6, reset_after=True),
    "slow": lambda: Fault(is_write, times=8, delay=0.5),
    "reads fail too": lambda: Fault(lambda seen: True, times=5, status=503),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_nothing_but_the_time(faulty: LiveFleet, proxy: FaultProxy, name: str) -> None:
    proxy.inject(FAULTS[name]())
    result = faulty.result()
    assert {item["result"] for key, item in result.items() if key != "base"} == {"created"}
    assert len(content(faulty)) == 2 * len([item for item in result["john"]["objects"] if item["action"] == "created"])
    calm = len(result["john"]["objects"]) * 2 + 30
    assert len(proxy.seen) <= calm + 2 * 8 + 8
    after = content(faulty)
    assert {item["result"] for item in faulty.result().values()} == {"unchanged"}
    assert {item["result"] for item in faulty.result("--all", "--verify").values()} == {"unchanged"}
    assert content(faulty) == after


RANDOM_FAULTS = [
    Fault(is_write, status=503),
    Fault(is_write, status=500, message="etcdserver: leader changed"),
    Fault(is_write, reset_before=True),
    Fault(is_write, reset_after=True),
]


def _is_number(number: int) -> Matcher:
    return lambda seen: seen.number == number


@pytest.mark.parametrize("seed", [1, 2])
def test_many_faults_at_random_end_in_the_same_state(faulty: LiveFleet, proxy: FaultProxy, seed: int) -> None:
    chance = random.Random(seed)
    chosen = {chance.randrange(1, 60) for _ in range(12)}
    for number in sorted(chosen):
        proxy.inject(replace(chance.choice(RANDOM_FAULTS), matches=_is_number(number)))
    faulty.result()
    assert {item["result"] for item in faulty.result("--all", "--verify").values()} == {"unchanged"}


def test_a_server_that_goes_on_refusing_ends_in_one_clear_error(faulty: LiveFleet, proxy: FaultProxy) -> None:
    proxy.inject(Fault(lambda seen: True, times=10_000, status=503))
    failed = faulty.deploy().expect(5)
    assert "503" in failed.stderr or "unavailable" in failed.stderr.lower()
    assert "Traceback" not in failed.stderr
    assert len(proxy.seen) < 60


def test_a_forbidden_object_fails_its_workspace_and_no_other(faulty: LiveFleet, proxy: FaultProxy) -> None:
    denied = Fault(lambda seen: seen.writes and "/deployments/ws-john" in seen.path, times=99, status=403)
    proxy.inject(denied)
    result = faulty.result(exit_code=1)
    assert (result["john"]["result"], result["jane"]["result"]) == ("failed", "created")
    release = store.load(faulty.cluster, faulty.namespace, "ws-john-release")
    assert release is not None
    assert release.latest is not None
    assert release.latest.outcome is RevisionOutcome.FAILED
    assert release.lock is None
    proxy.forget()
    assert faulty.result()["john"]["result"] == "created"


def test_an_object_that_somebody_replaces_just_before_it_is_pruned_stays(faulty: LiveFleet, proxy: FaultProxy) -> None:
    claude = faulty.set_claude_key()
    faulty.result()
    ref = faulty.ref("Secret", "ws-john-claude")
    live = faulty.cluster.get(ref)
    metadata = {key: live["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}

    def replace_it() -> None:
        faulty.cluster.delete(ref)
        faulty.cluster.create({**live, "metadata": metadata}, manager="kubectl-create")

    claude.unlink()
    proxy.inject(Fault(lambda seen: seen.method == "DELETE", act=replace_it, reset_before=True))
    workspace = faulty.result()["john"]
    assert actions(workspace)["Secret/ws-john-claude"] == "retained"
    assert any("not pruned: its UID changed" in notice for notice in workspace["notices"])
    assert faulty.cluster.get(ref)["metadata"]["uid"] != live["metadata"]["uid"]
    assert faulty.result()["john"]["result"] == "unchanged"


def test_ctrl_c_finishes_what_is_in_flight_and_a_rerun_does_the_rest(faulty: LiveFleet, proxy: FaultProxy) -> None:
    arrived = threading.Event()
    proxy.inject(Fault(lambda seen: _is_service(seen, arrived), times=2, delay=1.0))
    with faulty.cli.running("deploy", "--all", "--no-wait", "-p", "1") as process:
        assert arrived.wait(60)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert "run the same command to go on" in stderr
    first = store.load(faulty.cluster, faulty.namespace, "ws-jane-release")
    assert first is not None
    assert first.latest is not None
    assert first.latest.outcome is RevisionOutcome.INTERRUPTED
    assert first.lock is None
    assert {item["result"] for item in faulty.result().values()} <= {"created", "unchanged", "configured"}
    assert faulty.result()["jane"]["result"] == "unchanged"


def _is_service(seen: Seen, arrived: threading.Event) -> bool:
    is_service = seen.writes and "/services/" in seen.path
    if is_service:
        arrived.set()
    return is_service
