"""`doctor` on a real API server: what it finds there, and that it stores nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubecoder.cluster import Cluster
from kubecoder.cluster.kinds import INGRESS_CLASS, STORAGE_CLASS
from kubecoder.doctor.examine import examine
from kubecoder.models.manifest import Manifest, ObjectRef
from tests.fleets import fleet, user
from tests.rigs.cli import Cli
from tests.rigs.control_plane import ControlPlane


@pytest.fixture
def classes(cluster: Cluster) -> Iterator[None]:
    """An ingress class and a storage class, which are cluster-wide."""
    manifests: list[Manifest] = [
        {
            "apiVersion": INGRESS_CLASS.api_version,
            "kind": INGRESS_CLASS.name,
            "metadata": {"name": "nginx"},
            "spec": {"controller": "k8s.io/ingress-nginx"},
        },
        {
            "apiVersion": STORAGE_CLASS.api_version,
            "kind": STORAGE_CLASS.name,
            "metadata": {"name": "ssd", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "example.com/ssd",
            "allowVolumeExpansion": True,
        },
    ]
    for manifest in manifests:
        cluster.create(manifest)
    yield
    for manifest in manifests:
        cluster.delete(ObjectRef(manifest["apiVersion"], manifest["kind"], "", manifest["metadata"]["name"]))


def results(checks: list[Any]) -> dict[str, str]:
    return {check.name: str(check.outcome) for check in checks}


def test_an_admin_of_a_complete_cluster(cluster: Cluster, namespace: str, classes: None) -> None:
    found = results(examine(cluster, fleet(user("john", namespace=namespace), namespace=namespace)))

    assert found == {
        "kubeconfig": "pass",
        "server": "pass",
        "server-version": "pass",
        "api-versions": "pass",
        "may-deploy": "pass",
        "may-read-logs": "pass",
        "may-shell": "pass",
        "may-forward": "pass",
        "may-hasten": "pass",
        "may-base": "pass",
        "may-list-all": "pass",
        "ingress-class": "pass",
        "certificates": "pass",
        "storage-class": "pass",
        "network-policies": "skip",
        f"namespace-{namespace}": "warn",
        "hosts": "pass",
    }


def test_a_cluster_that_lacks_what_the_fleet_asks_for(cluster: Cluster, namespace: str) -> None:
    john = user("john", namespace=namespace, ingress={"tls": {"clusterIssuer": "letsencrypt"}})
    jane = user("jane", namespace=namespace, ingress={"tls": {"enabled": False}, "gateway": {"name": "public"}})

    found = results(examine(cluster, fleet(john, jane, namespace=namespace)))

    assert [name for name, result in found.items() if result == "fail"] == [
        "ingress-class",
        "gateway",
        "certificates",
        "storage-class",
    ]


def test_a_user_without_rights_is_told_which_are_missing(control_plane: ControlPlane, namespace: str) -> None:
    with Cluster.connect(str(control_plane.kubeconfig_of("plain"))) as plain:
        checks = examine(plain, fleet(user("john", namespace=namespace), namespace=namespace))

    found = {check.name: check for check in checks}
    assert found["may-shell"].evidence == f"not allowed in {namespace}: create pods/exec, get pods/exec"
    assert str(found["may-deploy"].outcome) == "fail"
    assert str(found["may-base"].outcome) == "warn"
    assert str(found["may-hasten"].outcome) == "warn"
    assert found["may-hasten"].evidence == f"not allowed in {namespace}: list pods, patch pods"
    assert str(found["ingress-class"].outcome) == "skip"
    assert str(found[f"namespace-{namespace}"].outcome) == "skip"


def test_doctor_sends_no_request_that_stores_anything(
    namespace: str, control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Cluster.connect(str(control_plane.kubeconfig)) as admin:
        send, sent = admin.exchange.send, set()

        def recording(request: Any, **more: Any) -> Any:
            sent.add((request.method, request.path.partition("?")[0]))
            return send(request, **more)

        monkeypatch.setattr(admin.exchange, "send", recording)
        examine(admin, fleet(user("john", namespace=namespace), namespace=namespace))

    assert [path for method, path in sent if method != "GET"] == [
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    ]


def test_the_command_exits_with_1_when_something_is_missing(
    kubecoder_cli: Cli, fleet_dir: Callable[..., Path], classes: None
) -> None:
    cli = kubecoder_cli.in_fleet(fleet_dir(1, defaults={"ingress": {"className": "absent"}}))

    text = cli("doctor").expect(1).stdout
    document = cli("doctor", "-o", "json").expect(1).json()

    assert "fail  ingress-class" in text
    assert "hint: set ingress.className" in text
    found = {check["name"]: check["result"] for check in document["checks"]}
    assert (found["fleet"], found["server"], found["ingress-class"]) == ("pass", "pass", "fail")


def test_without_a_fleet_the_cluster_is_examined(kubecoder_cli: Cli, tmp_path: Path, classes: None) -> None:
    document = kubecoder_cli("-C", str(tmp_path), "doctor", "-o", "json").expect(0).json()

    assert {check["name"]: check["result"] for check in document["checks"]}["storage-class"] == "pass"


def test_a_kubeconfig_that_cannot_be_used_is_a_failed_check(kubecoder_cli: Cli, tmp_path: Path) -> None:
    cli = kubecoder_cli.with_environment(KUBECONFIG=str(tmp_path / "absent"))

    document = cli("-C", str(tmp_path), "doctor", "-o", "json").expect(1).json()

    assert [(check["name"], check["result"]) for check in document["checks"]] == [("kubeconfig", "fail")]


def test_a_server_that_is_not_there_is_a_failed_check(
    kubecoder_cli: Cli, control_plane: ControlPlane, tmp_path: Path
) -> None:
    text = control_plane.kubeconfig.read_text().replace(f":{control_plane.port}", ":1")
    (tmp_path / "config").write_text(text)
    cli = kubecoder_cli.with_environment(KUBECONFIG=str(tmp_path / "config"))

    document = cli("-C", str(tmp_path), "doctor", "-o", "json").expect(1).json()

    assert {check["name"]: check["result"] for check in document["checks"]} == {"kubeconfig": "pass", "server": "fail"}
