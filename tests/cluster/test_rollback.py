"""`kubecoder rollback` on a real API server."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kubecoder.releases import store
from kubecoder.releases.keeper import LockKeeper
from kubecoder.releases.record import Holder
from tests.cluster.live_fleet import CLAUDE_KEY, LiveFleet, actions

ELSEWHERE = Holder(author="jane@laptop", host="laptop", boot_id="another", pid_namespace="x", pid=77, started=1)


def image(fleet: LiveFleet) -> str:
    containers = fleet.live("Deployment")["spec"]["template"]["spec"]["containers"]
    return str(next(item["image"] for item in containers if item["name"] == "ide"))


def rollback(fleet: LiveFleet, *argv: str, exit_code: int = 0) -> dict[str, Any]:
    document = fleet.cli("rollback", "john", *argv, "--no-wait", "-o", "json").expect(exit_code).json()
    workspace: dict[str, Any] = document["workspaces"][0]
    return workspace


def test_rollback_goes_to_the_newest_revision_that_differs(deployed: LiveFleet) -> None:
    before = image(deployed)
    deployed.edit_user(image={"tag": "0.1.1"})
    deployed.result()
    workspace = rollback(deployed)
    assert workspace["revision"] == 3
    assert image(deployed) == before
    assert {name for name, action in actions(workspace).items() if action != "unchanged"} == {"Deployment/ws-john"}


def test_the_next_deploy_goes_forward_again(deployed: LiveFleet) -> None:
    deployed.edit_user(image={"tag": "0.1.1"})
    deployed.result()
    after = image(deployed)
    rollback(deployed)
    assert deployed.result()["john"]["revision"] == 4
    assert image(deployed) == after


def test_a_second_rollback_comes_back_to_the_newer_revision(deployed: LiveFleet) -> None:
    deployed.edit_user(image={"tag": "0.1.1"})
    deployed.result()
    after = image(deployed)
    rollback(deployed)
    rollback(deployed)
    assert image(deployed) == after


def test_a_rollback_never_brings_an_old_credential_back(deployed: LiveFleet) -> None:
    deployed.set_claude_key()
    deployed.result()
    deployed.set_claude_key("sk-ant-api03-rotated0000000")
    deployed.result()
    ran = deployed.cli("rollback", "john", "2", "--no-wait").expect()
    assert "keeps the values that it has now" in ran.stderr
    value = base64.b64decode(deployed.live("Secret", "ws-john-claude")["data"]["api-key"]).decode()
    assert value == "sk-ant-api03-rotated0000000"
    assert CLAUDE_KEY not in ran.stdout + ran.stderr


def test_a_rollback_to_a_secret_that_is_gone_is_refused_before_any_write(deployed: LiveFleet) -> None:
    key = deployed.set_claude_key()
    deployed.result()
    key.unlink()
    deployed.result()
    before = deployed.live("Deployment")["metadata"]["resourceVersion"]
    refused = deployed.cli("rollback", "john", "2", "--no-wait").expect(5)
    assert "ws-john-claude/api-key" in refused.stderr
    assert deployed.live("Deployment")["metadata"]["resourceVersion"] == before


@pytest.mark.parametrize("where", ["volumes", "envFrom"])
def test_a_rollback_to_a_whole_secret_that_is_gone_is_refused_before_any_write(deployed: LiveFleet, where: str) -> None:
    container = {"name": "ide", "envFrom": [{"secretRef": {"name": "team"}}]}
    spec = {
        "volumes": {"volumes": [{"name": "team", "secret": {"secretName": "team"}}]},
        "envFrom": {"containers": [container]},
    }[where]
    ref = deployed.ref("Secret", "team")
    metadata = {"name": ref.name, "namespace": ref.namespace}
    deployed.cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"a": "MQ=="}})
    deployed.edit_user(patches=[{"kind": "Deployment", "merge": {"spec": {"template": {"spec": spec}}}}])
    deployed.result()
    deployed.edit_user(patches=[])
    deployed.result()
    deployed.cluster.delete(ref)
    before = deployed.live("Deployment")["metadata"]["resourceVersion"]
    refused = deployed.cli("rollback", "john", "2", "--no-wait").expect(5)
    assert "gone: team" in refused.stderr
    assert deployed.live("Deployment")["metadata"]["resourceVersion"] == before
    assert len(deployed.cli("history", "john", "-o", "json").expect().json()["revisions"]) == 3
    deployed.cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"a": "MQ=="}})
    assert rollback(deployed, "2")["revision"] == 4


def test_a_rollback_keeps_the_larger_volume_and_the_wish_to_be_stopped(fleet: LiveFleet) -> None:
    fleet.make_storage_class("can-grow")
    fleet.edit_user(user={"storageClassName": "can-grow"})
    fleet.result()
    fleet.bind_home()
    deployed = fleet
    deployed.edit_user(user={"pvcSize": "60Gi"})
    deployed.result()
    deployed.cli("stop", "john").expect()
    ran = deployed.cli("rollback", "john", "--no-wait").expect()
    assert "keeps 60Gi" in ran.stderr
    assert deployed.live("PersistentVolumeClaim", "ws-john-home")["spec"]["resources"]["requests"]["storage"] == "60Gi"
    assert deployed.live("Deployment")["spec"]["replicas"] == 0


def test_a_rollback_without_an_earlier_revision_is_not_found(deployed: LiveFleet) -> None:
    assert "no earlier revision" in deployed.cli("rollback", "john").expect(4).stderr
    assert "has no revision 9" in deployed.cli("rollback", "john", "9").expect(4).stderr


def test_a_dry_run_of_a_rollback_writes_nothing(deployed: LiveFleet) -> None:
    deployed.edit_user(image={"tag": "0.1.1"})
    deployed.result()
    after = image(deployed)
    workspace = rollback(deployed, "--dry-run")
    assert actions(workspace)["Deployment/ws-john"] == "configured"
    assert image(deployed) == after


def test_a_rollback_that_waited_for_a_lock_still_goes_back(deployed: LiveFleet) -> None:
    before = image(deployed)
    deployed.edit_user(image={"tag": "0.1.1"})
    deployed.result()
    release = store.load(deployed.cluster, deployed.namespace, "ws-john-release")
    assert release is not None
    with (
        LockKeeper(deployed.cluster, holder=ELSEWHERE) as keeper,
        deployed.cli.running("rollback", "john", "--no-wait") as waiting,
    ):
        with keeper.session(release) as session:
            session.acquire()
            assert waiting.stderr is not None
            assert any("held by" in line for line in waiting.stderr)
        waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert image(deployed) == before
