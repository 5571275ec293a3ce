"""Locks stay ours by being renewed, and are seen to be lost when they aren't."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from kubecoder.errors import ClusterError, UnreachableError
from kubecoder.releases import keeper as keepers
from kubecoder.releases.keeper import LockKeeper
from tests.unit.releases.memory import MemoryCluster
from tests.unit.releases.runners import (
    APPLIED,
    EXACT,
    Clock,
    Runner,
    alter,
    begin,
    once,
    outcomes,
)
from tests.unit.releases.samples import EMPTY


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster()


def test_a_lock_is_valid_for_25_seconds_after_each_renewal(cluster: MemoryCluster) -> None:
    runner = Runner(cluster)
    begin(runner.session)
    for _ in range(5):
        runner.clock.now += 20
        assert runner.session.is_valid
        runner.keeper.renew_all()
    runner.clock.now += 25
    assert not runner.session.is_valid


def test_a_lock_counts_from_when_it_was_asked_for_not_from_the_answer(cluster: MemoryCluster) -> None:
    runner = Runner(cluster)

    def answer_late(_verb: str) -> None:
        runner.clock.now += 20

    cluster.after = answer_late
    begin(runner.session)
    runner.clock.now += 6
    assert not runner.session.is_valid
    runner.keeper.renew_all()
    runner.clock.now += 6
    assert not runner.session.is_valid


def test_renewing_sends_no_history(cluster: MemoryCluster) -> None:
    runner = Runner(cluster)
    begin(runner.session)
    cluster.sent.clear()
    runner.keeper.renew_all()
    runner.session.finish(APPLIED, EXACT)
    runner.keeper.renew_all()
    assert cluster.sent == ["patch", "replace"]


def test_a_renewal_survives_a_version_that_a_person_made(cluster: MemoryCluster) -> None:
    runner = Runner(cluster)
    begin(runner.session)
    alter(cluster, note="kubectl annotate")
    runner.keeper.renew_all()
    assert runner.session.is_valid
    alter(cluster, note="kubectl label")
    runner.session.finish(APPLIED, EXACT)
    assert outcomes(cluster) == [(1, "applied")]


def test_a_record_that_never_rests_is_an_error(cluster: MemoryCluster) -> None:
    runner = Runner(cluster)
    begin(runner.session)
    cluster.before = lambda verb: alter(cluster, note=verb)
    with pytest.raises(ClusterError, match="changes faster than it can be written"):
        runner.session.finish(APPLIED, EXACT)


def test_a_failed_renewal_is_tried_again_while_there_is_time(
    cluster: MemoryCluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "kubecoder")
    runner = Runner(cluster)
    begin(runner.session)
    cluster.before = once("patch", UnreachableError("no answer"))
    runner.clock.now += 10
    runner.keeper.renew_all()
    assert "the lock of john could not be renewed: no answer" in caplog.text
    runner.clock.now += 10
    runner.keeper.renew_all()
    runner.clock.now += 24
    assert runner.session.is_valid


def test_a_lost_lock_is_noticed_by_renewing(cluster: MemoryCluster, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "kubecoder")
    runner = Runner(cluster)
    begin(runner.session)
    cluster.objects.clear()
    runner.keeper.renew_all()
    assert not runner.session.is_valid
    assert "could not be renewed" in caplog.text
    cluster.sent.clear()
    runner.session.renew()
    assert cluster.sent == []


def test_the_thread_renews_until_the_keeper_is_closed(cluster: MemoryCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    renewed = threading.Event()
    monkeypatch.setattr(keepers, "RENEW_SECONDS", 0.01)
    cluster.after = lambda verb: renewed.set() if verb == "patch" else None
    with LockKeeper(cluster.as_cluster, sleep=Clock().sleep) as keeper:
        session = keeper.session(EMPTY)
        begin(session)
        assert renewed.wait(10)
        session.finish(APPLIED, EXACT)
    assert not any(thread.name == "kubecoder-locks" for thread in threading.enumerate())


def test_a_keeper_of_nothing_has_no_thread(cluster: MemoryCluster) -> None:
    with LockKeeper(cluster.as_cluster) as keeper:
        keeper.renew_all()
    assert cluster.sent == []


def test_waiting_can_be_ended_by_the_user(cluster: MemoryCluster) -> None:
    begin(Runner(cluster, "jane").session)

    def stopped(_seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin(Runner(cluster, "john", sleep=stopped).load())


def test_the_wall_clock_is_read_in_whole_seconds() -> None:
    assert keepers.utc_now().microsecond == 0
    assert keepers.seconds_awake_or_asleep() <= keepers.seconds_awake_or_asleep()


def test_a_slow_write_of_one_session_does_not_keep_others_from_renewing(cluster: MemoryCluster) -> None:
    runner = Runner(cluster)
    begin(runner.session)
    other = runner.keeper.session(replace(EMPTY, workspace="jane", name="ws-jane-release"))
    begin(other)
    cluster.sent.clear()

    def meanwhile(verb: str) -> None:
        if verb == "replace":
            runner.keeper.renew_all()

    cluster.before = meanwhile
    runner.session.finish(APPLIED, EXACT)
    assert cluster.sent == ["patch", "replace"]
    assert other.is_valid
