"""How what human tools own becomes ours in managedFields."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kubecoder.rollout.fold import difference, folded_entries, union

OURS = {"manager": "kubecoder", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1"}

field_sets: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.just({}),
    lambda below: st.dictionaries(st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', "."]), below, max_size=3),
    max_leaves=12,
)


def entry(manager: str, fields: dict[str, Any], operation: str = "Update", subresource: str = "") -> dict[str, Any]:
    made = {
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return {**made, "subresource": subresource} if subresource else made


def ours(fields: dict[str, Any]) -> dict[str, Any]:
    return {**OURS, "fieldsV1": fields}


def test_content_of_a_human_tool_moves_to_our_entry() -> None:
    theirs = entry("kubectl-patch", {"f:spec": {"f:ports": {'k:{"port":81}': {".": {}, "f:port": {}}}}})
    entries, managers = folded_entries([ours({"f:spec": {"f:ports": {".": {}}}}), theirs], "v1")
    assert managers == ("kubectl-patch",)
    assert entries == [ours({"f:spec": {"f:ports": {".": {}, 'k:{"port":81}': {".": {}, "f:port": {}}}}})]


def test_metadata_of_a_human_tool_stays_with_it() -> None:
    note: dict[str, Any] = {"f:metadata": {"f:annotations": {"f:note": {}}}}
    entries, _ = folded_entries(
        [ours({"f:data": {"f:a": {}}}), entry("kubectl-edit", {**note, "f:data": {"f:b": {}}})], "v1"
    )
    assert entries == [ours({"f:data": {"f:a": {}, "f:b": {}}}), entry("kubectl-edit", note)]


def test_a_controller_keeps_its_entry() -> None:
    before = [ours({"f:spec": {"f:a": {}}}), entry("cert-manager", {"f:spec": {"f:b": {}}})]
    assert folded_entries(before, "v1") == (before, ())


def test_replicas_and_a_restart_by_hand_are_no_drift() -> None:
    restart: dict[str, Any] = {
        "f:spec": {"f:template": {"f:metadata": {"f:annotations": {"f:kubectl.kubernetes.io/restartedAt": {}}}}}
    }
    before = [
        ours({"f:spec": {"f:a": {}}}),
        entry("kubectl", {"f:spec": {"f:replicas": {}}}, subresource="scale"),
        entry("kubectl-edit", {"f:spec": {"f:replicas": {}}}),
        entry("kubectl-rollout", restart),
    ]
    assert folded_entries(before, "v1") == (before, ())


def test_our_entry_is_made_anew_when_a_tool_replaced_everything() -> None:
    entries, managers = folded_entries([entry("kubectl-replace", {"f:data": {"f:a": {}}})], "v1")
    assert managers == ("kubectl-replace",)
    assert entries == [ours({"f:data": {"f:a": {}}})]


@given(field_sets, field_sets)
def test_union_holds_both_sets(left: dict[str, Any], right: dict[str, Any]) -> None:
    merged = union(left, right)
    assert union(merged, left) == merged
    assert union(merged, right) == merged
    assert union(right, left) == merged


@given(field_sets)
def test_taking_a_set_from_itself_leaves_nothing(fields: dict[str, Any]) -> None:
    assert difference(fields, fields) == {}


@given(field_sets, field_sets)
def test_a_difference_never_adds_fields(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert union(left, difference(left, right)) == left
