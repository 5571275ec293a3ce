"""`kubecoder delete` on a real API server without controllers: nothing is collected that we don't delete."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubecoder.cluster.kinds import POD
from kubecoder.errors import NotFoundError
from kubecoder.models.manifest import Manifest
from kubecoder.releases import store
from kubecoder.releases.keeper import LockKeeper
from kubecoder.releases.record import Phase, Release
from kubecoder.rollout.delete import delete_workspace, plan_delete
from tests.cluster.live_fleet import LiveFleet, actions

RECORD = "ws-john-release"


def recorded(fleet: LiveFleet) -> Release:
    release = store.load(fleet.cluster, fleet.namespace, RECORD)
    assert release is not None
    return release


def delete(fleet: LiveFleet, *argv: str, exit_code: int = 0) -> dict[str, str]:
    document = fleet.cli("delete", "john", "--yes", "-o", "json", *argv).expect(exit_code).json()
    return actions(document)


def left_of_john(fleet: LiveFleet) -> set[str]:
    kinds = ("Deployment", "Service", "Ingress", "ServiceAccount")
    return {kind for kind in kinds if fleet.cluster.find(fleet.ref(kind)) is not None}


def test_a_delete_removes_everything_but_the_home_and_the_neighbour(deployed: LiveFleet) -> None:
    done = delete(deployed)
    assert done["Deployment/ws-john"] == "deleted"
    assert done["PersistentVolumeClaim/ws-john-home"] == "kept"
    assert left_of_john(deployed) == set()
    assert deployed.live("PersistentVolumeClaim", "ws-john-home")
    assert deployed.cluster.find(deployed.ref("Secret", RECORD)) is None
    assert deployed.result("jane")["jane"]["result"] == "unchanged"


def test_a_home_that_was_kept_can_be_deleted_later(deployed: LiveFleet) -> None:
    delete(deployed)
    ref = deployed.ref("PersistentVolumeClaim", "ws-john-home")
    # No controller is here that would let a protected claim go.
    deployed.cluster.merge_patch(ref, {"metadata": {"finalizers": None}})
    assert delete(deployed, "--delete-data") == {"PersistentVolumeClaim/ws-john-home": "deleted"}
    assert deployed.cluster.find(ref) is None


def test_what_a_deploy_adds_before_the_lock_is_taken_is_deleted_too(deployed: LiveFleet) -> None:
    deletion = plan_delete(deployed.cluster, recorded(deployed), delete_data=False)
    deployed.set_claude_key()
    deployed.result("john")
    delete_workspace(deployed.cluster, deletion, lock_seconds=5, timeout=20)
    assert deployed.cluster.find(deployed.ref("Secret", "ws-john-claude")) is None
    assert left_of_john(deployed) == set()


def test_a_second_delete_finds_that_the_first_has_done_it(deployed: LiveFleet) -> None:
    deletion = plan_delete(deployed.cluster, recorded(deployed), delete_data=False)
    delete(deployed)
    with pytest.raises(NotFoundError):
        delete_workspace(deployed.cluster, deletion, lock_seconds=5, timeout=20)
    assert deployed.cluster.find(deployed.ref("Secret", RECORD)) is None


def test_an_object_without_its_labels_is_deleted_too(deployed: LiveFleet) -> None:
    unlabelled(deployed, "Service")
    assert delete(deployed)["Service/ws-john"] == "deleted"
    assert left_of_john(deployed) == set()


def test_a_damaged_record_is_no_reason_to_forget_the_objects(deployed: LiveFleet) -> None:
    deployed.cluster.merge_patch(deployed.ref("Secret", RECORD), {"data": {"state": "bm90IGpzb24="}})
    refused = deployed.cli("delete", "john", "--yes").expect(5)
    assert "damaged" in refused.stderr
    assert "kubecoder deploy john" in refused.stderr
    assert deployed.live("Deployment")


def test_what_was_replaced_meanwhile_is_not_said_to_be_deleted(deployed: LiveFleet) -> None:
    deletion = plan_delete(deployed.cluster, recorded(deployed), delete_data=False)
    removed = [replace(item, uid="another") if item.ref.kind == "Service" else item for item in deletion.removed]
    stale = replace(deletion, removed=tuple(removed))
    done = delete_workspace(deployed.cluster, stale, lock_seconds=5, timeout=20)
    assert {change.action.value for change in done.removed if change.ref.kind == "Service"} == {"retained"}


def test_a_deploy_after_a_broken_delete_makes_everything_again(deployed: LiveFleet) -> None:
    with LockKeeper(deployed.cluster) as keeper, keeper.session(recorded(deployed)) as session:
        assert session.begin(session.release.inventory, phase=Phase.DELETING)
        deployed.cluster.delete(deployed.ref("Service"))
    assert deployed.result("john")["john"]["result"] == "configured"
    assert recorded(deployed).is_settled
    assert deployed.live("Service")


def test_a_resumed_delete_waits_for_pods_before_it_takes_their_policies(deployed: LiveFleet) -> None:
    pod = running_pod(deployed)
    deployed.cluster.delete(deployed.ref("Deployment"))
    late = deployed.cli("delete", "john", "--yes", "--timeout", "1").expect(7)
    assert pod in late.stderr
    assert deployed.cluster.find(deployed.ref("NetworkPolicy", "ws-john-in"))
    deployed.cluster.request("DELETE", POD.path(deployed.namespace, pod), body={"gracePeriodSeconds": 0})
    delete(deployed)
    assert deployed.cluster.find(deployed.ref("NetworkPolicy", "ws-john-in")) is None


def unlabelled(fleet: LiveFleet, kind: str) -> Any:
    body = {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}
    return fleet.cluster.merge_patch(fleet.ref(kind), body, manager="kubectl-label")


def running_pod(fleet: LiveFleet) -> str:
    template = fleet.live("Deployment")["spec"]["template"]
    pod: Manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "ws-john-1", "namespace": fleet.namespace, "labels": template["metadata"]["labels"]},
        "spec": {"containers": [{"name": "ide", "image": "x"}], "automountServiceAccountToken": False},
    }
    fleet.cluster.create(pod)
    return "ws-john-1"
