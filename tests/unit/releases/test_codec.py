"""Releases become Secrets and come back; what was damaged says exactly how."""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecoder.errors import ClusterError
from kubecoder.models.manifest import ANNOTATION_OWNER, Manifest, ObjectRef
from kubecoder.releases import codec, record
from kubecoder.releases.history import History, StoredManifests
from kubecoder.releases.record import InventoryEntry, Release, RevisionOutcome
from tests.unit.releases import samples

FULL = samples.release(
    samples.revision(3, RevisionOutcome.PENDING),
    samples.revision(2, RevisionOutcome.FAILED),
    samples.revision(1),
    inventory=(samples.entry("a", uid="u1", content="c1", owned="o1"), samples.entry("b", skipped=True)),
    input_digest="inputs-1",
    lock=samples.LOCK,
)


def stored(release: Release) -> Manifest:
    """The Secret as a server would return it."""
    secret = codec.encode(release)
    secret["metadata"] |= {"uid": "uid-1", "resourceVersion": "7"}
    return secret


def part(secret: Manifest, key: str) -> Any:
    return json.loads(base64.b64decode(secret["data"][key]))


def with_part(secret: Manifest, key: str, raw: bytes) -> Manifest:
    return {**secret, "data": {**secret["data"], key: base64.b64encode(raw).decode()}}


def with_state(secret: Manifest, **changes: Any) -> Manifest:
    state = part(secret, "state")
    state.update(changes)
    return with_part(secret, "state", json.dumps(state).encode())


@given(samples.releases)
def test_a_release_comes_back_as_it_was(release: Release) -> None:
    expected = replace(release, uid="uid-1", resource_version="7")
    decoded = codec.decode(stored(release))
    assert decoded == expected
    assert [list(item.manifests) for item in decoded.revisions] == [list(item.manifests) for item in release.revisions]


@given(samples.releases)
def test_what_was_read_is_written_back_unchanged(release: Release) -> None:
    secret = stored(release)
    assert codec.encode(codec.decode(secret)) == secret


def test_the_state_is_json_that_a_person_can_read() -> None:
    state = part(stored(FULL), "state")
    assert state["inventory"][0] == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "a",
        "uid": "u1",
        "content": "c1",
        "owned": "o1",
    }
    assert (state["latest"]["number"], state["latest"]["createdAt"]) == (3, "2026-03-01T12:00:00Z")


