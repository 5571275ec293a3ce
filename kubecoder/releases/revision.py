"""One change of a workspace, and the row of those that are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import overload

from kubecoder.models.manifest import Manifest

KEPT_REVISIONS = 10


class RevisionOutcome(StrEnum):
    """What became of a revision.

    `applied` means that all objects are in and nobody waited for the pod; `ready` that the pod became ready too.
    """

    PENDING = "pending"
    APPLIED = "applied"
    READY = "ready"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


GOOD = frozenset({RevisionOutcome.APPLIED, RevisionOutcome.READY})
"""Outcomes of revisions that a rollback goes to by default."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One change of a workspace.

    Attributes:
        author: `user@host`.
        created_at: UTC, whole seconds.
        input_digest: Of the values, secrets and templates that the manifests were rendered from.
        reason: `deploy`, `rollback to 3`, …
        content: Digest of the manifests without Secret values, which a rollback doesn't bring back.
        message: Why it failed; empty otherwise.
        manifests: What was applied, Secret values redacted; inflated when first read. Empty when not kept any more.
    """

    number: int
    outcome: RevisionOutcome
    author: str
    created_at: datetime
    tool_version: str
    input_digest: str
    reason: str
    content: str
    finished_at: datetime | None = None
    message: str = ""
    manifests: Sequence[Manifest] = field(default=(), compare=False, repr=False)


class Revisions(Sequence[Revision]):
    """The revisions of a stored record, newest first; all but the newest are read when first needed.

    Args:
        newest: The one that a fleet's listing looks at.
        read: Gives all others.
        stream: Where they come from, with the manifests of all: written back as it is while they are the same.
    """

    def __init__(self, newest: Revision, read: Callable[[], Sequence[Revision]], stream: bytes) -> None:
        self.newest = newest
        self.stream = stream
        self._read = read

    def with_newest(self, newest: Revision) -> Revisions:
        """Replace what is said of the newest revision; its manifests stay."""
        return Revisions(newest, self._read, self.stream)

    @overload
    def __getitem__(self, index: int) -> Revision: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Revision]: ...
    def __getitem__(self, index: int | slice) -> Revision | Sequence[Revision]:
        """Return one revision, or some."""
        return self.newest if index == 0 else (self.newest, *self._read())[index]

    def __len__(self) -> int:
        """Count the revisions."""
        return 1 + len(self._read())

    def __bool__(self) -> bool:
        """Say that there are revisions, without reading them."""
        return True

    def __eq__(self, other: object) -> bool:
        """Compare with any other sequence of revisions."""
        return tuple(self) == tuple(other) if isinstance(other, Sequence) else NotImplemented

    def __hash__(self) -> int:
        """Agree with equality; nothing else is asked of it."""
        return hash(self.newest.number)


def retained(revisions: Sequence[Revision], limit: int = KEPT_REVISIONS) -> tuple[Revision, ...]:
    """Keep the newest revisions, and in any case the newest good one: else ten failures would leave no way back."""
    kept = list(revisions[:limit])
    if not any(revision.outcome in GOOD for revision in kept):
        good = next((revision for revision in revisions[limit:] if revision.outcome in GOOD), None)
        if good is not None:
            kept[-1] = good
    return tuple(kept)
