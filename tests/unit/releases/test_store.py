"""Records of a fleet: found by one LIST, whoever else's Secrets lie about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubecoder.errors import ApiError
from kubecoder.models.manifest import ANNOTATION_OWNER
from kubecoder.releases import store
from kubecoder.releases.record import Release
from tests.unit.releases.memory import MemoryCluster, refusal
from tests.unit.releases.runners import alter
from tests.unit.releases.samples import EMPTY, release, revision


def saved(cluster: MemoryCluster, **identity: Any) -> Release:
    return store.save(cluster.as_cluster, replace(release(revision(1)), **identity))


def test_a_fleet_is_read_by_one_list() -> None:
    cluster = MemoryCluster()
    john = saved(cluster)
    base = saved(cluster, workspace="base", name="kubecoder-base-release")
    saved(cluster, fleet_id="fleet2", namespace="other")
    cluster.sent.clear()
    assert store.load_all(cluster.as_cluster, "fleet1") == {"john": john, "base": base}
    assert cluster.sent == ["list"]


def forbid_once(cluster: MemoryCluster, status: int = 403) -> None:
    """Refuse the next request."""
    left = [refusal(status, "Forbidden")]

    def refuse(_verb: str) -> None:
        if left:
            raise left.pop()

    cluster.before = refuse
    cluster.sent.clear()


def test_a_fleet_is_read_namespace_by_namespace_where_it_must() -> None:
    cluster = MemoryCluster()
    saved(cluster)
    saved(cluster, workspace="jane", name="ws-jane-release", namespace="jane")
    saved(cluster, workspace="jack", name="ws-jack-release", namespace="jack")
    forbid_once(cluster)
    assert sorted(store.load_all(cluster.as_cluster, "fleet1", ["jane", "coder"])) == ["jane", "john"]
    assert cluster.sent == ["list", "list"]


@pytest.mark.parametrize(("status", "namespaces"), [(403, None), (500, ["coder"])])
def test_other_refusals_are_said(status: int, namespaces: list[str] | None) -> None:
    cluster = MemoryCluster()
    forbid_once(cluster, status)
    with pytest.raises(ApiError):
        store.load_all(cluster.as_cluster, "fleet1", namespaces)


def test_one_workspace_is_found_without_knowing_where() -> None:
    cluster = MemoryCluster()
    john = saved(cluster, namespace="johns")
    saved(cluster, workspace="jane", name="ws-jane-release")
    assert store.find(cluster.as_cluster, "fleet1", "john") == john
    assert store.find(cluster.as_cluster, "fleet1", "jack") is None


def test_a_copy_never_hides_the_record() -> None:
    cluster = MemoryCluster()
    for namespace in ("aaa", "zzz"):
        saved(cluster, namespace=namespace)
    original = saved(cluster)
    for ref in list(cluster.objects):
        if ref.namespace != "coder":
            cluster.objects[ref] |= {"data": cluster.objects[original.ref]["data"]}
    for order in (list(cluster.objects), list(reversed(cluster.objects))):
        cluster.objects = {ref: cluster.objects[ref] for ref in order}
        assert store.load_all(cluster.as_cluster, "fleet1") == {"john": original}


def test_a_record_that_says_another_owner_is_nobodys() -> None:
    cluster = MemoryCluster()
    original = saved(cluster)
    cluster.objects[original.ref]["metadata"]["annotations"][ANNOTATION_OWNER] = "fleet2/john"
    assert store.load_all(cluster.as_cluster, "fleet1") == {}
    found = store.load(cluster.as_cluster, "coder", "ws-john-release", fleet_id="fleet1")
    assert found is not None
    assert found.refusal == "Secret coder/ws-john-release is a record of the fleet fleet2, not of fleet1"


def test_a_damaged_record_is_among_the_others() -> None:
    cluster = MemoryCluster()
    saved(cluster)
    alter(cluster, data={})
    assert store.load_all(cluster.as_cluster, "fleet1")["john"].damage == "state: is missing"


def test_one_record_is_read_by_name() -> None:
    cluster = MemoryCluster()
    assert store.load(cluster.as_cluster, "coder", "ws-john-release") is None
    john = saved(cluster)
    assert store.load(cluster.as_cluster, "coder", "ws-john-release") == john


def test_a_damaged_record_that_was_changed_meanwhile_is_not_set_aside() -> None:
    cluster = MemoryCluster()
    saved(cluster)
    alter(cluster, data={})
    damaged = store.refresh(cluster.as_cluster, EMPTY)
    alter(cluster, data={"state": ""})
    store.set_aside(cluster.as_cluster, damaged)
    assert len(cluster.objects) == 1
