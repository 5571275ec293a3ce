"""Records that were damaged, and Secrets that are no records: never in the way, never lost."""

from __future__ import annotations

import base64

import pytest

from kubecoder.errors import ApiError, BlockedError, LockedError
from tests.unit.releases.memory import MemoryCluster, refusal
from tests.unit.releases.runners import (
    APPLIED,
    EXACT,
    Runner,
    alter,
    begin,
    deployed,
    once,
    outcomes,
    secrets_named,
    stored,
)
from tests.unit.releases.samples import EMPTY


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster()


def test_a_damaged_record_is_set_aside_and_never_blocks(cluster: MemoryCluster) -> None:
    deployed(cluster)
    alter(cluster, data={"state": base64.b64encode(b"{").decode()})
    damaged = cluster.objects[EMPTY.ref]
    session = Runner(cluster).load()
    assert not begin(session)
    (copy,) = secrets_named(cluster, "-damaged-")
    assert cluster.objects[copy]["data"] == damaged["data"]
    assert session.notices[0].startswith("the release record is damaged (state: not JSON")
    assert session.notices[0].endswith(f"; set aside as Secret {copy.name}")
    assert begin(session)
    session.finish(APPLIED, EXACT)
    assert (stored(cluster).damage, outcomes(cluster)) == ("", [(1, "applied")])


def test_a_record_marked_immutable_is_made_anew_with_all_it_says(cluster: MemoryCluster) -> None:
    deployed(cluster)
    alter(cluster, immutable=True)
    session = Runner(cluster).load()
    assert not begin(session, 2)
    assert begin(session, 2)
    assert outcomes(cluster) == [(2, "pending"), (1, "applied")]


def test_a_kill_after_setting_aside_leaves_one_copy(cluster: MemoryCluster) -> None:
    deployed(cluster)
    alter(cluster, data={})
    cluster.before = once("replace", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        begin(Runner(cluster, "jane").load())
    assert not begin(Runner(cluster, "john").load())
    assert len(secrets_named(cluster, "-damaged-")) == 1


def test_the_holder_of_a_damaged_record_is_waited_for(cluster: MemoryCluster) -> None:
    holding = Runner(cluster, "jane").session
    begin(holding)
    data = cluster.objects[EMPTY.ref]["data"]
    alter(cluster, data={**data, "state": ""})
    with pytest.raises(LockedError, match="is being deployed by jane"):
        begin(Runner(cluster, "john", timeout=3).load())
    holding.finish(APPLIED, EXACT)
    assert stored(cluster).damage == ""


def test_a_lock_that_cannot_be_read_runs_out(cluster: MemoryCluster) -> None:
    deployed(cluster)
    alter(cluster, data={**cluster.objects[EMPTY.ref]["data"], "lock": "e30="})
    late = Runner(cluster)
    assert not begin(late.load(), 2)
    assert sum(late.clock.slept) >= 30
    assert late.session.notices[0].startswith("took over from somebody (pid 0 on an unknown host)")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": "Opaque"}, "isn't a release record"),
        (
            {"metadata": {"annotations": {"kubecoder.dev/owner": "fleet2/john"}}},
            "is a record of the fleet fleet2",
        ),
    ],
)
def test_a_secret_that_is_not_our_record_is_never_written(
    cluster: MemoryCluster, changes: dict[str, dict[str, object]], reason: str
) -> None:
    deployed(cluster)
    live = cluster.objects[EMPTY.ref]
    cluster.objects[EMPTY.ref] = {**live, **changes, "metadata": {**live["metadata"], **changes.get("metadata", {})}}
    before = dict(cluster.objects)
    with pytest.raises(BlockedError, match=reason):
        begin(Runner(cluster).load(), 2)
    assert cluster.objects == before


def test_other_failures_while_setting_aside_are_said(cluster: MemoryCluster) -> None:
    deployed(cluster)
    alter(cluster, data={})
    cluster.before = once("create", refusal(403, "Forbidden"))
    with pytest.raises(ApiError, match="Forbidden"):
        begin(Runner(cluster).load(), 2)
