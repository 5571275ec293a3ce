"""Examining a cluster that holds a few objects."""

from __future__ import annotations

from typing import Any

import pytest

from kubecoder.doctor.examine import examine
from kubecoder.errors import ApiError, UnreachableError
from kubecoder.models.check import Check
from kubecoder.models.manifest import Manifest
from tests.fleets import fleet, user
from tests.unit.shelf import holding


def named(api_version: str, kind: str, name: str, namespace: str = "", **more: Any) -> Manifest:
    metadata: dict[str, Any] = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def condition(kind: str, status: str = "True") -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": status}]}


INGRESS_CLASS = named("networking.k8s.io/v1", "IngressClass", "nginx")
STORAGE_CLASS = named("storage.k8s.io/v1", "StorageClass", "ssd", allowVolumeExpansion=True)
STORAGE_CLASS["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
GATEWAY = named("gateway.networking.k8s.io/v1", "Gateway", "public", "coder", status=condition("Programmed"))
ISSUER = named("cert-manager.io/v1", "ClusterIssuer", "letsencrypt", status=condition("Ready"))
NAMESPACE = named("v1", "Namespace", "coder")


def results(checks: list[Check]) -> dict[str, str]:
    return {check.name: str(check.outcome) for check in checks}


def test_a_complete_cluster() -> None:
    shelf = holding(INGRESS_CLASS, STORAGE_CLASS, GATEWAY, ISSUER, NAMESPACE)
    shelf.served = {"HTTPRoute", "Gateway", "ClusterIssuer"}
    john = user("john", ingress={"tls": {"clusterIssuer": "letsencrypt"}})
    jane = user("jane", ingress={"tls": {"enabled": False}, "gateway": {"name": "public"}})

    found = results(examine(shelf, fleet(john, jane)))

    assert {name for name, result in found.items() if result != "pass"} == {"network-policies", "namespace-coder"}


def test_a_cluster_without_any_of_it() -> None:
    john = user("john", ingress={"tls": {"clusterIssuer": "letsencrypt"}})
    jane = user("jane", ingress={"tls": {"enabled": False}, "gateway": {"name": "public"}})

    found = results(examine(holding(), fleet(john, jane)))

    assert {name for name, result in found.items() if result == "fail"} == {
        *("ingress-class", "gateway", "certificates", "storage-class")
    }


@pytest.mark.parametrize(
    ("objects", "result"),
    [([], "fail"), ([{**GATEWAY, "status": condition("Programmed", "False")}], "warn"), ([GATEWAY], "pass")],
)
def test_gateways(objects: list[Manifest], result: str) -> None:
    shelf = holding(*objects)
    shelf.served = {"HTTPRoute", "Gateway"}
    jane = user("jane", ingress={"tls": {"enabled": False}, "gateway": {"name": "public"}})

    assert results(examine(shelf, fleet(jane)))["gateway"] == result


def test_who_may_see_nothing_is_told_so_and_what_is_missing() -> None:
    shelf = holding()
    shelf.permissions = lambda _: False
    kinds = ("IngressClass", "StorageClass", "DaemonSet", "Namespace", "ClusterIssuer")
    shelf.refused = {(kind, "*") for kind in kinds}
    shelf.served = {"ClusterIssuer"}
    john = user("john", ingress={"tls": {"clusterIssuer": "letsencrypt"}})

    found = results(examine(shelf, fleet(john)))

    skipped = {"ingress-class", "storage-class", "network-policies", "namespace-coder"}
    assert {name for name, result in found.items() if result == "skip"} == skipped
    assert found["may-deploy"] == found["may-shell"] == "fail"
    assert found["may-list-all"] == "warn"


def test_a_server_out_of_reach_ends_the_examination() -> None:
    shelf = holding()
    shelf.version = UnreachableError("no route to host", hint="check the VPN")

    checks = examine(shelf, None)

    assert results(checks) == {"kubeconfig": "pass", "server": "fail"}
    assert (checks[1].evidence, checks[1].hint) == ("https://test: no route to host", "check the VPN")


def test_credentials_that_are_refused_are_a_failed_check(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = holding()

    def refuse(_: dict[str, str]) -> bool:
        raise ApiError("Unauthorized", status=401)

    shelf.permissions = refuse

    assert results(examine(shelf, None))["credentials"] == "fail"


def test_without_a_fleet_the_contexts_namespace_is_examined() -> None:
    asked: list[dict[str, str]] = []
    shelf = holding(INGRESS_CLASS, STORAGE_CLASS)
    shelf.permissions = lambda attributes: not asked.append(attributes)  # type: ignore[func-returns-value]

    found = results(examine(shelf, None))

    assert {entry.get("namespace") for entry in asked} == {"default", None}
    assert found["namespace-default"] == "pass"
