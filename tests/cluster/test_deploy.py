"""`kubecoder deploy` on a real API server: what is written, what is left alone, what is found again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kubecoder.models.manifest import ObjectRef
from tests.cluster.live_fleet import LiveFleet, actions
from tests.rigs.cli import Cli

if TYPE_CHECKING:
    from kubecoder.cluster import Cluster

MakeFleet = Callable[..., Path]


def test_a_second_deploy_sends_nothing_but_reads(deployed: LiveFleet) -> None:
    before = deployed.cluster.requests
    document = deployed.deploy().expect().json()
    assert {item["result"] for item in document["workspaces"]} == {"unchanged"}
    assert document["requests"] <= 20
    assert deployed.cluster.requests == before


def test_only_what_changed_is_written(deployed: LiveFleet) -> None:
    deployed.edit_user(image={"tag": "0.1.1"})
    result = deployed.result()
    assert result["jane"]["result"] == "unchanged"
    assert result["john"]["result"] == "configured"
    assert result["john"]["revision"] == 2
    changed = {name: action for name, action in actions(result["john"]).items() if action != "unchanged"}
    assert changed == {"Deployment/ws-john": "configured"}


def test_a_dry_run_says_what_a_deploy_then_does(fleet: LiveFleet) -> None:
    dry = {item["name"]: item for item in fleet.deploy("--all", "--dry-run").expect().json()["workspaces"]}
    assert fleet.cluster.find(fleet.ref("Deployment")) is None
    real = fleet.result()
    assert {name: item["result"] for name, item in dry.items()} == {name: item["result"] for name, item in real.items()}
    assert actions(dry["john"]) == actions(real["john"])


def test_drift_of_a_list_entry_with_another_key_is_mended(deployed: LiveFleet) -> None:
    """D11: after `kubectl patch` of a port's number, the foreign entry is gone and ours is back."""
    port = {"op": "replace", "path": "/spec/ports/0/port", "value": 8181}
    deployed.cluster.json_patch(deployed.ref("Service"), [port], manager="kubectl-patch")
    before = sorted(item["port"] for item in deployed.live("Service")["spec"]["ports"])
    result = deployed.result()
    after = sorted(item["port"] for item in deployed.live("Service")["spec"]["ports"])
    assert 8181 in before
    assert 8181 not in after
    assert len(after) == len(before)
    assert actions(result["john"])["Service/ws-john"] == "drifted"
    assert deployed.result()["john"]["result"] == "unchanged"


def test_a_renamed_environment_variable_is_mended(deployed: LiveFleet) -> None:
    containers = deployed.live("Deployment")["spec"]["template"]["spec"]["containers"]
    index = next(i for i, item in enumerate(containers) if item["name"] == "ide")
    names = [item["name"] for item in containers[index]["env"]]
    rename = {"op": "replace", "path": f"/spec/template/spec/containers/{index}/env/0/name", "value": "RENAMED"}
    deployed.cluster.json_patch(deployed.ref("Deployment"), [rename], manager="kubectl-edit")
    deployed.result()
    containers = deployed.live("Deployment")["spec"]["template"]["spec"]["containers"]
    assert [item["name"] for item in containers[index]["env"]] == names


@pytest.mark.parametrize(
    ("kind", "name", "body"),
    [
        ("ConfigMap", "ws-john-agent", {"data": {"extra": "x"}}),
        ("Secret", "ws-john-api", {"data": {"admin-token": "eA=="}}),
        ("NetworkPolicy", "ws-john-in", {"spec": {"ingress": [{}]}}),
        ("NetworkPolicy", "ws-john-out", {"spec": {"egress": [{}]}}),
        ("Deployment", "ws-john", {"spec": {"strategy": {"type": "RollingUpdate"}}}),
        ("ServiceAccount", "ws-john", {"automountServiceAccountToken": True}),
    ],
)
def test_drift_is_found_and_mended_on_every_kind(
    deployed: LiveFleet, kind: str, name: str, body: dict[str, Any]
) -> None:
    before = _content(deployed.live(kind, name))
    deployed.cluster.merge_patch(deployed.ref(kind, name), body, manager="kubectl-patch")
    assert _content(deployed.live(kind, name)) != before
    assert actions(deployed.result()["john"])[f"{kind}/{name}"] == "drifted"
    assert _content(deployed.live(kind, name)) == before
    assert deployed.result()["john"]["result"] == "unchanged"


def _content(live: dict[str, Any]) -> str:
    return json.dumps({key: value for key, value in live.items() if key not in {"metadata", "status"}}, sort_keys=True)


def test_notes_that_people_leave_on_objects_stay(deployed: LiveFleet) -> None:
    note = {"metadata": {"annotations": {"example.com/note": "ask jane first"}}}
    deployed.cluster.merge_patch(deployed.ref("Service"), note, manager="kubectl-annotate")
    assert deployed.result()["john"]["result"] == "unchanged"
    deployed.edit_user(image={"tag": "0.1.1"})
    deployed.result()
    assert deployed.live("Service")["metadata"]["annotations"]["example.com/note"] == "ask jane first"


