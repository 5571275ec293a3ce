"""Locks and records of one workspace: what each step costs, who wins, what a dead run leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubecoder.errors import ApiError, LockedError, UnreachableError
from kubecoder.releases import record
from kubecoder.releases.holder import this_process
from kubecoder.releases.record import Phase, RevisionOutcome
from tests.unit.releases.memory import MemoryCluster, refusal
from tests.unit.releases.runners import (
    APPLIED,
    EXACT,
    UNION,
    Runner,
    alter,
    begin,
    deployed,
    once,
    outcomes,
    stored,
)
from tests.unit.releases.samples import EMPTY


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster()


def test_a_first_run_costs_two_writes_and_no_read(cluster: MemoryCluster) -> None:
    session = Runner(cluster).session
    assert begin(session)
    during = stored(cluster)
    session.finish(APPLIED, EXACT)
    assert cluster.sent == ["create", "replace"]
    assert (during.phase, during.inventory, outcomes(cluster)) == (Phase.APPLYING, tuple(UNION), [(1, "applied")])
    assert during.lock is not None
    assert during.lock.holder.author == "jane@jane-host"
    after = stored(cluster)
    assert (after.phase, after.inventory, after.lock, after.is_settled) == (Phase.IDLE, tuple(EXACT), None, True)


def test_a_later_run_costs_two_writes_and_no_read(cluster: MemoryCluster) -> None:
    deployed(cluster)
    cluster.sent.clear()
    session = Runner(cluster).load()
    assert begin(session, 2)
    session.finish(APPLIED, EXACT)
    assert cluster.sent == ["replace", "replace"]
    assert outcomes(cluster) == [(2, "applied"), (1, "applied")]


def test_a_session_that_never_begins_sends_nothing(cluster: MemoryCluster) -> None:
    with Runner(cluster).session:
        pass
    assert cluster.sent == []


def test_a_plan_from_an_old_record_is_not_begun(cluster: MemoryCluster) -> None:
    deployed(cluster)
    session = Runner(cluster).load()
    deployed(cluster, 2)
    assert not begin(session, 2)
    assert session.is_held
    assert session.release.latest is not None
    assert session.release.latest.number == 2
    assert begin(session, 3)
    assert outcomes(cluster) == [(3, "pending"), (2, "applied"), (1, "applied")]


def test_a_record_made_meanwhile_is_not_overwritten(cluster: MemoryCluster) -> None:
    session = Runner(cluster).session
    deployed(cluster)
    assert not begin(session)
    assert outcomes(cluster) == [(1, "applied")]


def test_a_record_deleted_meanwhile_is_begun_anew(cluster: MemoryCluster) -> None:
    deployed(cluster)
    session = Runner(cluster).load()
    cluster.objects.clear()
    assert not begin(session, 2)
    assert session.release.revisions == ()
    assert begin(session, 1)


def test_a_missing_namespace_is_said(cluster: MemoryCluster) -> None:
    cluster.before = once("create", refusal(404, "NotFound"))
    with pytest.raises(ApiError, match="NotFound"):
        begin(Runner(cluster).session)


def test_a_begin_whose_answer_was_lost_is_recognized(cluster: MemoryCluster) -> None:
    cluster.after = once("create", refusal(409, "AlreadyExists"))
    session = Runner(cluster).session
    assert begin(session)
    session.finish(APPLIED, EXACT)
    assert outcomes(cluster) == [(1, "applied")]


def test_a_finish_whose_answer_was_lost_is_recognized(cluster: MemoryCluster) -> None:
    session = Runner(cluster).session
    begin(session)
    cluster.after = once("replace", refusal(409, "Conflict"))
    session.finish(APPLIED, EXACT)
    assert not session.is_held
    assert stored(cluster).lock is None


def test_a_failed_request_is_not_taken_for_a_conflict(cluster: MemoryCluster) -> None:
    session = Runner(cluster).session
    begin(session)
    cluster.before = once("replace", refusal(403, "Forbidden"))
    with pytest.raises(ApiError, match="Forbidden"):
        session.finish(APPLIED, EXACT)
    assert session.is_held


def test_a_held_lock_is_waited_for_and_its_holder_named(cluster: MemoryCluster) -> None:
    holding = Runner(cluster, "jane").session
    begin(holding)
    late = Runner(cluster, "john", timeout=5)
    clock = late.clock

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        holding.renew()

    late.keeper.sleep = sleep
    session = late.load()
    with pytest.raises(LockedError) as raised:
        begin(session)
    assert raised.value.message == "john is being deployed by jane@jane-host (pid 8388608 on jane-host) for 0s"
    assert raised.value.hint
    assert "--lock-timeout" in raised.value.hint
    assert sum(clock.slept) == 5
    assert {item.workspace for item in late.waited_for} == {"john"}
    assert holding.is_valid


def test_a_lock_that_comes_free_is_taken_and_the_plan_is_old(cluster: MemoryCluster) -> None:
    holding = Runner(cluster, "jane").session
    begin(holding)
    late = Runner(cluster, "john")

    def sleep(seconds: float) -> None:
        late.clock.sleep(seconds)
        if holding.is_held:
            holding.finish(APPLIED, EXACT)

    late.keeper.sleep = sleep
    session = late.load()
    assert not begin(session)
    assert session.is_valid
    assert session.notices == []
    assert begin(session, 2)
    assert outcomes(cluster) == [(2, "pending"), (1, "applied")]


def test_no_time_to_wait_means_no_wait(cluster: MemoryCluster) -> None:
    begin(Runner(cluster, "jane").session)
    late = Runner(cluster, "john", timeout=0)
    with pytest.raises(LockedError):
        begin(late.load())
    assert late.clock.slept == []


def test_a_killed_run_elsewhere_is_taken_over_after_thirty_seconds(cluster: MemoryCluster) -> None:
    begin(Runner(cluster, "jane").session)
    late = Runner(cluster, "john")
    session = late.load()
    assert not begin(session)
    assert 30 <= sum(late.clock.slept) < 32
    assert outcomes(cluster) == [(1, "interrupted")]
    assert session.notices == [
        "took over from jane@jane-host (pid 8388608 on jane-host) for 0s, expired; revision 1 is marked interrupted"
    ]
    assert session.release.inventory == tuple(UNION)
    assert begin(session, 2)
    assert outcomes(cluster) == [(2, "pending"), (1, "interrupted")]


def test_a_killed_run_on_this_host_is_taken_over_at_once(cluster: MemoryCluster) -> None:
    killed = Runner(cluster, "jane")
    killed.keeper.holder = replace(this_process(), pid=2**23)
    begin(killed.session)
    late = Runner(cluster, "john")
    late.keeper.holder = this_process()
    session = late.load()
    assert not begin(session)
    assert late.clock.slept == []
    assert session.notices[0].endswith("dead; revision 1 is marked interrupted")


def test_a_run_that_was_killed_while_waiting_for_its_plan_leaves_no_revision(cluster: MemoryCluster) -> None:
    deployed(cluster)
    Runner(cluster, "jane").load().acquire()
    session = Runner(cluster, "john").load()
    assert not begin(session, 2)
    assert session.notices[0].endswith("expired")
    assert outcomes(cluster) == [(1, "applied")]


def test_what_was_left_pending_without_a_lock_is_interrupted_by_the_next_run(cluster: MemoryCluster) -> None:
    begin(Runner(cluster, "jane").session)
    alter(cluster, data={key: value for key, value in cluster.objects[EMPTY.ref]["data"].items() if key != "lock"})
    assert begin(Runner(cluster, "john").load(), 2)
    assert outcomes(cluster) == [(2, "pending"), (1, "interrupted")]


def test_a_run_that_lost_its_lock_stops_and_cannot_record(cluster: MemoryCluster) -> None:
    slow = Runner(cluster, "jane")
    begin(slow.session)
    begin(Runner(cluster, "john").load())
    slow.clock.now += 26
    assert not slow.session.is_valid
    with pytest.raises(LockedError, match="is being deployed by john@john-host"):
        slow.session.finish(APPLIED, EXACT)
    assert not slow.session.is_held
    with pytest.raises(LockedError):
        slow.session.write(slow.session.release)
    assert outcomes(cluster) == [(1, "interrupted")]


def test_a_run_whose_successor_has_finished_too_cannot_record(cluster: MemoryCluster) -> None:
    slow = Runner(cluster, "jane").session
    begin(slow)
    successor = Runner(cluster, "john").load()
    begin(successor)
    begin(successor, 2)
    successor.finish(APPLIED, EXACT)
    with pytest.raises(LockedError, match="another deploy has changed its record"):
        slow.finish(RevisionOutcome.FAILED, UNION)
    assert outcomes(cluster) == [(2, "applied"), (1, "interrupted")]


def test_a_run_asks_for_its_lock_before_it_writes(cluster: MemoryCluster) -> None:
    runner = Runner(cluster)
    begin(runner.session)
    runner.session.require_lock()
    runner.clock.now += 26
    with pytest.raises(LockedError, match="the lock was lost"):
        runner.session.require_lock()


def test_leaving_a_session_early_releases_its_lock(cluster: MemoryCluster) -> None:
    with Runner(cluster).session as session:
        begin(session)
    assert (stored(cluster).lock, outcomes(cluster)) == (None, [(1, "interrupted")])


def test_leaving_a_session_hides_no_error(cluster: MemoryCluster, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "kubecoder")
    session = Runner(cluster).session
    begin(session)
    cluster.before = once("replace", UnreachableError("no answer"))
    with pytest.raises(ValueError, match="the real one"), session:
        raise ValueError("the real one")
    assert "the lock of john could not be released: no answer" in caplog.text
    assert not session.is_held


def test_a_delete_ends_with_the_record(cluster: MemoryCluster) -> None:
    deployed(cluster)
    session = Runner(cluster).load()
    assert session.begin(EXACT, phase=Phase.DELETING)
    assert stored(cluster).phase is Phase.DELETING
    session.write(replace(session.release, inventory=()))
    session.delete_record()
    assert not session.is_held
    assert cluster.objects == {}


def test_a_delete_that_was_killed_is_seen_to_be_unfinished(cluster: MemoryCluster) -> None:
    deployed(cluster)
    Runner(cluster, "jane").load().begin(EXACT, phase=Phase.DELETING)
    session = Runner(cluster, "john").load()
    assert not session.begin(EXACT, phase=Phase.DELETING)
    assert session.release.phase is Phase.DELETING


def test_two_that_take_over_at_once_do_not_both_win(cluster: MemoryCluster) -> None:
    begin(Runner(cluster, "jane").session)
    first, second = Runner(cluster, "john"), Runner(cluster, "jack")
    first.load()
    second.load()
    rivals = [second]

    def rival_acts(verb: str) -> None:
        if verb == "replace" and rivals:
            rivals.pop().session.acquire()

    cluster.before = rival_acts
    first.keeper.timeout = 40

    def sleep(seconds: float) -> None:
        first.clock.sleep(seconds)
        second.session.renew()

    first.keeper.sleep = sleep
    with pytest.raises(LockedError, match="is being deployed by jack"):
        first.session.acquire()
    assert second.session.is_valid


def test_a_release_needs_a_revision_to_be_good(cluster: MemoryCluster) -> None:
    session = Runner(cluster).session
    session.begin(UNION)
    session.finish(APPLIED, EXACT)
    assert not stored(cluster).is_settled
    assert record.next_number(stored(cluster)) == 1
