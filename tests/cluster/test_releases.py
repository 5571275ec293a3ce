"""Records, locks and field ownership as a real API server keeps them."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from kubecoder.errors import ApiError, BlockedError, LockedError
from kubecoder.models.manifest import SCALE_MANAGER, Manifest, ObjectRef, ref_of
from kubecoder.releases import codec, record, store
from kubecoder.releases.keeper import LockKeeper, utc_now
from kubecoder.releases.owned import human_fields, owned_digest, owns_replicas
from kubecoder.releases.record import InventoryEntry, Release, Revision, RevisionOutcome

if TYPE_CHECKING:
    from kubecoder.cluster import Cluster

KEY = b"a key that no object in the cluster holds"
KILLED_HOLDER = """
import sys
from kubecoder.cluster import Cluster
from kubecoder.releases.keeper import LockKeeper
from kubecoder.releases.record import InventoryEntry, Release
with Cluster.connect(sys.argv[1]) as cluster, LockKeeper(cluster) as keeper:
    release = Release("fleet1", "john", sys.argv[2], "ws-john-release")
    assert keeper.session(release).begin([])
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def empty(namespace: str) -> Release:
    return Release(f"fleet-{namespace}", "john", namespace, "ws-john-release")


@pytest.fixture
def keeper(cluster: Cluster) -> Iterator[LockKeeper]:
    with LockKeeper(cluster, timeout=0) as made:
        yield made


def config_map(namespace: str, name: str = "ws-john-agent", **data: str) -> Manifest:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data or {"a": "1"}}


def pending(release: Release, *manifests: Manifest) -> Revision:
    return record.pending_revision(
        release, manifests, key=KEY, input_digest="inputs", reason="deploy", author="jane@laptop", now=utc_now()
    )


def deploy(keeper: LockKeeper, release: Release, *manifests: Manifest) -> Release:
    """Do what a run does to the record."""
    inventory = [InventoryEntry(ref_of(manifest), uid="u", content="c", owned="o") for manifest in manifests]
    session = keeper.session(release)
    assert session.begin(record.union_inventory(release.inventory, []), pending(release, *manifests))
    session.finish(RevisionOutcome.APPLIED, inventory)
    return session.release


def stored(cluster: Cluster, release: Release) -> Release:
    found = store.load(cluster, release.namespace, release.name)
    assert found is not None
    return found


def alter(cluster: Cluster, release: Release, body: dict[str, Any]) -> None:
    cluster.merge_patch(release.ref, body, manager="kubectl-edit")


def test_a_run_costs_two_requests_and_leaves_a_typed_secret(
    cluster: Cluster, keeper: LockKeeper, empty: Release
) -> None:
    before = cluster.requests
    written = deploy(keeper, empty, config_map(empty.namespace))
    assert cluster.requests - before == 2
    secret = cluster.get(empty.ref)
    assert secret["type"] == "kubecoder.dev/release.v1"
    assert sorted(secret["data"]) == ["history", "state"]
    assert stored(cluster, empty) == written
    assert list(stored(cluster, empty).revisions[0].manifests) == [config_map(empty.namespace)]


def test_of_two_runs_from_one_record_one_begins(cluster: Cluster, keeper: LockKeeper, empty: Release) -> None:
    found = deploy(keeper, empty)
    first, second = keeper.session(found), keeper.session(found)
    assert first.begin([], pending(found))
    with pytest.raises(LockedError, match=r"john is being deployed by .+ \(pid \d+ on "):
        second.begin([], pending(found))
    first.finish(RevisionOutcome.APPLIED, [])
    assert not second.begin([], pending(found))
    assert second.release.latest is not None
    assert second.release.latest.number == 2
    second.release_lock()


def test_a_record_is_created_by_one_of_two(keeper: LockKeeper, empty: Release) -> None:
    first, second = keeper.session(empty), keeper.session(empty)
    assert first.begin([])
    with pytest.raises(LockedError):
        second.begin([])
    first.release_lock()


