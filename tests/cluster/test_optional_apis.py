"""APIs that a cluster may lack: what is left out, what blocks, and what happens once they are there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from kubecoder.models.manifest import ObjectRef, ref_of
from tests.cluster.live_fleet import LiveFleet, actions
from tests.rigs import Unavailable
from tests.rigs.definitions import CERT_MANAGER, install
from tests.rigs.waiting import wait_until

if TYPE_CHECKING:
    from kubecoder.cluster import Cluster

ISSUER = ObjectRef("cert-manager.io/v1", "ClusterIssuer", "", "kubecoder-letsencrypt")


@pytest.fixture
def bring_cert_manager(cluster: Cluster) -> Iterator[Callable[[], None]]:
    """A call that makes the cluster serve cert-manager's API, until the test ends."""
    try:
        definitions = CERT_MANAGER.manifests()
    except Unavailable as reason:
        pytest.skip(str(reason))
    yield lambda: install(cluster, definitions)
    refs = [ref_of(definition) for definition in definitions]
    for ref in refs:
        if cluster.find(ref) is not None:
            cluster.delete(ref)
    wait_until(lambda: not any(map(cluster.find, refs)), what="the definitions are gone", seconds=60)


def test_an_optional_api_that_is_absent_is_skipped_and_used_once_it_is_there(
    fleet: LiveFleet, bring_cert_manager: Callable[[], None]
) -> None:
    first = fleet.result()
    assert actions(first["base"])["ClusterIssuer/kubecoder-letsencrypt"] == "skipped"
    assert any("the cluster has no cert-manager.io/v1" in notice for notice in first["base"]["notices"])
    assert first["john"]["result"] == "created"
    assert {item["result"] for item in fleet.result().values()} == {"unchanged"}

    bring_cert_manager()

    assert actions(fleet.result()["base"])["ClusterIssuer/kubecoder-letsencrypt"] == "created"
    assert fleet.cluster.get(ISSUER)["spec"]["acme"]["email"] == "admin@example.com"
    assert {item["result"] for item in fleet.result().values()} == {"unchanged"}


def test_a_route_without_its_api_is_left_out_with_a_notice(fleet: LiveFleet) -> None:
    fleet.edit_user("john", ingress={"tls": {"enabled": False}, "gateway": {"name": "public"}})
    john = fleet.result()["john"]
    assert actions(john)["HTTPRoute/ws-john"] == "skipped"
    assert any("the cluster has no gateway.networking.k8s.io/v1" in notice for notice in john["notices"])
    assert fleet.live("Deployment")


def test_an_api_that_is_not_optional_blocks_the_workspace_before_any_write(fleet: LiveFleet) -> None:
    folder = fleet.directory / "manifests" / "workspace"
    folder.mkdir(parents=True)
    text = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: {{ name }}, namespace: {{ namespace }}}\n"
    (folder / "widget.yaml.j2").write_text(text)
    result = fleet.result(exit_code=1)
    assert result["john"]["result"] == "blocked"
    assert "the cluster has no example.com/v1 Widget" in result["john"]["error"]
    assert fleet.cluster.find(fleet.ref("ServiceAccount")) is None
