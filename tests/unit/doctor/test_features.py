from typing import Any

import pytest

from kubecoder.cluster.kinds import ALWAYS_SERVED
from kubecoder.doctor import features
from kubecoder.models.check import Outcome
from kubecoder.models.manifest import Manifest
from tests.fleets import user


def named(name: str, *, default: str = "", **more: Any) -> Manifest:
    return {"metadata": {"name": name, "annotations": {default: "true"} if default else {}}, **more}


@pytest.mark.parametrize(
    ("document", "outcome"),
    [
        ({"major": "1", "minor": "30", "gitVersion": "v1.30.0"}, "pass"),
        ({"major": "1", "minor": "33+", "gitVersion": "v1.33.1-gke.100"}, "pass"),
        ({"major": "1", "minor": "29", "gitVersion": "v1.29.9"}, "fail"),
        ({}, "fail"),
    ],
)
def test_server_version(document: dict[str, str], outcome: str) -> None:
    assert features.server_version(document).outcome == outcome


def test_api_versions_that_are_not_served_are_named() -> None:
    versions = [{"groupVersion": version} for version in ALWAYS_SERVED - {"apps/v1", "batch/v1"}]

    assert features.api_versions({"groups": [{"versions": versions}]}).evidence == "not served: apps/v1, batch/v1"
    assert features.api_versions({}).outcome is Outcome.FAIL


NGINX = named("nginx")
DEFAULT = named("traefik", default=features.DEFAULT_INGRESS_CLASS)


@pytest.mark.parametrize(
    ("listed", "wanted", "outcome"),
    [
        ([NGINX], {"nginx"}, "pass"),
        ([NGINX], {"traefik"}, "fail"),
        ([], {"nginx"}, "fail"),
        ([NGINX], {None}, "warn"),
        ([NGINX, DEFAULT], {None, "nginx"}, "pass"),
    ],
)
def test_ingress_classes(listed: list[Manifest], wanted: set[str | None], outcome: str) -> None:
    assert features.ingress_classes(listed, wanted).outcome == outcome


GROWING = named("ssd", default=features.DEFAULT_STORAGE_CLASS, allowVolumeExpansion=True)
FIXED = named("local")


@pytest.mark.parametrize(
    ("listed", "wanted", "outcome", "evidence"),
    [
        ([GROWING], {None}, "pass", "ssd, homes can grow"),
        ([GROWING], {None, "ssd"}, "pass", "ssd, homes can grow"),
        ([GROWING, FIXED], {None, "local"}, "warn", "local doesn't allow volumes to grow"),
        ([FIXED], {None}, "fail", "no storage class by default; the cluster has local"),
        ([], {"ssd"}, "fail", "no storage class ssd; the cluster has none"),
    ],
)
def test_storage_classes(listed: list[Manifest], wanted: set[str | None], outcome: str, evidence: str) -> None:
    check = features.storage_classes(listed, wanted)

    assert (check.outcome, check.evidence) == (outcome, evidence)


def ready(status: str) -> Manifest:
    return {"metadata": {}, "status": {"conditions": [{"type": "Ready", "status": status}]}}


@pytest.mark.parametrize(
    ("states", "outcome"),
    [
        ({}, "pass"),
        ({"letsencrypt": ready("True")}, "pass"),
        ({"letsencrypt": ready("False")}, "warn"),
        ({"letsencrypt": None}, "fail"),
        ({"kubecoder-letsencrypt": None}, "pass"),
    ],
)
def test_issuers(states: dict[str, Manifest | None], outcome: str) -> None:
    assert features.issuers(states).outcome == outcome


def place(level: str = "", owner: str = "") -> Manifest:
    return {
        "metadata": {
            "labels": {features.ENFORCE: level} if level else {},
            "annotations": {"kubecoder.dev/owner": owner} if owner else {},
        }
    }


@pytest.mark.parametrize(
    ("live", "needs_privileged", "outcome"),
    [
        pytest.param(None, False, "pass", id="to be made"),
        pytest.param(place(owner="f1/base"), True, "pass", id="ours"),
        pytest.param(place("restricted"), False, "pass", id="restricted"),
        pytest.param(place("restricted"), True, "fail", id="builds refused"),
        pytest.param(place("baseline"), True, "fail", id="builds refused by baseline"),
        pytest.param(place("privileged"), True, "pass", id="builds admitted"),
        pytest.param(place("privileged"), False, "warn", id="wider than needed"),
        pytest.param(place(), False, "warn", id="no label"),
        pytest.param(place(owner="f2/base"), False, "warn", id="another fleet's"),
    ],
)
def test_namespace(live: Manifest | None, needs_privileged: bool, outcome: str) -> None:
    assert features.namespace("coder", live, "f1", needs_privileged=needs_privileged).outcome == outcome


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("john.dev.example.com", "example.com"),
        ("example.com", "example.com"),
        ("john.dev.example.co.uk", "example.co.uk"),
        ("john.dev.example.de", "example.de"),
        ("localhost", "localhost"),
    ],
)
def test_registered_domain(host: str, domain: str) -> None:
    assert features.registered_domain(host) == domain


def test_many_hosts_with_certificates_of_their_own_are_a_warning() -> None:
    issued: dict[str, Any] = {"ingress": {"tls": {"clusterIssuer": "letsencrypt"}}}
    users = [user(f"u{number}", **issued) for number in range(41)]

    assert features.hosts(users).outcome is Outcome.WARN
    assert features.hosts(users[:40]).outcome is Outcome.PASS
    assert features.hosts(user(f"u{number}") for number in range(41)).outcome is Outcome.PASS