def test_listing_inflates_no_history(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = stored(FULL)
    monkeypatch.setattr("zlib.decompressobj", lambda **_options: pytest.fail("inflated"))
    release = codec.decode(secret)
    assert release.latest is not None
    assert release.latest.manifests
    assert not release.is_settled
    assert record.next_number(release) == 4


def test_the_end_of_a_run_is_written_without_inflating(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = stored(FULL)
    monkeypatch.setattr("zlib.decompressobj", lambda **_options: pytest.fail("inflated"))
    ended = record.finish(codec.decode(secret), RevisionOutcome.READY, [], samples.NOW)
    written = stored(ended)
    assert written["data"]["history"] == secret["data"]["history"]
    assert part(written, "state")["latest"]["outcome"] == "ready"


def test_a_change_that_keeps_the_manifests_keeps_the_stream() -> None:
    release = codec.decode(stored(FULL))
    stream = codec.encode(replace(release, input_digest="new"))["data"]["history"]
    assert stream == stored(FULL)["data"]["history"]


def test_a_dropped_revision_leaves_the_stream() -> None:
    release = codec.decode(stored(FULL))
    shorter = codec.encode(replace(release, revisions=release.revisions[:2]))
    document = json.loads(gzip.decompress(base64.b64decode(shorter["data"]["history"])))
    assert [item["number"] for item in document["revisions"]] == [2]
    assert sorted(document["manifests"]) == ["2", "3"]


def test_a_state_of_thousands_of_objects_is_compressed() -> None:
    entries = tuple(
        InventoryEntry(ObjectRef("v1", "ConfigMap", f"ns-{number}", "kubecoder-kaniko"), uid=f"uid-{number}")
        for number in range(3000)
    )
    secret = stored(samples.release(inventory=entries))
    assert len(base64.b64decode(secret["data"]["state"])) < codec.PLAIN_STATE_BYTES
    assert codec.decode(secret).inventory == entries


def incompressible(kilobytes: int) -> tuple[Manifest, ...]:
    return (samples.config_map(noise=base64.b64encode(os.urandom(kilobytes * 1024)).decode()),)


@pytest.mark.parametrize(
    ("kilobytes", "failed", "kept"),
    [
        ([100] * 5, [], [5, 4, 3, 2, 1]),
        ([200] * 5, [], [5, 4, 3]),
        ([400, 200, 400], [], [3, 2]),
        ([400, 400, 100], [], [3]),
        ([900], [], []),
        ([300, 300, 300], [3, 2], [3, 1]),
        ([400, 400, 400], [3, 2], [1]),
    ],
    ids=["all fit", "oldest go", "two fit", "one fits", "none fits", "a good one outlives failures", "to the last"],
)
def test_a_record_over_the_limit_loses_the_oldest_manifests(
    kilobytes: list[int], failed: list[int], kept: list[int]
) -> None:
    items = [
        samples.revision(
            number, RevisionOutcome.FAILED if number in failed else RevisionOutcome.READY, incompressible(amount)
        )
        for number, amount in zip(range(len(kilobytes), 0, -1), kilobytes, strict=True)
    ]
    secret = stored(samples.release(*items))
    decoded = codec.decode(secret)
    assert sum(len(base64.b64decode(value)) for value in secret["data"].values()) <= codec.MAX_BYTES
    assert [item.number for item in decoded.revisions] == [item.number for item in items]
    assert [item.number for item in decoded.revisions if item.manifests] == kept


def test_a_secret_value_is_never_encoded() -> None:
    careless = replace(samples.revision(1), manifests=(samples.secret(),))
    with pytest.raises(ValueError, match="holds a Secret value"):
        codec.encode(samples.release(careless))


@given(value=st.text(min_size=6, max_size=60), key=st.sampled_from([b"", samples.KEY]))
def test_no_form_of_a_secret_value_is_in_an_encoded_record(value: str, key: bytes) -> None:
    # The value must not be found by accident in the fixed text around it.
    value = f"sv-{value}-sv"
    careful = record.pending_revision(
        samples.EMPTY,
        [samples.secret(value), {**samples.secret(value), "stringData": {"also": value}}],
        key=key,
        input_digest="",
        reason="deploy",
        author="jane",
        now=samples.NOW,
    )
    secret = stored(samples.release(careful))
    raw = [base64.b64decode(text) for text in secret["data"].values()]
    haystack = b"\n".join(
        [json.dumps(secret).encode(), *raw, gzip.decompress(base64.b64decode(secret["data"]["history"]))]
    )
    encoded = value.encode()
    for form in (encoded, base64.b64encode(encoded), json.dumps(value).encode()[1:-1], encoded.hex().encode()):
        assert form not in haystack


def broken_history(secret: Manifest, stream: bytes) -> Manifest:
    return with_part(secret, "history", stream)


def without(secret: Manifest, key: str) -> Manifest:
    return {**secret, "data": {name: value for name, value in secret["data"].items() if name != key}}


def latest(secret: Manifest, **changes: Any) -> Manifest:
    return with_state(secret, latest={**part(secret, "state")["latest"], **changes})


DAMAGE: dict[str, tuple[Callable[[Manifest], Manifest], str]] = {
    "no data": (lambda secret: {**secret, "data": None}, "state: is missing"),
    "data is no map": (lambda secret: {**secret, "data": "x"}, "it has no data"),
    "state missing": (lambda secret: without(secret, "state"), "state: is missing"),
    "state empty": (lambda secret: with_part(secret, "state", b""), "state: is empty"),
    "state not base64": (lambda secret: {**secret, "data": {**secret["data"], "state": "%%%"}}, "state: not base64"),
    "state cut off": (lambda secret: with_part(secret, "state", b'{"format":1,'), "state: not JSON"),
    "state not UTF-8": (lambda secret: with_part(secret, "state", b'"\xff\xfe"'), "state: not JSON"),
    "state nested too deep": (lambda secret: with_part(secret, "state", b"[" * 100_000), "state: not JSON"),
    "state a list": (lambda secret: with_part(secret, "state", b"[]"), "state: expected a map, found list"),
    "state gzip cut off": (
        lambda secret: with_part(secret, "state", gzip.compress(b"{}" * 99)[:-9]),
        "state: not a whole gzip stream",
    ),
    "half a surrogate": (lambda secret: with_state(secret, inputDigest="\ud800"), "state: not JSON"),
    "format missing": (lambda secret: with_state(secret, format=None), "state.format: expected int"),
    "format never used": (lambda secret: with_state(secret, format=0), "state.format: 0 was never used"),
    "digest no text": (lambda secret: with_state(secret, inputDigest=5), "state.inputDigest: expected str, found int"),
    "flag no flag": (lambda secret: latest(secret, stored="yes"), "state.latest.stored: expected bool, found str"),
    "phase unknown": (lambda secret: with_state(secret, phase="asleep"), "state.phase: unknown value 'asleep'"),
    "inventory no list": (
        lambda secret: with_state(secret, inventory={}),
        "state.inventory: expected list, found dict",
    ),
    "entry without kind": (
        lambda secret: with_state(secret, inventory=[{"apiVersion": "v1", "name": "a"}]),
        "state.inventory[0].kind: is missing",
    ),
    "entry twice": (
        lambda secret: with_state(secret, inventory=part(secret, "state")["inventory"] * 2),
        "state.inventory: an object is listed twice",
    ),
    "ceded no maps": (
        lambda secret: with_state(secret, inventory=[{"apiVersion": "v1", "kind": "A", "name": "a", "ceded": [1]}]),
        "state.inventory[0].ceded[0]: expected a map, found int",
    ),
    "revision no number": (
        lambda secret: latest(secret, number="3"),
        "state.latest.number: expected int, found str",
    ),
    "revision negative": (
        lambda secret: latest(secret, number=-1),
        "state.latest.number: expected a number from 0, found -1",
    ),
    "revision time": (
        lambda secret: latest(secret, createdAt="yesterday"),
        "state.latest.createdAt: expected a time, found 'yesterday'",
    ),
    "latest missing": (lambda secret: with_state(secret, latest="3"), "state.latest: expected a map, found str"),
    "a copy of another record": (
        lambda secret: with_state(secret, record="other/ws"),
        "it is a copy of the record other/ws",
    ),
    "another fleet's state": (lambda secret: with_state(secret, fleet="x"), "its state is of the fleet x, "),
    "another workspace's state": (
        lambda secret: with_state(secret, workspace="x"),
        "its state is of the workspace x, ",
    ),
    "immutable and worse": (
        lambda secret: {**without(secret, "state"), "immutable": True},
        "the Secret is marked immutable; state: is missing",
    ),
    "immutable": (lambda secret: {**secret, "immutable": True}, "the Secret is marked immutable"),
    "history missing": (lambda secret: without(secret, "history"), "history: is missing"),
    "history changed": (lambda secret: broken_history(secret, b"\x1f\x8b"), "history: it isn't what was written"),
    "history not base64": (
        lambda secret: {**secret, "data": {**secret["data"], "history": "%"}},
        "history: not base64",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named_and_never_raised(name: str) -> None:
    damage, reason = DAMAGE[name]
    decoded = codec.decode(damage(stored(FULL)))
    assert decoded.damage.startswith(reason)
    assert (decoded.fleet_id, decoded.workspace, decoded.resource_version) == ("fleet1", "john", "7")
    assert decoded.lock == (None if name.startswith(("no data", "data is")) else samples.LOCK)


@pytest.mark.parametrize("name", [name for name in DAMAGE if name.startswith("history")])
def test_a_damaged_history_costs_no_more_than_the_history(name: str) -> None:
    decoded = codec.decode(DAMAGE[name][0](stored(FULL)))
    assert decoded.inventory == FULL.inventory
    assert decoded.latest == FULL.latest
    assert len(decoded.revisions) == 1
    assert not decoded.revisions[0].manifests


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"id":"x"}', b'{"id":1}', b'{"pid":-1}'])
def test_a_lock_that_cannot_be_read_is_held_by_somebody_unknown(raw: bytes) -> None:
    decoded = codec.decode(with_part(stored(FULL), "lock", raw))
    assert not decoded.damage
    assert decoded.lock is not None
    assert (decoded.lock.id, decoded.lock.holder.author) == ("", "somebody")


def test_a_secret_of_another_type_is_refused() -> None:
    decoded = codec.decode({**stored(FULL), "type": "Opaque"})
    assert "isn't a release record of kubecoder" in decoded.refusal


def test_a_record_of_a_newer_tool_is_refused_not_damaged() -> None:
    decoded = codec.decode(with_state(stored(FULL), format=2, inventory="in a new form"))
    assert "was written by a newer kubecoder" in decoded.refusal
    assert not decoded.damage


def test_labels_say_whose_record_it_is_when_the_annotation_is_gone() -> None:
    secret = stored(FULL)
    del secret["metadata"]["annotations"]
    assert codec.decode(secret) == codec.decode(stored(FULL))


def test_the_owner_is_the_annotations() -> None:
    assert stored(FULL)["metadata"]["annotations"][ANNOTATION_OWNER] == "fleet1/john"


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"no gzip",
        gzip.compress(b"{}")[:-4],
        gzip.compress(b"[]"),
        gzip.compress(b"{"),
        gzip.compress(b"0" * 65 * 2**20),
    ],
    ids=["empty", "no gzip", "cut off", "a list", "no JSON", "a bomb"],
)
def test_an_unreadable_stream_is_an_error_with_a_way_on(stream: bytes) -> None:
    with pytest.raises(ClusterError, match="the recorded history can't be read") as raised:
        list(StoredManifests(History(stream), 1))
    assert raised.value.hint


def test_a_revision_that_is_not_in_its_stream_is_an_error() -> None:
    history = History(gzip.compress(b'{"manifests":{"1":[]}}'))
    assert list(StoredManifests(history, 1)) == []
    with pytest.raises(ClusterError, match="the manifests of revision 9 aren't in it"):
        len(StoredManifests(history, 9))


@pytest.mark.parametrize("document", [b"{}", b'{"revisions":[{}]}', b'{"revisions":{}}'])
def test_a_history_without_its_lines_is_an_error(document: bytes) -> None:
    with pytest.raises(ClusterError, match=r"the recorded history can't be read: history\.revisions"):
        assert History(gzip.compress(document)).earlier


def test_revisions_compare_like_any_sequence() -> None:
    revisions = codec.decode(stored(FULL)).revisions
    assert revisions == FULL.revisions
    assert FULL.revisions == revisions
    assert revisions != FULL.revisions[:2]
    assert revisions != object()
    assert hash(revisions) == hash(codec.decode(stored(FULL)).revisions)
    assert revisions[1:] == FULL.revisions[1:]


@given(st.binary(max_size=200), st.sampled_from(["state", "history", "lock"]))
def test_any_bytes_are_decoded_without_an_exception(raw: bytes, key: str) -> None:
    codec.decode(with_part(stored(FULL), key, raw))


def test_manifests_are_a_sequence() -> None:
    manifests = codec.decode(stored(FULL)).revisions[2].manifests
    assert len(manifests) == 1
    assert manifests[0] == samples.config_map(a="1")
    assert manifests[:1] == [samples.config_map(a="1")]
