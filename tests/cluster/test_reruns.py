"""What a second `deploy` or a `diff` makes of what an earlier run, a person or a broken API left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from kubecoder.cluster import Cluster
from kubecoder.errors import UnreachableError
from kubecoder.models.manifest import LABEL_MANAGED_BY, ObjectRef
from kubecoder.releases.session import Session
from kubecoder.rollout import deploy
from kubecoder.rollout.wait import Waiter
from tests.cluster.live_fleet import LiveFleet, actions
from tests.rigs.cli import Cli
from tests.rigs.control_plane import ControlPlane

MakeFleet = Callable[..., Path]


def unlabel(fleet: LiveFleet, ref: ObjectRef) -> None:
    fleet.cluster.merge_patch(ref, {"metadata": {"labels": {LABEL_MANAGED_BY: None}}}, manager="kubectl-label")


def test_a_pod_that_did_not_come_up_is_waited_for_again(deployed: LiveFleet) -> None:
    deployed.edit_user(image={"tag": "0.1.1"})
    deployed.cli("deploy", "john", "--timeout", "1").expect(7)
    again = deployed.cli("deploy", "john", "--timeout", "1").expect(7)
    assert "john" in again.stderr


@pytest.mark.parametrize(("owner", "part"), [(Waiter, "wait"), (deploy, "record_readiness")])
def test_trouble_after_the_objects_are_in_is_the_result_of_one_workspace(
    fleet: LiveFleet, monkeypatch: pytest.MonkeyPatch, owner: object, part: str
) -> None:
    def break_off(*_arguments: object, **_options: object) -> NoReturn:
        raise UnreachableError("the connection broke")

    monkeypatch.setattr(owner, part, break_off)
    ran = fleet.cli("deploy", "--all", "--timeout", "1", "-o", "json").expect(1)
    results = {item["name"]: item for item in ran.json()["workspaces"]}
    assert results["john"]["result"] == results["jane"]["result"] == "failed"
    assert len(results["john"]["objects"]) > 3


def test_a_lock_lost_half_way_is_a_failure_not_a_guard(deployed: LiveFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed.edit_user(image={"tag": "0.1.1"})
    monkeypatch.setattr(Session, "is_valid", property(lambda _session: False))
    assert deployed.result("john", exit_code=5)["john"]["result"] == "failed"


def test_a_label_that_a_person_removed_is_put_back(deployed: LiveFleet) -> None:
    unlabel(deployed, deployed.ref("Service"))
    assert actions(deployed.result("john")["john"])["Service/ws-john"] == "drifted"
    assert deployed.live("Service")["metadata"]["labels"][LABEL_MANAGED_BY] == "kubecoder"
    assert deployed.result("john")["john"]["result"] == "unchanged"


def test_an_object_whose_label_is_gone_is_pruned_too(deployed: LiveFleet) -> None:
    claude = deployed.set_claude_key()
    deployed.result("john")
    ref = deployed.ref("Secret", "ws-john-claude")
    unlabel(deployed, ref)
    claude.unlink()
    assert actions(deployed.result("john")["john"])["Secret/ws-john-claude"] == "pruned"
    assert deployed.cluster.find(ref) is None


def test_a_diff_tells_what_blocks_a_deploy(deployed: LiveFleet) -> None:
    deployed.set_claude_key()
    stranger = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "ws-john-claude", "namespace": deployed.namespace},
        "data": {"mine": "MQ=="},
    }
    deployed.cluster.create(stranger, manager="kubectl-create")
    refused = deployed.cli("diff", "john", "--exit-code").expect(5)
    assert "--adopt" in refused.stderr
    assert "no differences" not in refused.stderr
    document = deployed.cli("diff", "john", "-o", "json").expect(5).json()
    assert "--adopt" in document["workspaces"][-1]["blocked"][0]


def test_a_diff_shows_a_list_item_whose_key_a_person_changed(deployed: LiveFleet) -> None:
    """A forced apply of it fails with a duplicate (decision D11), a dry run as well."""
    patch = [{"op": "replace", "path": "/spec/ports/0/port", "value": 81}]
    deployed.cluster.json_patch(deployed.ref("Service"), patch, manager="kubectl-patch")
    shown = deployed.cli("diff", "john", "--exit-code").expect(8)
    assert [line.split() for line in shown.stdout.splitlines() if "port:" in line and line[0] in "+-"] == [
        ["-", "port:", "81"],
        ["+", "port:", "4180"],
    ]
    assert deployed.live("Service")["spec"]["ports"][0]["port"] == 81


def test_a_base_template_may_make_a_secret(fleet: LiveFleet) -> None:
    folder = fleet.directory / "manifests" / "base"
    folder.mkdir(parents=True)
    text = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: pull\n  namespace: {fleet.namespace}\ndata:\n  a: MQ==\n"
    (folder / "secret.yaml.j2").write_text(text)
    assert actions(fleet.result()["base"])["Secret/pull"] == "created"
    assert fleet.result()["base"]["result"] == "unchanged"
    (folder / "secret.yaml.j2").write_text(text.replace("MQ==", "Mg=="))
    assert actions(fleet.result()["base"])["Secret/pull"] == "configured"


def test_the_base_of_a_vanished_user_stays_while_the_workspace_is_deployed(
    kubecoder_cli: Cli, fleet_dir: MakeFleet, namespace: str, cluster: Cluster, control_plane: ControlPlane
) -> None:
    own = f"{namespace}-own"
    control_plane.create_namespace(own)
    fleet = LiveFleet(kubecoder_cli, fleet_dir(["john", "jane"]), namespace, cluster)
    fleet.edit_user("jane", namespace=own)
    fleet.deploy().expect()
    wrapper = ObjectRef("v1", "ConfigMap", own, "kubecoder-kaniko")
    assert cluster.find(wrapper)
    file = fleet.directory / "users" / "jane.yaml"
    text = file.read_text()
    file.unlink()
    fleet.deploy("john").expect()
    assert cluster.find(wrapper), "jane's pod mounts it"
    file.write_text(text)
    fleet.cli("delete", "jane", "--yes").expect()
    file.unlink()
    fleet.deploy("--all").expect()
    assert cluster.find(wrapper) is None