def test_a_field_that_kubectl_took_is_taken_back_with_a_notice(deployed: LiveFleet) -> None:
    """Of metadata only what we set ourselves is ours to mend: the server reports it as a conflict."""
    label = "app.kubernetes.io/part-of"
    body = {"metadata": {"labels": {label: "mine", "team": "blue"}}}
    deployed.cluster.merge_patch(deployed.ref("Service"), body, manager="kubectl-label")
    workspace = deployed.result()["john"]
    assert any(f"took .metadata.labels.{label} over from kubectl-label" in notice for notice in workspace["notices"])
    labels = deployed.live("Service")["metadata"]["labels"]
    assert (labels[label], labels["team"]) == ("kubecoder", "blue")
    assert deployed.result()["john"]["result"] == "unchanged"


def test_a_controller_keeps_a_field_that_is_not_protected(deployed: LiveFleet) -> None:
    body = {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 99}}}}
    deployed.cluster.merge_patch(deployed.ref("Deployment"), body, manager="some-controller")
    workspace = deployed.result()["john"]
    assert any(
        "left .spec.template.spec.terminationGracePeriodSeconds to some-controller" in n for n in workspace["notices"]
    )
    assert deployed.live("Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 99
    assert deployed.result()["john"]["result"] == "unchanged"


def test_a_field_is_left_to_a_controller_with_one_notice_until_another_takes_it(deployed: LiveFleet) -> None:
    grace = ".spec.template.spec.terminationGracePeriodSeconds"

    def take(seconds: int, manager: str) -> None:
        body = {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": seconds}}}}
        deployed.cluster.merge_patch(deployed.ref("Deployment"), body, manager=manager)

    def told_with(tag: str) -> list[str]:
        deployed.edit_user(image={"tag": tag})
        workspace = deployed.result()["john"]
        assert actions(workspace)["Deployment/ws-john"] in {"configured", "drifted"}
        return [notice for notice in workspace.get("notices", ()) if grace in notice]

    take(99, "some-controller")
    assert told_with("0.1.1") == [f"{deployed.ref('Deployment')}: left {grace} to some-controller"]
    assert told_with("0.1.2") == []
    take(98, "another-controller")
    assert told_with("0.1.3") == [f"{deployed.ref('Deployment')}: left {grace} to another-controller"]
    assert told_with("0.1.4") == []


def apply_in_our_name(fleet: LiveFleet, ref: ObjectRef, value: str) -> dict[str, Any]:
    """Write another value into all data of a ConfigMap: who owns which field stays as it is."""
    live = fleet.cluster.get(ref)
    metadata = {key: live["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
    fleet.cluster.apply({**live, "metadata": metadata, "data": dict.fromkeys(live["data"], value)})
    return dict(live["data"])


def test_verify_mends_what_only_the_server_can_tell(deployed: LiveFleet) -> None:
    ref = deployed.ref("ConfigMap", "ws-john-agent")
    intended = apply_in_our_name(deployed, ref, "{}")
    assert deployed.result()["john"]["result"] == "unchanged"
    dry = deployed.result("--all", "--verify", "--dry-run")
    assert actions(dry["john"])["ConfigMap/ws-john-agent"] == "drifted"
    assert deployed.cluster.get(ref)["data"] != intended
    result = deployed.result("--all", "--verify")
    changed = {name for name, action in actions(result["john"]).items() if action != "unchanged"}
    assert changed == {"ConfigMap/ws-john-agent"}
    assert result["jane"]["result"] == "unchanged"
    assert deployed.cluster.get(ref)["data"] == intended
    assert {item["result"] for item in deployed.result("--all", "--verify").values()} == {"unchanged"}


def test_verify_blocks_a_workspace_with_an_object_that_the_server_would_not_take(deployed: LiveFleet) -> None:
    ref = deployed.ref("ConfigMap", "ws-john-agent")
    apply_in_our_name(deployed, ref, "{}")
    deployed.cluster.merge_patch(ref, {"immutable": True}, manager="some-controller")
    result = deployed.result("--all", "--verify", exit_code=1)
    assert result["john"]["result"] == "blocked"
    assert "immutable" in result["john"]["error"]
    assert result["jane"]["result"] == "unchanged"


def test_a_protected_field_of_a_controller_fails_unless_forced(deployed: LiveFleet) -> None:
    containers = deployed.live("Deployment")["spec"]["template"]["spec"]["containers"]
    index = next(i for i, item in enumerate(containers) if item["name"] == "ide")
    image = {"op": "replace", "path": f"/spec/template/spec/containers/{index}/image", "value": "evil:1"}
    deployed.cluster.json_patch(deployed.ref("Deployment"), [image], manager="image-updater")
    refused = deployed.deploy("john").expect(5)
    assert "image-updater" in refused.stderr
    assert "--force-conflicts" in refused.stderr
    assert deployed.live("Deployment")["spec"]["template"]["spec"]["containers"][index]["image"] == "evil:1"
    deployed.deploy("john", "--force-conflicts").expect()
    assert deployed.live("Deployment")["spec"]["template"]["spec"]["containers"][index]["image"] != "evil:1"


def test_a_deploy_does_not_wake_a_stopped_workspace(deployed: LiveFleet) -> None:
    deployed.cli("stop", "john").expect()
    deployed.edit_user(image={"tag": "0.1.1"})
    assert deployed.result()["john"]["result"] == "configured"
    assert deployed.live("Deployment")["spec"]["replicas"] == 0
    deployed.cli("start", "john", "--no-wait").expect()
    assert deployed.live("Deployment")["spec"]["replicas"] == 1


def test_start_and_stop_overrule_kubectl_scale(deployed: LiveFleet) -> None:
    body = {"spec": {"replicas": 0}}
    deployed.cluster.merge_patch(deployed.ref("Deployment"), body, manager="kubectl", subresource="scale")
    assert deployed.result()["john"]["result"] == "unchanged"
    deployed.cli("start", "john", "--no-wait").expect()
    assert deployed.live("Deployment")["spec"]["replicas"] == 1


def test_a_restart_changes_the_pod_template_and_is_no_drift(deployed: LiveFleet) -> None:
    before = deployed.live("Deployment")["metadata"]["generation"]
    deployed.cli("restart", "john", "--no-wait").expect()
    assert deployed.live("Deployment")["metadata"]["generation"] == before + 1
    assert deployed.result()["john"]["result"] == "unchanged"


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"user": {"pvcSize": "10Gi"}}, "can't shrink"),
        ({"user": {"storageClassName": "another"}}, "storageClassName"),
        (
            {"patches": [{"kind": "Deployment", "merge": {"spec": {"selector": {"matchLabels": {"x": "y"}}}}}]},
            "selector",
        ),
    ],
)
def test_what_the_server_would_refuse_is_blocked_before_any_write(
    deployed: LiveFleet, values: dict[str, Any], named: str
) -> None:
    deployed.edit_user(image={"tag": "0.1.1"}, **values)
    before = deployed.live("Deployment")["metadata"]["resourceVersion"]
    refused = deployed.deploy("john").expect(5)
    assert named in refused.stderr
    assert deployed.live("Deployment")["metadata"]["resourceVersion"] == before
    assert refused.json()["workspaces"][-1]["result"] == "blocked"


