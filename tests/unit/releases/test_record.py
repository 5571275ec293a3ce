"""How records change: what is kept, what an interruption leaves, where a rollback goes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecoder.errors import NotFoundError
from kubecoder.models.manifest import ObjectRef
from kubecoder.releases import record
from kubecoder.releases.record import Phase, RevisionOutcome
from kubecoder.releases.revision import retained
from tests.unit.releases import samples
from tests.unit.releases.samples import NOW, entry, release, revision

PENDING, APPLIED, READY = RevisionOutcome.PENDING, RevisionOutcome.APPLIED, RevisionOutcome.READY
FAILED, INTERRUPTED = RevisionOutcome.FAILED, RevisionOutcome.INTERRUPTED


def numbers(found: record.Release) -> list[int]:
    return [item.number for item in found.revisions]


def test_a_run_widens_the_inventory_and_forgets_what_it_is_about_to_change() -> None:
    ceded = (record.CededField(".data.a", "some-controller"),)
    recorded = (
        entry("kept", uid="u1", content="c1", owned="o1"),
        entry("changed", uid="u2", content="c2", owned="o2", ceded=ceded),
    )
    applying = [entry("changed").ref, entry("new").ref]
    assert record.union_inventory(recorded, applying) == (
        recorded[0],
        entry("changed", uid="u2", ceded=ceded),
        entry("new"),
    )


def test_a_run_begins_with_no_input_digest() -> None:
    begun = record.begin(release(revision(1), input_digest="inputs-1"), [entry("a")], revision(2, PENDING))
    assert (begun.phase, begun.input_digest, numbers(begun)) == (Phase.APPLYING, "", [2, 1])
    assert not begun.is_settled


@pytest.mark.parametrize(
    ("outcome", "digest"), [(APPLIED, "inputs-1"), (READY, "inputs-1"), (FAILED, ""), (INTERRUPTED, "")]
)
def test_only_a_good_end_records_the_inputs(outcome: RevisionOutcome, digest: str) -> None:
    begun = record.begin(release(), [entry("a"), entry("b")], revision(1, PENDING))
    ended = record.finish(begun, outcome, [entry("a", uid="u")], NOW, message="why")
    assert (ended.phase, ended.input_digest, ended.inventory) == (Phase.IDLE, digest, (entry("a", uid="u"),))
    assert ended.is_settled == bool(digest)
    assert ended.latest is not None
    assert (ended.latest.outcome, ended.latest.finished_at, ended.latest.message) == (outcome, NOW, "why")


@pytest.mark.parametrize(("outcome", "digest"), [(READY, "inputs"), (FAILED, "")])
def test_readiness_is_noted_afterwards(outcome: RevisionOutcome, digest: str) -> None:
    found = release(revision(2, APPLIED), revision(1), input_digest="inputs")
    noted = record.note_readiness(found, 2, outcome, "why")
    assert noted is not None
    assert noted.latest is not None
    assert (noted.latest.outcome, noted.latest.message, noted.latest.finished_at) == (outcome, "why", NOW)
    assert (noted.input_digest, noted.revisions[1:]) == (digest, found.revisions[1:])


@pytest.mark.parametrize(
    "found",
    [
        release(),
        release(revision(3, APPLIED)),
        release(revision(2, FAILED)),
        release(revision(2, PENDING)),
        release(revision(2, APPLIED), lock=samples.LOCK),
        release(revision(2, APPLIED), damage="x"),
        release(revision(2, APPLIED), refusal="x"),
    ],
    ids=["nothing", "newer", "judged", "pending", "locked", "damaged", "foreign"],
)
def test_readiness_is_not_noted_where_it_is_not_of_the_last_run(found: record.Release) -> None:
    assert record.note_readiness(found, 2, READY, "") is None


def test_any_message_can_be_recorded() -> None:
    begun = record.begin(release(), [], revision(1, PENDING))
    ended = record.finish(begun, FAILED, [], NOW, message="no \ud800" + "x" * 5000)
    assert ended.latest is not None
    assert ended.latest.message.encode().startswith(b"no ?xxx")
    assert len(ended.latest.message) == record.MESSAGE_LENGTH


def test_a_killed_run_is_marked_interrupted_and_keeps_the_union() -> None:
    begun = record.begin(release(revision(1)), [entry("a"), entry("b")], revision(2, PENDING))
    found = record.interrupt(begun, NOW)
    assert [item.outcome for item in found.revisions] == [INTERRUPTED, READY]
    assert (found.phase, found.inventory) == (Phase.IDLE, begun.inventory)
    assert not found.is_settled


def test_a_killed_delete_stays_one() -> None:
    begun = record.begin(release(revision(1)), [entry("a")], phase=Phase.DELETING)
    assert record.interrupt(begun, NOW).phase is Phase.DELETING


def test_nothing_is_interrupted_where_nothing_was_pending() -> None:
    idle = release(revision(1), input_digest="inputs-1")
    assert record.interrupt(idle, NOW) is idle


def test_revisions_are_numbered_on() -> None:
    made = record.pending_revision(
        release(revision(7, FAILED)), [], key=b"", input_digest="", reason="deploy", author="jane", now=NOW
    )
    assert (made.number, made.outcome) == (8, PENDING)
    assert record.next_number(release()) == 1


def test_ten_revisions_are_kept() -> None:
    found = release()
    for number in range(1, 15):
        begun = record.begin(found, [], revision(number, PENDING))
        found = record.finish(begun, READY, [], NOW)
    assert numbers(found) == list(range(14, 4, -1))


def test_the_newest_good_revision_outlives_any_number_of_failures() -> None:
    found = release(revision(2), revision(1))
    for number in range(3, 20):
        found = record.finish(record.begin(found, [], revision(number, PENDING)), FAILED, [], NOW)
    assert numbers(found) == [*range(19, 10, -1), 2]


outcomes = st.lists(st.sampled_from(RevisionOutcome), max_size=30)


@given(outcomes, st.integers(2, 10))
def test_retention_keeps_order_count_newest_and_a_way_back(found: list[RevisionOutcome], limit: int) -> None:
    revisions = [
        replace(samples.revision(1, manifests=()), number=number, outcome=outcome)
        for number, outcome in zip(range(len(found), 0, -1), found, strict=True)
    ]
    kept = retained(revisions, limit)
    assert len(kept) == min(limit, len(revisions))
    assert list(kept) == sorted(kept, key=lambda item: -item.number)
    assert kept[: limit - 1] == tuple(revisions[: limit - 1])
    good = [item for item in revisions if item.outcome in record.GOOD]
    assert not good or good[0] in kept


def test_a_rollback_goes_to_the_newest_earlier_good_revision_that_differs() -> None:
    same = replace(revision(4), content=revision(5).content)
    found = release(revision(5), same, revision(3, FAILED), revision(2, APPLIED), revision(1))
    assert record.rollback_target(found).number == 2


def test_a_rollback_from_a_failed_revision_goes_to_the_last_good_one() -> None:
    assert record.rollback_target(release(revision(2, FAILED), revision(1))).number == 1


@pytest.mark.parametrize(
    "found",
    [
        release(),
        release(revision(1)),
        release(revision(2), revision(1, FAILED)),
        release(revision(2), replace(revision(1), content=revision(2).content)),
        release(revision(2), replace(revision(1), manifests=())),
    ],
    ids=["never deployed", "only one", "only failures", "all alike", "manifests not kept"],
)
def test_a_rollback_needs_somewhere_to_go(found: record.Release) -> None:
    with pytest.raises(NotFoundError, match="john has no earlier revision"):
        record.rollback_target(found)


def test_a_revision_is_found_by_number() -> None:
    assert release(revision(2), revision(1)).revision(1).number == 1


def test_a_missing_revision_names_those_that_are_kept() -> None:
    with pytest.raises(NotFoundError, match="john has no revision 9") as raised:
        release(revision(2), revision(1)).revision(9)
    assert raised.value.hint == "kept revisions: 2, 1"


def test_a_record_knows_its_secret() -> None:
    assert samples.EMPTY.ref == ObjectRef("v1", "Secret", "coder", "ws-john-release")
    assert not samples.EMPTY.exists
    assert samples.EMPTY.latest is None
