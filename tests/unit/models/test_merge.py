"""Defaults merge under values, patches over objects, and nothing given is changed."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecoder.models.merge import apply_patch, merge_env, merge_values

keys = st.sampled_from(["a", "b", "c", "name", "env", "user"])
scalars = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "x", "y"]))
values = st.recursive(
    scalars,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(keys, below, max_size=4)),
    max_leaves=12,
)
maps = st.dictionaries(keys, values, max_size=4)
plain_lists = st.recursive(
    scalars,
    lambda below: st.one_of(st.lists(scalars, max_size=3), st.dictionaries(keys, below, max_size=4)),
    max_leaves=12,
)
named = st.dictionaries(st.sampled_from("pqrs"), st.integers(0, 3), max_size=4).map(
    lambda entries: [{"name": name, "value": value} for name, value in entries.items()]
)


def has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(has_null(below) for below in value.values())
    return value is None


def rfc7386(target: Any, patch: Any) -> Any:
    """The algorithm of the RFC, word by word."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = rfc7386(result.get(name), value)
    return result


@pytest.mark.parametrize(
    ("defaults", "given_values", "merged"),
    [
        pytest.param({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}, {"a": {"x": 1, "y": 3}}, id="maps merge"),
        pytest.param({"a": [1, 2]}, {"a": [3]}, {"a": [3]}, id="lists replace"),
        pytest.param({"a": {"x": 1}}, {"a": None}, {}, id="null takes a map away"),
        pytest.param({"a": {"x": 1, "y": 2}}, {"a": {"x": None}}, {"a": {"y": 2}}, id="null takes a value away"),
        pytest.param({}, {"a": {"x": None}}, {"a": {}}, id="null without a default says nothing"),
        pytest.param({"a": 1}, {"a": {"x": 1}}, {"a": {"x": 1}}, id="a map replaces a value"),
        pytest.param({"a": {"x": 1}}, {"a": 1}, {"a": 1}, id="a value replaces a map"),
    ],
)
def test_values_lie_over_defaults(defaults: Any, given_values: Any, merged: Any) -> None:
    assert merge_values(defaults, given_values) == merged


def test_environment_variables_merge_by_name_and_keep_their_order() -> None:
    source = {"secretKeyRef": {"name": "s", "key": "k"}}
    defaults = {"user": {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}}
    given_values = {"user": {"env": [{"name": "C", "value": "3"}, {"name": "A", "valueFrom": source}]}}
    merged = merge_values(defaults, given_values)
    assert merged["user"]["env"] == [
        {"name": "A", "valueFrom": source},
        {"name": "B", "value": "2"},
        {"name": "C", "value": "3"},
    ]


def test_a_name_that_one_file_has_twice_stays_twice() -> None:
    twice = [{"name": "A", "value": "2"}, {"name": "A", "value": "3"}]
    assert merge_env([{"name": "A", "value": "1"}], twice) == twice


@given(maps, maps)
def test_merging_changes_nothing_that_was_given(defaults: dict[str, Any], given_values: dict[str, Any]) -> None:
    before = copy.deepcopy((defaults, given_values))
    merge_values(defaults, given_values)
    assert (defaults, given_values) == before


@given(maps, maps)
def test_no_null_is_left_where_values_were_merged(defaults: dict[str, Any], given_values: dict[str, Any]) -> None:
    assert not has_null(merge_values(merge_values({}, defaults), given_values))


@given(maps)
def test_merging_over_nothing_and_nothing_over_it_is_the_same(given_values: dict[str, Any]) -> None:
    alone = merge_values({}, given_values)
    assert merge_values(alone, {}) == alone


@given(maps, maps)
def test_merging_twice_is_merging_once(defaults: dict[str, Any], given_values: dict[str, Any]) -> None:
    defaults.pop("user", None)  # Its env is a list by name: entries without one are added each time.
    once = merge_values(defaults, given_values)
    assert merge_values(once, {key: value for key, value in given_values.items() if key != "user"}) == once


@given(plain_lists, plain_lists)
def test_a_patch_without_named_lists_is_rfc_7386(target: Any, patch: Any) -> None:
    assert apply_patch(target, patch) == rfc7386(target, patch)


@given(values, values)
def test_patching_changes_nothing_that_was_given(target: Any, patch: Any) -> None:
    before = copy.deepcopy((target, patch))
    apply_patch(target, patch)
    assert (target, patch) == before


@given(values, values)
def test_patching_twice_is_patching_once(target: Any, patch: Any) -> None:
    once = apply_patch(target, patch)
    assert apply_patch(once, patch) == once


@given(named, named)
def test_named_lists_merge_by_name_in_the_order_of_the_target(target: list[Any], patch: list[Any]) -> None:
    patched = apply_patch(target, patch)
    if patch:
        names = [entry["name"] for entry in target]
        names += [entry["name"] for entry in patch if entry["name"] not in names]
        assert [entry["name"] for entry in patched] == names


@given(named, st.sampled_from("pqrs"))
def test_a_deleted_entry_is_gone_and_the_others_stay(target: list[Any], name: str) -> None:
    patched = apply_patch(target, [{"name": name, "$patch": "delete"}])
    assert patched == [entry for entry in target if entry["name"] != name]


def test_a_container_is_patched_by_its_name() -> None:
    target = {"containers": [{"name": "ide", "image": "a", "args": ["x"]}, {"name": "oauth2-proxy", "image": "b"}]}
    patch = {"containers": [{"name": "ide", "image": "c", "args": None}, {"name": "extra", "image": "d"}]}
    assert apply_patch(target, patch) == {
        "containers": [
            {"name": "ide", "image": "c"},
            {"name": "oauth2-proxy", "image": "b"},
            {"name": "extra", "image": "d"},
        ]
    }


def test_a_second_mount_of_one_volume_is_added() -> None:
    home, work = {"name": "home", "mountPath": "/home/dev"}, {"name": "home", "mountPath": "/work", "subPath": "w"}
    assert apply_patch({"volumeMounts": [home]}, {"volumeMounts": [work]}) == {"volumeMounts": [home, work]}


def test_a_map_is_deleted_by_the_directive() -> None:
    assert apply_patch({"a": {"b": 1}, "c": 2}, {"a": {"$patch": "delete"}}) == {"c": 2}
