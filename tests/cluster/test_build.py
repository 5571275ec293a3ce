"""`kubecoder build` on a real API server without a kubelet: what is admitted, refused, and left behind."""

from __future__ import annotations

import yaml

from kubecoder.models.manifest import ObjectRef
from tests.cluster.live_fleet import LiveFleet

BUILD = "ws-john-build"


def by_kaniko(fleet: LiveFleet) -> LiveFleet:
    namespaced(fleet)
    fleet.deploy().expect()
    return fleet


def namespaced(fleet: LiveFleet) -> None:
    """Give the test's namespace to john alone, as builds want it."""
    defaults = fleet.directory / "users" / "_defaults.yaml"
    document = yaml.safe_load(defaults.read_text())
    fleet.edit_user(build={"mode": "kaniko"}, namespace=document["namespace"])
    defaults.write_text(yaml.safe_dump({**document, "namespace": f"{document['namespace']}-shared"}))


def pod_security(fleet: LiveFleet, level: str) -> None:
    labels = {"pod-security.kubernetes.io/enforce": level}
    fleet.cluster.merge_patch(ObjectRef("v1", "Namespace", "", fleet.namespace), {"metadata": {"labels": labels}})


def test_the_api_server_takes_the_build_at_the_level_that_the_base_sets(fleet: LiveFleet) -> None:
    by_kaniko(fleet)
    pod_security(fleet, "baseline")
    assert "would take the build" in fleet.cli("build", "john", "project", "--no-push", "--dry-run").expect().stderr
    assert fleet.cluster.find(fleet.ref("Pod", BUILD)) is None


def test_a_namespace_that_refuses_root_is_named_with_the_way(fleet: LiveFleet) -> None:
    by_kaniko(fleet)
    pod_security(fleet, "restricted")
    done = fleet.cli("build", "john", "--no-push").expect(1)
    assert f"kubectl label namespace {fleet.namespace}" in done.stderr
    assert fleet.cluster.find(fleet.ref("NetworkPolicy", BUILD)) is None


def test_a_build_that_never_starts_ends_in_time_and_leaves_nothing(fleet: LiveFleet) -> None:
    by_kaniko(fleet)
    done = fleet.cli("build", "john", "--no-push", "--timeout", "1s").expect(7)
    assert "the build's pod is still" in done.stderr
    assert fleet.cluster.find(fleet.ref("Pod", BUILD)) is None
    assert fleet.cluster.find(fleet.ref("NetworkPolicy", BUILD)) is None


def test_a_second_build_of_the_same_home_is_refused(fleet: LiveFleet) -> None:
    by_kaniko(fleet)
    container = {"name": "kaniko", "image": "kaniko"}
    metadata = {"name": BUILD, "namespace": fleet.namespace}
    fleet.cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}})
    assert "another build" in fleet.cli("build", "john", "--no-push").expect(5).stderr


def test_a_workspace_without_builds_names_the_modes(fleet: LiveFleet) -> None:
    assert "docs/builds.md" in fleet.cli("build", "john", "--no-push").expect(3).stderr


def test_a_workspace_that_is_not_deployed_is_not_built_from(fleet: LiveFleet) -> None:
    namespaced(fleet)
    assert "kubecoder deploy john" in fleet.cli("build", "john", "--no-push").expect(4).stderr


def test_a_build_says_where_its_image_goes(fleet: LiveFleet) -> None:
    assert "--no-push" in fleet.cli("build", "john").expect(2).stderr