def test_an_object_that_is_not_rendered_any_more_is_pruned(deployed: LiveFleet) -> None:
    claude = deployed.set_claude_key()
    deployed.result()
    assert deployed.live("Secret", "ws-john-claude")
    claude.unlink()
    assert actions(deployed.result()["john"])["Secret/ws-john-claude"] == "pruned"
    assert deployed.cluster.find(deployed.ref("Secret", "ws-john-claude")) is None


def test_an_object_whose_uid_changed_is_not_pruned(deployed: LiveFleet) -> None:
    claude = deployed.set_claude_key()
    deployed.result()
    ref = deployed.ref("Secret", "ws-john-claude")
    live = deployed.cluster.get(ref)
    deployed.cluster.delete(ref)
    metadata = {key: live["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
    deployed.cluster.create({**live, "metadata": metadata}, manager="kubectl-create")
    claude.unlink()
    workspace = deployed.result()["john"]
    assert actions(workspace)["Secret/ws-john-claude"] == "retained"
    assert deployed.cluster.find(ref) is not None
    assert any("not pruned" in notice for notice in workspace["notices"])


def test_an_object_of_the_same_name_that_is_not_ours_is_refused(fleet: LiveFleet) -> None:
    stranger = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "ws-john-agent", "namespace": fleet.namespace},
        "data": {"mine": "1"},
    }
    fleet.cluster.create(stranger, manager="kubectl-create")
    result = fleet.result(exit_code=1)
    assert result["john"]["result"] == "blocked"
    assert "--adopt" in result["john"]["error"]
    assert result["jane"]["result"] == "created"
    assert fleet.live("ConfigMap", "ws-john-agent")["data"] == {"mine": "1"}
    assert fleet.cluster.find(fleet.ref("Deployment")) is None
    assert fleet.result("john", "--adopt")["john"]["result"] == "created"


def test_objects_of_another_fleet_are_refused(
    deployed: LiveFleet, kubecoder_cli: Cli, fleet_dir: MakeFleet, namespace: str, cluster: Cluster
) -> None:
    other = LiveFleet(kubecoder_cli, fleet_dir(["john"], name="other"), namespace, cluster)
    result = other.result(exit_code=1)
    assert result["john"]["result"] == "blocked"
    assert "belongs to" in result["john"]["error"]
    assert "belongs to" in other.cli("stop", "john").expect(5).stderr
    assert deployed.live("Deployment")["spec"]["replicas"] == 1
    assert deployed.result()["john"]["result"] == "unchanged"


def test_a_user_file_that_vanished_is_reported_and_nothing_is_deleted(deployed: LiveFleet) -> None:
    (deployed.directory / "users" / "john.yaml").unlink()
    ran = deployed.deploy().expect()
    assert "john" in ran.stderr
    assert deployed.live("Deployment")
