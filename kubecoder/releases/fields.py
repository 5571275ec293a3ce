"""The JSON forms of a record's parts, and how each is read back with a precise reason when it can't be."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from kubecoder.models.manifest import ObjectRef
from kubecoder.releases.record import CededField, Holder, InventoryEntry, Lock, Revision, RevisionOutcome

_E = TypeVar("_E", bound=StrEnum)
_EPOCH = datetime.fromtimestamp(0, UTC)

UNKNOWN_LOCK = Lock(id="", holder=Holder(author="somebody"), acquired_at=_EPOCH, renewed_at=_EPOCH)
"""Stands for a lock that can't be read."""


class DamagedError(Exception):
    """A part of a record can't be read; its text says which and why."""


class Reader:
    """Reads one JSON map, naming the place of whatever is wrong; a fleet's listing reads hundreds of thousands.

    Args:
        value: What should be a map.
        place: How to name it, such as `state.inventory`.
        index: Which item of a list it is.
    """

    __slots__ = ("_index", "_map", "_place")

    def __init__(self, value: Any, place: str, index: int | None = None) -> None:
        self._place = place
        self._index = index
        if type(value) is not dict:
            raise DamagedError(f"{self.place}: expected a map, found {type(value).__name__}")
        self._map: dict[str, Any] = value

    @property
    def place(self) -> str:
        """Where the map is in the record."""
        return self._place if self._index is None else f"{self._place}[{self._index}]"

    def text(self, key: str, default: str | None = None) -> str:
        """Read a text; one without a default must be there."""
        value = self._map.get(key, default)
        if type(value) is not str:
            raise self._wrong(key, "str")
        return value

    def number(self, key: str) -> int:
        """Read a whole number that isn't negative."""
        value = self._map.get(key)
        if type(value) is not int:
            raise self._wrong(key, "int")
        if value < 0:
            raise DamagedError(f"{self.place}.{key}: expected a number from 0, found {value}")
        return value

    def flag(self, key: str) -> bool:
        """Read a flag that is off when it isn't there."""
        value = self._map.get(key, False)
        if type(value) is not bool:
            raise self._wrong(key, "bool")
        return value

    def time(self, key: str) -> datetime:
        """Read a point in time (RFC 3339, UTC)."""
        text = self.text(key)
        try:
            found = datetime.fromisoformat(text)
        except ValueError as error:
            raise DamagedError(f"{self.place}.{key}: expected a time, found {text!r}") from error
        if found.tzinfo is not UTC:
            raise DamagedError(f"{self.place}.{key}: expected a time in UTC, found {text!r}")
        return found

    def optional_time(self, key: str) -> datetime | None:
        """Read a point in time that may be missing."""
        return self.time(key) if key in self._map else None

    def choice(self, key: str, choices: type[_E]) -> _E:
        """Read one of an enumeration's values."""
        text = self.text(key)
        try:
            return choices(text)
        except ValueError as error:
            raise DamagedError(f"{self.place}.{key}: unknown value {text!r}") from error

    def optional_map(self, key: str) -> Reader | None:
        """Read a map that may be null."""
        value = self._map.get(key)
        return None if value is None and key in self._map else Reader(value, f"{self.place}.{key}")

    def items(self, key: str) -> list[Reader]:
        """Read a list of maps."""
        place = f"{self.place}.{key}"
        return [Reader(item, place, index) for index, item in enumerate(self._list(key))]

    def optional_items(self, key: str) -> list[Reader]:
        """Read a list of maps that is empty when it isn't there."""
        return self.items(key) if key in self._map else []

    def _list(self, key: str) -> list[Any]:
        value = self._map.get(key)
        if type(value) is not list:
            raise self._wrong(key, "list")
        return value

    def _wrong(self, key: str, expected: str) -> DamagedError:
        if key not in self._map:
            return DamagedError(f"{self.place}.{key}: is missing")
        return DamagedError(f"{self.place}.{key}: expected {expected}, found {type(self._map[key]).__name__}")


def entry_document(entry: InventoryEntry, namespace: str) -> dict[str, Any]:
    """Write an inventory entry; what is empty, and the record's own namespace, are left out."""
    ref = entry.ref
    document: dict[str, Any] = {"apiVersion": ref.api_version, "kind": ref.kind, "name": ref.name}
    if ref.namespace != namespace:
        document["namespace"] = ref.namespace
    known = {"uid": entry.uid, "content": entry.content, "owned": entry.owned}
    document.update({key: value for key, value in known.items() if value})
    if entry.ceded:
        document["ceded"] = [{"path": item.path, "manager": item.manager} for item in entry.ceded]
    if entry.skipped:
        document["skipped"] = True
    return document


def inventory(state: Reader, namespace: str) -> tuple[InventoryEntry, ...]:
    """Read the inventory."""
    entries = tuple(
        InventoryEntry(
            ObjectRef(item.text("apiVersion"), item.text("kind"), item.text("namespace", namespace), item.text("name")),
            item.text("uid", ""),
            item.text("content", ""),
            item.text("owned", ""),
            tuple(CededField(field.text("path"), field.text("manager")) for field in item.optional_items("ceded")),
            item.flag("skipped"),
        )
        for item in state.items("inventory")
    )
    if len({entry.ref for entry in entries}) != len(entries):
        raise DamagedError("state.inventory: an object is listed twice")
    return entries


def revision_document(revision: Revision) -> dict[str, Any]:
    """Write everything of a revision but its manifests, of which only is said whether they are kept."""
    document: dict[str, Any] = {
        "number": revision.number,
        "outcome": revision.outcome,
        "author": revision.author,
        "createdAt": _time(revision.created_at),
        "toolVersion": revision.tool_version,
        "inputDigest": revision.input_digest,
        "reason": revision.reason,
        "content": revision.content,
    }
    if revision.finished_at is not None:
        document["finishedAt"] = _time(revision.finished_at)
    if revision.message:
        document["message"] = revision.message
    if revision.manifests:
        document["stored"] = True
    return document


def revision(item: Reader) -> Revision:
    """Read a revision without its manifests."""
    return Revision(
        item.number("number"),
        item.choice("outcome", RevisionOutcome),
        item.text("author"),
        item.time("createdAt"),
        item.text("toolVersion"),
        item.text("inputDigest"),
        item.text("reason"),
        item.text("content"),
        item.optional_time("finishedAt"),
        item.text("message", ""),
    )


def lock_document(lock: Lock) -> dict[str, Any]:
    """Write a lock, its holder in line."""
    holder = lock.holder
    return {
        "id": lock.id,
        "author": holder.author,
        "host": holder.host,
        "bootId": holder.boot_id,
        "pidNamespace": holder.pid_namespace,
        "pid": holder.pid,
        "started": holder.started,
        "acquiredAt": _time(lock.acquired_at),
        "renewedAt": _time(lock.renewed_at),
        "renewals": lock.renewals,
    }


def lock(document: Any) -> Lock:
    """Read a lock."""
    item = Reader(document, "lock")
    holder = Holder(
        author=item.text("author"),
        host=item.text("host"),
        boot_id=item.text("bootId"),
        pid_namespace=item.text("pidNamespace"),
        pid=item.number("pid"),
        started=item.number("started"),
    )
    return Lock(item.text("id"), holder, item.time("acquiredAt"), item.time("renewedAt"), item.number("renewals"))


def _time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
