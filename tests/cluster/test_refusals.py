"""What the cluster refuses: quota, missing rights, and an admin of namespaces only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster.live_fleet import LiveFleet, grant
from tests.rigs.cli import Cli, make_fleet
from tests.rigs.control_plane import PLAIN, ControlPlane
from tests.rigs.waiting import wait_until

if TYPE_CHECKING:
    from kubecoder.cluster import Cluster


@pytest.fixture
def managed_fleet(
    managed_control_plane: ControlPlane, managed_cluster: Cluster, managed_namespace: str, tmp_path: Path
) -> LiveFleet:
    """A fleet of john and jane where controllers act."""
    cli = Cli({"KUBECONFIG": str(managed_control_plane.kubeconfig)}, tmp_path)
    directory = make_fleet(cli, tmp_path / "fleet", ["john", "jane"], namespace=managed_namespace)
    return LiveFleet(cli, directory, managed_namespace, managed_cluster)


def set_quota(fleet: LiveFleet, **hard: str) -> None:
    metadata = {"name": "limit", "namespace": fleet.namespace}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": hard}}
    fleet.cluster.apply(quota)
    ref = fleet.ref("ResourceQuota", "limit")
    wait_until(lambda: fleet.cluster.get(ref).get("status", {}).get("hard"), what="the quota", seconds=30)


def test_a_full_quota_fails_with_its_name_and_a_rerun_goes_on(managed_fleet: LiveFleet) -> None:
    set_quota(managed_fleet, persistentvolumeclaims="1")
    result = managed_fleet.result("--all", "-p", "1", exit_code=1)
    outcomes = sorted((item["result"], name) for name, item in result.items() if name != "base")
    assert [outcome for outcome, _ in outcomes] == ["created", "failed"]
    failed = result[outcomes[1][1]]
    assert "exceeded quota" in failed["error"]
    assert "limit" in failed["error"]
    set_quota(managed_fleet, persistentvolumeclaims="2")
    assert {item["result"] for item in managed_fleet.result().values()} == {"unchanged", "created"}


def test_an_admin_of_one_namespace_can_deploy_into_it(as_plain_user: LiveFleet) -> None:
    grant(as_plain_user.cluster, as_plain_user.namespace, [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])
    result = as_plain_user.result("john")
    assert result["john"]["result"] == "created"
    assert as_plain_user.live("Deployment")
    assert as_plain_user.result("john")["john"]["result"] == "unchanged"


def test_an_admin_of_two_namespaces_finds_the_base_in_both_and_can_delete(
    as_plain_user: LiveFleet, control_plane: ControlPlane, fleet_dir: Callable[..., Path]
) -> None:
    own = f"{as_plain_user.namespace}-own"
    control_plane.create_namespace(own)
    for namespace in (as_plain_user.namespace, own):
        grant(as_plain_user.cluster, namespace, [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])
    directory = fleet_dir(["john", "jane"], name="two")
    fleet = LiveFleet(as_plain_user.cli, directory, as_plain_user.namespace, as_plain_user.cluster)
    fleet.edit_user("jane", namespace=own)
    fleet.deploy().expect()
    assert {name: item["result"] for name, item in fleet.result("john").items()} == {
        "base": "unchanged",
        "john": "unchanged",
    }
    fleet.cli("delete", "john", "--yes").expect()
    assert fleet.cluster.find(fleet.ref("Deployment")) is None


def test_without_any_right_the_error_names_what_is_forbidden_and_nothing_is_written(as_plain_user: LiveFleet) -> None:
    refused = as_plain_user.deploy("john").expect(5)
    assert "forbidden" in refused.stderr
    assert PLAIN in refused.stderr
    assert "Traceback" not in refused.stderr
    assert as_plain_user.cluster.find(as_plain_user.ref("ServiceAccount")) is None


def test_a_right_that_is_missing_for_one_kind_fails_there_and_says_so(as_plain_user: LiveFleet) -> None:
    reads = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}
    core = {"apiGroups": [""], "resources": ["*"], "verbs": ["*"]}
    policies = {"apiGroups": ["networking.k8s.io"], "resources": ["*"], "verbs": ["*"]}
    grant(as_plain_user.cluster, as_plain_user.namespace, [reads, core, policies])
    failed = as_plain_user.deploy("john").expect(5)
    assert "deployments.apps" in failed.stderr
    assert as_plain_user.cluster.find(as_plain_user.ref("Service")) is not None
    assert as_plain_user.cluster.find(as_plain_user.ref("Deployment")) is None
    grant(as_plain_user.cluster, as_plain_user.namespace, [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])
    assert as_plain_user.result("john")["john"]["result"] == "created"
