"""Releases as Secrets: state and lock as JSON, everything that a fleet's listing doesn't need in one gzip stream."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kubecoder.models.manifest import (
    ANNOTATION_OWNER,
    LABEL_RECORD,
    LABEL_WORKSPACE,
    Manifest,
    canonical_json,
)
from kubecoder.releases import fields
from kubecoder.releases.fields import DamagedError
from kubecoder.releases.history import History, deflated
from kubecoder.releases.record import GOOD, Lock, Phase, Release, Revision
from kubecoder.releases.revision import Revisions

SECRET_TYPE = "kubecoder.dev/release.v1"  # noqa: S105 -- the type of a Secret, not one
FORMAT = 1
IMMUTABLE = "the Secret is marked immutable"
# A Secret may hold 1 MiB; the rest is room for metadata, and for the lock to change hands.
MAX_BYTES = 700 * 1024
# A state this large (thousands of namespaces in the base record) is compressed; a fleet's listing has few of those.
PLAIN_STATE_BYTES = 64 * 1024
_GZIP_MAGIC = b"\x1f\x8b"


def encode(release: Release) -> Manifest:
    """Write a release as the Secret to create or replace.

    When it would be larger than 700 KB, the manifests of the oldest revisions are left out, one after the other, those
    of the newest good one last. The lines of the history and the inventory stay in any case.

    Raises:
        ValueError: A manifest holds a Secret value; a bug that must not reach the cluster.
    """
    data = _data(release)
    while size(data) > MAX_BYTES and any(revision.manifests for revision in release.revisions):
        release = replace(release, revisions=_with_less(release.revisions))
        data = _data(release)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(release),
        "type": SECRET_TYPE,
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def encode_lock(lock: Lock) -> str:
    """Write a lock as the value of `data.lock`."""
    return base64.b64encode(canonical_json(fields.lock_document(lock))).decode()


def decode(secret: Manifest) -> Release:
    """Read a release from its Secret; it never fails: what can't be read is named in `damage` or `refusal`."""
    metadata = secret["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    fleet_id, _, workspace = annotations.get(ANNOTATION_OWNER, "").partition("/")
    release = Release(
        fleet_id=fleet_id or labels.get(LABEL_RECORD, ""),
        workspace=workspace or labels.get(LABEL_WORKSPACE, ""),
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
    )
    if secret.get("type") != SECRET_TYPE:
        return replace(release, refusal=f"{release.ref} is there and isn't a release record of kubecoder")
    data = secret.get("data") or {}
    release = _with_lock(release, data)
    try:
        release = _with_state(release, data)
    except NewerFormatError as error:
        return replace(release, refusal=str(error))
    except DamagedError as error:
        release = replace(release, damage=str(error))
    if secret.get("immutable"):
        return replace(release, damage=f"{IMMUTABLE}; {release.damage}" if release.damage else IMMUTABLE)
    return release


class NewerFormatError(DamagedError):
    """A newer kubecoder wrote the record."""


def size(data: dict[str, bytes]) -> int:
    """Count what the server counts against its limit for a Secret."""
    return sum(len(value) for value in data.values())


def _metadata(release: Release) -> dict[str, Any]:
    # A record is not one of the workspace's objects: it has none of the labels by which those are listed.
    metadata: dict[str, Any] = {
        "name": release.name,
        "namespace": release.namespace,
        "labels": {
            "app.kubernetes.io/part-of": "kubecoder",
            LABEL_RECORD: release.fleet_id,
            LABEL_WORKSPACE: release.workspace,
        },
        "annotations": {ANNOTATION_OWNER: f"{release.fleet_id}/{release.workspace}"},
    }
    if release.exists:
        metadata |= {"uid": release.uid, "resourceVersion": release.resource_version}
    return metadata


def _data(release: Release) -> dict[str, bytes]:
    history = deflated(release.revisions)
    state = canonical_json(
        {
            "format": FORMAT,
            "fleet": release.fleet_id,
            "workspace": release.workspace,
            "record": f"{release.namespace}/{release.name}",
            "phase": release.phase,
            "inputDigest": release.input_digest,
            "inventory": [fields.entry_document(entry, release.namespace) for entry in release.inventory],
            "latest": fields.revision_document(release.latest) if release.latest else None,
            "history": _checksum(history),
        }
    )
    data = {"state": state if len(state) <= PLAIN_STATE_BYTES else gzip.compress(state, mtime=0)}
    if history:
        data["history"] = history
    if release.lock is not None:
        data["lock"] = canonical_json(fields.lock_document(release.lock))
    return data


def _with_less(revisions: Sequence[Revision]) -> tuple[Revision, ...]:
    stored = [item for item in revisions if item.manifests]
    good = next((item for item in stored if item.outcome in GOOD), None)
    dropped = next((item for item in reversed(stored) if item is not good), good)
    return tuple(replace(item, manifests=()) if item is dropped else item for item in revisions)


def _with_lock(release: Release, data: Any) -> Release:
    """Read the lock; one that can't be read is held by nobody we know, and runs out like any other."""
    if not isinstance(data, dict) or "lock" not in data:
        return release
    try:
        return replace(release, lock=fields.lock(_json(_binary(data, "lock"), "lock")))
    except DamagedError:
        return replace(release, lock=fields.UNKNOWN_LOCK)


def _with_state(release: Release, data: Any) -> Release:
    state = fields.Reader(_state_document(data), "state")
    written = state.number("format")
    if written < FORMAT:
        raise DamagedError(f"state.format: {written} was never used")
    if written > FORMAT:
        raise NewerFormatError(f"{release.ref} was written by a newer kubecoder (format {written}, known: {FORMAT})")
    record = state.text("record")
    if record != f"{release.namespace}/{release.name}":
        raise DamagedError(f"it is a copy of the record {record}")
    if release.fleet_id and state.text("fleet") != release.fleet_id:
        raise DamagedError(f"its state is of the fleet {state.text('fleet')}, its labels are of {release.fleet_id}")
    if release.workspace and state.text("workspace") != release.workspace:
        raise DamagedError(f"its state is of the workspace {state.text('workspace')}, not of {release.workspace}")
    revisions, damage = _revisions(state, data)
    return replace(
        release,
        fleet_id=state.text("fleet"),
        workspace=state.text("workspace"),
        phase=state.choice("phase", Phase),
        input_digest=state.text("inputDigest"),
        inventory=fields.inventory(state, release.namespace),
        revisions=revisions,
        damage=damage,
    )


def _revisions(state: fields.Reader, data: dict[str, Any]) -> tuple[Sequence[Revision], str]:
    """Read the newest revision; without a history a workspace can be deployed, but not rolled back."""
    latest = state.optional_map("latest")
    if latest is None:
        return (), ""
    newest, checksum = fields.revision(latest), state.text("history")
    try:
        stream = _binary(data, "history") if checksum else b""
        if _checksum(stream) != checksum:
            raise DamagedError("history: it isn't what was written (its SHA-256 differs)")
    except DamagedError as error:
        return (newest,), str(error)
    if not stream:
        return (newest,), ""
    history = History(stream)
    newest = history.attached(newest, is_stored=latest.flag("stored"))
    return Revisions(newest, lambda: history.earlier, stream), ""


def _state_document(data: Any) -> Any:
    if not isinstance(data, dict):
        raise DamagedError("it has no data")
    raw = _binary(data, "state")
    if raw.startswith(_GZIP_MAGIC):
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, ValueError) as error:
            raise DamagedError(f"state: not a whole gzip stream ({error})") from error
    return _json(raw, "state")


def _binary(data: dict[str, Any], key: str) -> bytes:
    if key not in data:
        raise DamagedError(f"{key}: is missing")
    try:
        return base64.b64decode(data[key] or "", validate=True)
    except (ValueError, TypeError) as error:
        raise DamagedError(f"{key}: not base64 ({error})") from error


def _json(raw: bytes, key: str) -> Any:
    if not raw:
        raise DamagedError(f"{key}: is empty")
    try:
        document = json.loads(raw)
        if b"\\u" in raw:
            canonical_json(document)  # Half of a surrogate pair can be read, and never written again.
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{key}: not JSON ({error})") from error
    return document


def _checksum(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:32] if raw else ""