def test_renewing_compares_with_the_version_it_knows(cluster: Cluster, keeper: LockKeeper, empty: Release) -> None:
    session = keeper.session(empty)
    session.begin([], pending(empty))
    before = session.release
    keeper.renew_all()
    assert session.release.resource_version != before.resource_version
    alter(cluster, empty, {"metadata": {"annotations": {"note": "by hand"}}})
    with pytest.raises(ApiError) as raised:
        store.save_lock(cluster, before)
    assert (raised.value.status, raised.value.reason) == (409, "Conflict")
    keeper.renew_all()
    assert session.is_valid
    session.finish(RevisionOutcome.APPLIED, [])
    assert stored(cluster, empty).is_settled


def test_a_killed_process_of_this_host_holds_nothing(
    cluster: Cluster, keeper: LockKeeper, empty: Release, namespace: str, control_plane: Any
) -> None:
    argv = [sys.executable, "-c", KILLED_HOLDER, str(control_plane.kubeconfig), namespace]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        session = keeper.session(replace(empty, fleet_id="fleet1"))
        with pytest.raises(LockedError, match=f"pid {process.pid} "):
            session.begin([])
        process.kill()
    assert not session.begin([])
    assert ", dead" in session.notices[0]
    session.release_lock()


DAMAGE: dict[str, dict[str, Any]] = {
    "no data": {"data": None},
    "no state": {"data": {"state": None}},
    "state cut off": {"data": {"state": base64.b64encode(b'{"format":').decode()}},
    "state from elsewhere": {"data": {"state": base64.b64encode(b'{"format":1,"record":"a/b"}').decode()}},
    "no history": {"data": {"history": None}},
    "history changed": {"data": {"history": "AAAA"}},
    "immutable": {"immutable": True},
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_record_is_set_aside_and_never_blocks(
    cluster: Cluster, keeper: LockKeeper, empty: Release, name: str
) -> None:
    deploy(keeper, empty, config_map(empty.namespace))
    alter(cluster, empty, DAMAGE[name])
    damaged = cluster.get(empty.ref)
    found = store.load_all(cluster, empty.fleet_id)["john"]
    assert found.damage
    session = keeper.session(found)
    assert not session.begin([], pending(found))
    (notice,) = session.notices
    copy = cluster.get(ObjectRef("v1", "Secret", empty.namespace, notice.rpartition(" ")[2]))
    assert copy.get("data") == damaged.get("data")
    assert session.begin([], pending(session.release))
    session.finish(RevisionOutcome.APPLIED, [])
    again = stored(cluster, empty)
    assert (again.damage, again.is_settled) == ("", True)
    assert list(store.load_all(cluster, empty.fleet_id)) == ["john"]


def test_somebody_elses_secret_of_that_name_is_never_written(
    cluster: Cluster, keeper: LockKeeper, empty: Release
) -> None:
    metadata = {"name": empty.name, "namespace": empty.namespace}
    made = cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"a": "YQ=="}})
    with pytest.raises(BlockedError, match="isn't a release record of kubecoder"):
        keeper.session(empty).begin([])
    assert cluster.get(empty.ref) == made


def test_a_record_at_the_limit_is_accepted(cluster: Cluster, keeper: LockKeeper, empty: Release) -> None:
    release = empty
    for _ in range(9):
        noise = base64.b64encode(os.urandom(90 * 1024)).decode()
        release = deploy(keeper, release, config_map(empty.namespace, noise=noise))
    data = cluster.get(empty.ref)["data"]
    assert codec.MAX_BYTES * 0.9 < sum(len(base64.b64decode(value)) for value in data.values()) <= codec.MAX_BYTES
    found = stored(cluster, empty)
    assert [item.number for item in found.revisions] == list(range(9, 0, -1))
    assert [item.number for item in found.revisions if item.manifests] == [9, 8, 7, 6, 5, 4, 3]


def test_a_fleet_of_records_is_read_by_one_list_per_page(cluster: Cluster, keeper: LockKeeper, empty: Release) -> None:
    for name in ("john", "jane", "imran"):
        deploy(keeper, replace(empty, workspace=name, name=f"ws-{name}-release"), config_map(empty.namespace))
    deploy(keeper, replace(empty, fleet_id="other", workspace="x", name="ws-x-release"))
    before = cluster.requests
    assert sorted(store.load_all(cluster, empty.fleet_id)) == ["imran", "jane", "john"]
    assert cluster.requests - before == 1
    assert sorted(store.load_all(cluster, empty.fleet_id, [empty.namespace, "default"])) == ["imran", "jane", "john"]


