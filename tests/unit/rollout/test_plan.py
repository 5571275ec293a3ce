"""What each object needs, judged from files, record and metadata alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecoder.models.manifest import Manifest, ObjectRef, ref_of
from kubecoder.releases.record import InventoryEntry, Phase, Release, Revision, RevisionOutcome, pending_revision
from kubecoder.releases.redaction import manifest_digest
from kubecoder.render import Rendered
from kubecoder.rollout.changes import Action, WorkspacePlan
from kubecoder.rollout.plan import Findings, Target, plan, removal_guard
from kubecoder.rollout.snapshot import Observed

FLEET = "f-1"
OWNER = f"{FLEET}/john"
KEY = b"key"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def config(name: str, value: str = "1", kind: str = "ConfigMap", api_version: str = "v1", **metadata: Any) -> Manifest:
    meta = {"name": name, "namespace": "coder", **metadata}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, "data": {"a": value}}


def seen(uid: str = "u1", owned: str = "o1", **changes: Any) -> Observed:
    observed = Observed(uid, "10", owned, (), OWNER, is_terminating=False, is_scaled=True)
    return replace(observed, **changes)


def entry(manifest: Manifest, uid: str = "u1", owned: str = "o1", **changes: Any) -> InventoryEntry:
    made = InventoryEntry(ref_of(manifest), uid, manifest_digest(manifest, KEY), owned)
    return replace(made, **changes)


def release(*entries: InventoryEntry, outcome: RevisionOutcome = RevisionOutcome.APPLIED) -> Release:
    empty = Release(FLEET, "john", "coder", "ws-john-release", resource_version="1")
    revision: Revision = replace(
        pending_revision(empty, [], key=KEY, input_digest="in", reason="deploy", author="a@b", now=NOW), outcome=outcome
    )
    return replace(empty, inventory=entries, revisions=(revision,), input_digest="in", phase=Phase.IDLE)


def planned(
    *manifests: Manifest,
    recorded: Release | None = None,
    ours: dict[ObjectRef, Observed] | None = None,
    others: dict[ObjectRef, Observed] | None = None,
    absent: frozenset[tuple[str, str]] = frozenset(),
    adopt: bool = False,
) -> WorkspacePlan:
    rendered = Rendered("john", "coder", "ws-john-release", manifests, "in")
    target = Target("john", "coder", "ws-john-release", recorded, rendered, KEY)
    return plan(target, Findings(ours or {}, others or {}, absent), fleet_id=FLEET, adopt=adopt)


def only_action(made: WorkspacePlan) -> Action:
    assert len(made.changes) == 1
    return made.changes[0].action


A = config("a")


@pytest.mark.parametrize(
    ("observed", "recorded", "action"),
    [
        pytest.param(None, None, Action.CREATED, id="never made"),
        pytest.param(None, entry(A), Action.CREATED, id="deleted by somebody"),
        pytest.param(seen(), entry(A), Action.UNCHANGED, id="as recorded"),
        pytest.param(seen(), entry(config("a", "2")), Action.CONFIGURED, id="another content"),
        pytest.param(seen(), None, Action.CONFIGURED, id="not in the record"),
        pytest.param(seen(), entry(A, owned=""), Action.CONFIGURED, id="a killed run was at it"),
        pytest.param(seen(uid="u2"), entry(A), Action.CONFIGURED, id="made again by somebody"),
        pytest.param(seen(owned="o2"), entry(A), Action.DRIFTED, id="a field of ours was taken"),
        pytest.param(seen(humans=("kubectl-edit",)), entry(A), Action.DRIFTED, id="a person added something"),
        pytest.param(seen(owner=""), entry(A), Action.UNCHANGED, id="the annotation alone was removed: digest tells"),
        pytest.param(seen(is_terminating=True), entry(A), Action.BLOCKED, id="is being deleted"),
        pytest.param(seen(owner="f-2/john"), entry(A), Action.BLOCKED, id="another fleet's"),
        pytest.param(seen(owner=f"{FLEET}/jane"), None, Action.BLOCKED, id="another workspace's"),
    ],
)
def test_one_object(observed: Observed | None, recorded: InventoryEntry | None, action: Action) -> None:
    ours = {} if observed is None else {ref_of(A): observed}
    made = planned(A, recorded=None if recorded is None else release(recorded), ours=ours)
    assert only_action(made) is action
    assert bool(made.blocked) is (action is Action.BLOCKED)


@pytest.mark.parametrize(
    ("observed", "uid", "action"),
    [
        pytest.param(seen(), "u1", Action.PRUNED, id="ours"),
        pytest.param(None, "u1", Action.UNCHANGED, id="gone already"),
        pytest.param(seen(uid="u2"), "u1", Action.RETAINED, id="another UID"),
        pytest.param(seen(owner="f-2/john"), "u1", Action.RETAINED, id="another owner"),
        pytest.param(seen(owner=""), "u1", Action.RETAINED, id="no owner"),
        pytest.param(seen(uid="u9"), "", Action.PRUNED, id="made by a killed run that recorded no UID"),
    ],
)
def test_an_object_that_is_not_rendered_any_more(observed: Observed | None, uid: str, action: Action) -> None:
    ours = {} if observed is None else {ref_of(A): observed}
    assert only_action(planned(recorded=release(entry(A, uid=uid)), ours=ours)) is action


@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "Namespace"])
def test_data_and_namespaces_are_never_pruned(kind: str) -> None:
    kept = config("a", kind=kind)
    assert only_action(planned(recorded=release(entry(kept)), ours={ref_of(kept): seen()})) is Action.RETAINED


def test_an_optional_object_is_skipped_where_its_api_is_absent_and_a_needed_one_blocks() -> None:
    optional = config("a", api_version="x/v1", annotations={"kubecoder.dev/optional": "true"})
    absent = frozenset({("x/v1", "ConfigMap")})
    assert only_action(planned(optional, absent=absent)) is Action.SKIPPED
    assert only_action(planned(config("a", api_version="x/v1"), absent=absent)) is Action.BLOCKED


def test_a_stranger_of_the_same_name_blocks_unless_it_is_adopted() -> None:
    others = {ref_of(A): seen(owner="")}
    assert only_action(planned(A, others=others)) is Action.BLOCKED
    assert only_action(planned(A, others=others, adopt=True)) is Action.CONFIGURED


def test_a_cluster_wide_object_that_somebody_else_made_serves_as_well() -> None:
    issuer = config("issuer", annotations={"kubecoder.dev/optional": "true"})
    del issuer["metadata"]["namespace"]
    assert only_action(planned(issuer, ours={ref_of(issuer): seen(owner="f-2/base")})) is Action.RETAINED
    assert only_action(planned(issuer, others={ref_of(issuer): seen(owner="")})) is Action.RETAINED


def test_without_rendering_the_record_alone_tells_unchanged() -> None:
    target = Target("john", "coder", "ws-john-release", release(entry(A)), None, KEY)
    made = plan(target, Findings({ref_of(A): seen()}, {}, frozenset()), fleet_id=FLEET)
    assert made.is_unchanged


def test_a_failed_run_is_never_unchanged() -> None:
    recorded = release(entry(A), outcome=RevisionOutcome.FAILED)
    made = planned(A, recorded=recorded, ours={ref_of(A): seen()})
    assert not made.writes
    assert not made.is_unchanged


names = st.sampled_from(["a", "b", "c", "d", "e", "f"])


@given(rendered=st.sets(names), recorded=st.sets(names), live=st.sets(names), foreign=st.sets(names))
def test_nothing_is_deleted_that_is_rendered_or_not_ours(
    rendered: set[str], recorded: set[str], live: set[str], foreign: set[str]
) -> None:
    ours = {ref_of(config(name)): seen(owner="f-2/x" if name in foreign else OWNER) for name in live}
    made = planned(
        *(config(name) for name in sorted(rendered)),
        recorded=release(*(entry(config(name)) for name in sorted(recorded))),
        ours=ours,
    )
    pruned = {change.ref.name for change in made.changes if change.action is Action.PRUNED}
    assert pruned == (recorded & live) - rendered - foreign
    assert {change.ref.name for change in made.changes} == rendered | recorded
    blocked = {change.ref.name for change in made.changes if change.action is Action.BLOCKED}
    assert blocked == rendered & live & foreign


@pytest.mark.parametrize(
    ("total", "pruned", "refused"), [(12, 3, False), (12, 4, True), (20, 6, False), (20, 7, True), (3, 3, False)]
)
def test_the_guard_refuses_to_delete_far_more_than_expected(total: int, pruned: int, *, refused: bool) -> None:
    manifests = [config(f"m{number}") for number in range(total)]
    recorded = release(*(entry(manifest) for manifest in manifests))
    ours = {ref_of(manifest): seen() for manifest in manifests}
    made = planned(*manifests[pruned:], recorded=recorded, ours=ours)
    assert bool(removal_guard([made])) is refused


def test_the_guard_refuses_to_delete_something_everywhere() -> None:
    one = planned(
        A, recorded=release(entry(A), entry(config("b"))), ours={ref_of(A): seen(), ref_of(config("b")): seen()}
    )
    idle = planned(A, recorded=release(entry(A)), ours={ref_of(A): seen()})
    assert not removal_guard([one, *[idle] * 9])
    assert "in 4 of 10 workspaces" in removal_guard([one] * 4 + [idle] * 6)
