"""Paths of kinds."""

from __future__ import annotations

import pytest

from kubecoder.cluster import kinds
from kubecoder.cluster.kinds import ALWAYS_SERVED, KINDS, Kind


@pytest.mark.parametrize(
    ("kind", "arguments", "path"),
    [
        (kinds.SECRET, ("coder", "ws-john"), "/api/v1/namespaces/coder/secrets/ws-john"),
        (kinds.SECRET, (), "/api/v1/secrets"),
        (kinds.DEPLOYMENT, ("coder", "web", "scale"), "/apis/apps/v1/namespaces/coder/deployments/web/scale"),
        (kinds.NAMESPACE, ("", "coder"), "/api/v1/namespaces/coder"),
        (kinds.NAMESPACE, ("ignored", "coder"), "/api/v1/namespaces/coder"),
        (kinds.SECRET, ("a/../b", "c?d"), "/api/v1/namespaces/a%2F..%2Fb/secrets/c%3Fd"),
    ],
)
def test_paths(kind: Kind, arguments: tuple[str, ...], path: str) -> None:
    assert kind.path(*arguments) == path


def test_the_core_group_has_no_name() -> None:
    assert kinds.SECRET.group == ""
    assert kinds.DEPLOYMENT.group == "apps"


def test_every_kind_of_the_module_is_in_the_table_by_its_own_name() -> None:
    declared = {value for value in vars(kinds).values() if isinstance(value, Kind)}

    assert set(KINDS.values()) == declared
    assert all((kind.api_version, kind.name) == key for key, kind in KINDS.items())


def test_only_apis_that_a_cluster_may_lack_are_asked_for() -> None:
    optional = {kind.group for kind in KINDS.values() if kind.api_version not in ALWAYS_SERVED}

    assert optional == {"gateway.networking.k8s.io", "cert-manager.io"}