def test_a_workspace_in_no_namespace_is_an_error_not_a_wait(keeper: LockKeeper, empty: Release) -> None:
    with pytest.raises(ApiError, match='namespaces "nowhere" not found'):
        keeper.session(replace(empty, namespace="nowhere")).begin([])


def deployment(namespace: str, **spec: Any) -> Manifest:
    labels = {"app": "x"}
    container = {"name": "ide", "image": "example.com/x", "env": [{"name": "A", "value": "1"}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    whole = {"selector": {"matchLabels": labels}, "template": template, **spec}
    metadata = {"name": "ws-john", "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": whole}


def service(namespace: str) -> Manifest:
    spec = {"ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "ws-john", "namespace": namespace},
        "spec": spec,
    }


EDITS: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "config map value": (config_map, [{"op": "replace", "path": "/data/a", "value": "2"}]),
    "config map key removed": (config_map, [{"op": "remove", "path": "/data/a"}]),
    "service port": (service, [{"op": "replace", "path": "/spec/ports/0/port", "value": 81}]),
    "environment": (
        deployment,
        [{"op": "replace", "path": "/spec/template/spec/containers/0/env/0/value", "value": "2"}],
    ),
    "environment renamed": (
        deployment,
        [{"op": "replace", "path": "/spec/template/spec/containers/0/env/0/name", "value": "B"}],
    ),
    "image": (deployment, [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "y"}]),
}


@pytest.mark.parametrize("name", EDITS)
def test_the_ownership_digest_tells_an_edit_of_ours(cluster: Cluster, namespace: str, name: str) -> None:
    make, operations = EDITS[name]
    applied = cluster.apply(make(namespace))
    assert owned_digest(applied) == owned_digest(cluster.apply(make(namespace)))
    edited = cluster.json_patch(ref_of(applied), operations, manager="kubectl-patch")
    assert owned_digest(edited) != owned_digest(applied)
    is_removal = operations[0]["op"] == "remove"
    assert list(human_fields(edited)) == ([] if is_removal else ["kubectl-patch"])


@pytest.mark.parametrize(
    ("manager", "body", "is_drift"),
    [
        ("kubectl-annotate", {"metadata": {"annotations": {"note": "x"}}}, False),
        (
            "k9s",
            {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}},
            False,
        ),
        ("some-operator", {"spec": {"minReadySeconds": 5}}, False),
        ("helm", {"spec": {"minReadySeconds": 5}}, True),
    ],
)
def test_only_content_of_a_human_tool_is_drift(
    cluster: Cluster, namespace: str, manager: str, body: dict[str, Any], is_drift: bool
) -> None:
    applied = cluster.apply(deployment(namespace))
    changed = cluster.merge_patch(ref_of(applied), body, manager=manager)
    assert owned_digest(changed) == owned_digest(applied)
    assert list(human_fields(changed)) == ([manager] if is_drift else [])


def test_handing_replicas_over_and_scaling_is_no_drift(cluster: Cluster, namespace: str) -> None:
    applied = cluster.apply(deployment(namespace, replicas=1))
    ref = ref_of(applied)
    only_replicas = {**deployment(namespace), "spec": {"replicas": 1}}
    handed = cluster.apply(only_replicas, manager=SCALE_MANAGER)
    assert owns_replicas(handed, SCALE_MANAGER)
    omitted = cluster.apply(deployment(namespace))
    assert not owns_replicas(omitted, "kubecoder")
    cluster.merge_patch(ref, {"spec": {"replicas": 0}}, manager="kubectl", subresource="scale")
    live = cluster.get(ref)
    assert live["spec"]["replicas"] == 0
    assert {owned_digest(item) for item in (applied, handed, omitted, live)} == {owned_digest(applied)}
    assert human_fields(live) == {}
