"""Every rendered object against the published schema of Kubernetes, unknown fields refused."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from unittest import mock

import kubernetes_validate
import pytest

from kubecoder import render
from kubecoder.models.manifest import Manifest
from tests.manifest_cases import ALL, MINIMAL, Case, fleet

VERSION = "1.37"
CUSTOM = {"HTTPRoute", "ClusterIssuer"}
# The fields that we use, with their types; the real definitions are tried in tests/cluster.
HTTP_ROUTE_RULE = {"matches": list, "timeouts": dict, "backendRefs": list}
ISSUER_FIELDS = {"server": str, "email": str, "privateKeySecretRef": dict, "solvers": list}


@pytest.fixture(scope="module", autouse=True)
def schemas_read_once() -> Iterator[None]:
    """The library reads all definitions for every object, which takes longer than the checks."""
    contents = kubernetes_validate.utils.schema_contents
    with mock.patch.object(kubernetes_validate.utils, "schema_contents", cache(contents)):
        yield


def manifests(case: Case) -> tuple[Manifest, ...]:
    workspace = case.workspace()
    shared = fleet(workspace)
    return (*render.base(shared).manifests, *render.workspace(shared, workspace).manifests)


def validate(manifest: Manifest) -> None:
    kubernetes_validate.validate(copy.deepcopy(manifest), VERSION, strict=True)


def assert_fields(value: dict[str, Any], types: Mapping[str, type]) -> None:
    assert {key: type(entry) for key, entry in value.items()} == types


@pytest.mark.parametrize("name", ALL)
def test_every_object_fits_the_schema(name: str) -> None:
    for manifest in manifests(ALL[name]):
        if manifest["kind"] not in CUSTOM:
            validate(manifest)


def test_the_schema_refuses_a_misspelt_field() -> None:
    deployment = next(entry for entry in manifests(MINIMAL) if entry["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    broken = {**deployment, "spec": {**deployment["spec"], "template": {"spec": {"contaienrs": pod["containers"]}}}}
    with pytest.raises(kubernetes_validate.ValidationError, match="contaienrs"):
        validate(broken)


@pytest.mark.parametrize("name", ["gateway", "gateway-beside"])
def test_http_route_has_the_fields_of_the_gateway_api(name: str) -> None:
    route = next(entry for entry in manifests(ALL[name]) if entry["kind"] == "HTTPRoute")
    assert route["apiVersion"] == "gateway.networking.k8s.io/v1"
    assert_fields(route["spec"], {"parentRefs": list, "hostnames": list, "rules": list})
    for rule in route["spec"]["rules"]:
        assert_fields(rule, HTTP_ROUTE_RULE)
        assert_fields(rule["matches"][0]["path"], {"type": str, "value": str})
        assert_fields(rule["backendRefs"][0], {"name": str, "port": int})


def test_cluster_issuer_has_the_fields_of_cert_manager() -> None:
    issuer = next(entry for entry in manifests(ALL["tls-by-lets-encrypt"]) if entry["kind"] == "ClusterIssuer")
    assert issuer["apiVersion"] == "cert-manager.io/v1"
    assert_fields(issuer["spec"]["acme"], ISSUER_FIELDS)
