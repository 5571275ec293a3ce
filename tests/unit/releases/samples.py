"""Releases to test with, fixed ones and any."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from kubecoder.models.manifest import Manifest, ObjectRef
from kubecoder.releases import record
from kubecoder.releases.record import (
    CededField,
    Holder,
    InventoryEntry,
    Lock,
    Phase,
    Release,
    Revision,
    RevisionOutcome,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = b"a key that no object in the cluster holds"
EMPTY = Release("fleet1", "john", "coder", "ws-john-release")


def config_map(name: str = "ws-john-agent", **data: str) -> Manifest:
    metadata = {"name": name, "namespace": "coder"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data or {"a": "1"}}


def secret(value: str = "hunter2", name: str = "ws-john-door", key: str = "client-secret") -> Manifest:
    encoded = base64.b64encode(value.encode()).decode()
    metadata = {"name": name, "namespace": "coder"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {key: encoded}}


def entry(name: str, **known: Any) -> InventoryEntry:
    return InventoryEntry(ObjectRef("v1", "ConfigMap", "coder", name), **known)


def revision(
    number: int, outcome: RevisionOutcome = RevisionOutcome.READY, manifests: tuple[Manifest, ...] | None = None
) -> Revision:
    made = record.pending_revision(
        EMPTY,
        (config_map(a=str(number)),) if manifests is None else manifests,
        key=KEY,
        input_digest=f"inputs-{number}",
        reason="deploy",
        author="jane@laptop",
        now=NOW,
    )
    finished = None if outcome is RevisionOutcome.PENDING else NOW
    return replace(made, number=number, outcome=outcome, finished_at=finished)


def release(*revisions: Revision, **parts: Any) -> Release:
    return replace(EMPTY, revisions=revisions, **parts)


HOLDER = Holder("jane@laptop", "laptop", "boot-1", "pid:[1]", 4711, 99)
LOCK = Lock("lock-1", HOLDER, NOW, NOW)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
times = st.datetimes(datetime(1990, 1, 1), datetime(2990, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- see timezones
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(texts, below, max_size=3),
    max_leaves=4,
)
entries = st.builds(
    InventoryEntry,
    st.builds(ObjectRef, texts, texts, texts, texts),
    texts,
    texts,
    texts,
    st.lists(st.builds(CededField, texts, texts), max_size=2).map(tuple),
    st.booleans(),
)
manifests = st.builds(
    lambda name, data: {**config_map(name), "data": data}, texts, st.dictionaries(texts, json_values, max_size=2)
)
numbers = st.lists(st.integers(1, 10_000), unique=True, max_size=3).map(lambda found: sorted(found, reverse=True))


@st.composite
def revisions(draw: st.DrawFn) -> tuple[Revision, ...]:
    return tuple(
        Revision(
            number=number,
            outcome=draw(st.sampled_from(RevisionOutcome)),
            author=draw(texts),
            created_at=draw(times),
            tool_version=draw(texts),
            input_digest=draw(texts),
            reason=draw(texts),
            content=draw(texts),
            finished_at=draw(st.none() | times),
            message=draw(texts),
            manifests=tuple(draw(st.lists(manifests, max_size=2))),
        )
        for number in draw(numbers)
    )


pids = st.integers(0, 2**31)
locks = st.builds(Lock, texts, st.builds(Holder, texts, texts, texts, texts, pids, pids), times, times, pids)
names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20)
releases = st.builds(
    Release,
    fleet_id=names,
    workspace=names,
    namespace=names,
    name=names,
    inventory=st.lists(entries, max_size=3, unique_by=lambda item: item.ref).map(tuple),
    revisions=revisions(),
    input_digest=texts,
    phase=st.sampled_from(Phase),
    lock=st.none() | locks,
)
