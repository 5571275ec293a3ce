"""The objects that a record calls ours, and what is remembered of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from kubecoder.models.manifest import ObjectRef


@dataclass(frozen=True, slots=True, order=True)
class CededField:
    """A field of a manifest that a controller keeps.

    Attributes:
        path: As managedFields name it, such as `.spec.strategy.type`.
        manager: The controller's field manager.
    """

    path: str
    manager: str


@dataclass(frozen=True, slots=True)
class InventoryEntry:
    """One object that is ours.

    Attributes:
        uid: Empty while no finished run has seen the object: it may be there, made by a run that was killed.
        content: Digest of the manifest as it was applied; empty while a run is at work on the object.
        owned: Digest of our managedFields entry after the apply (`owned.owned_digest`); empty likewise.
        ceded: Fields that were left to controllers, so that each is told once.
        skipped: The cluster doesn't serve the API of this optional object.
    """

    ref: ObjectRef
    uid: str = ""
    content: str = ""
    owned: str = ""
    ceded: tuple[CededField, ...] = ()
    skipped: bool = False


def union_inventory(recorded: Iterable[InventoryEntry], applying: Collection[ObjectRef]) -> tuple[InventoryEntry, ...]:
    """Widen the inventory by what is about to be written.

    What the record says of an object that is about to change isn't true any more once the change began, so its
    digests are forgotten: after a kill, any next run applies it again. What the user was told stays.
    """
    entries = {entry.ref: entry for entry in recorded}
    for ref in applying:
        known = entries.get(ref) or InventoryEntry(ref)
        entries[ref] = InventoryEntry(ref, uid=known.uid, ceded=known.ceded)
    return tuple(entries.values())
