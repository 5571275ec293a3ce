"""What is recorded of one workspace, and every way in which a record may change; pure data and functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from kubecoder import __version__
from kubecoder.errors import NotFoundError
from kubecoder.models.manifest import Manifest, ObjectRef
from kubecoder.releases.inventory import CededField, InventoryEntry, union_inventory
from kubecoder.releases.redaction import content_digest, redact
from kubecoder.releases.revision import GOOD, Revision, RevisionOutcome, Revisions, retained

__all__ = [
    "GOOD",
    "CededField",
    "Holder",
    "InventoryEntry",
    "Lock",
    "Phase",
    "Release",
    "Revision",
    "RevisionOutcome",
    "begin",
    "finish",
    "interrupt",
    "next_number",
    "note_readiness",
    "pending_revision",
    "rollback_target",
    "union_inventory",
]
MESSAGE_LENGTH = 1000


class Phase(StrEnum):
    """What is being done to a workspace."""

    IDLE = "idle"
    APPLYING = "applying"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True)
class Holder:
    """One process that deploys.

    Attributes:
        author: `user@host`.
        host: The host's name, for people.
        boot_id: Names this boot of this host; empty where the system has none.
        pid_namespace: Process ids mean something only inside it.
        started: When the process started, in ticks since the boot; tells it from a later one with the same id.
    """

    author: str
    host: str = ""
    boot_id: str = ""
    pid_namespace: str = ""
    pid: int = 0
    started: int = 0


@dataclass(frozen=True, slots=True)
class Lock:
    """Who is at work on a workspace; the times are for people, and nothing is decided by them.

    Attributes:
        id: New for each time that a lock is taken, and unguessable.
        renewals: Counted up, so that each renewal changes the record.
    """

    id: str
    holder: Holder
    acquired_at: datetime
    renewed_at: datetime
    renewals: int = 0


@dataclass(frozen=True, slots=True)
class Release:
    """The record of one workspace.

    Attributes:
        name: Name of the Secret that holds the record.
        revisions: Newest first, at most ten.
        input_digest: Of the inputs that all objects come from; empty unless the last run finished well.
        uid: The Secret's, empty before the first write.
        resource_version: What the next write is compared with.
        damage: Why the stored record can't be read, in whole or in part; the next run sets a copy aside and goes on.
        refusal: Why nobody may write it: it isn't ours, or a newer kubecoder wrote it.
    """

    fleet_id: str
    workspace: str
    namespace: str
    name: str
    inventory: tuple[InventoryEntry, ...] = ()
    revisions: Sequence[Revision] = ()
    input_digest: str = ""
    phase: Phase = Phase.IDLE
    lock: Lock | None = None
    uid: str = ""
    resource_version: str = ""
    damage: str = ""
    refusal: str = ""

    @property
    def ref(self) -> ObjectRef:
        """The Secret that holds the record."""
        return ObjectRef("v1", "Secret", self.namespace, self.name)

    @property
    def exists(self) -> bool:
        """Whether the record was ever written."""
        return bool(self.resource_version)

    @property
    def latest(self) -> Revision | None:
        """The newest revision."""
        return self.revisions[0] if self.revisions else None

    @property
    def is_settled(self) -> bool:
        """Whether the last run came to a good end, so that the inventory says what the cluster holds."""
        return self.phase is Phase.IDLE and self.latest is not None and self.latest.outcome in GOOD

    def revision(self, number: int) -> Revision:
        """Find a revision by its number.

        Raises:
            NotFoundError: There is none, or it isn't kept any more.
        """
        for revision in self.revisions:
            if revision.number == number:
                return revision
        kept = ", ".join(str(revision.number) for revision in self.revisions) or "none"
        raise NotFoundError(f"{self.workspace} has no revision {number}", hint=f"kept revisions: {kept}")


def next_number(release: Release) -> int:
    """Number the next revision."""
    return release.latest.number + 1 if release.latest else 1


def pending_revision(
    release: Release,
    manifests: Iterable[Manifest],
    *,
    key: bytes,
    input_digest: str,
    reason: str,
    author: str,
    now: datetime,
) -> Revision:
    """Make the revision that a run is about to apply, with Secret values redacted.

    Args:
        release: What it comes after.
        manifests: What is going to be applied.
        key: Of the digests that stand for Secret values (`redaction.derive_key`).
        input_digest: Of what the manifests were rendered from; empty for a rollback.
        reason: `deploy`, `rollback to 3`, …
        author: `user@host`.
        now: UTC.
    """
    redacted = tuple(redact(manifest, key) for manifest in manifests)
    return Revision(
        number=next_number(release),
        outcome=RevisionOutcome.PENDING,
        author=author,
        created_at=now.replace(microsecond=0),
        tool_version=__version__,
        input_digest=input_digest,
        reason=reason,
        content=content_digest(redacted),
        manifests=redacted,
    )


def begin(
    release: Release,
    inventory: Sequence[InventoryEntry],
    revision: Revision | None = None,
    *,
    phase: Phase = Phase.APPLYING,
) -> Release:
    """Record what is about to happen: the union inventory and the pending revision."""
    revisions = release.revisions if revision is None else retained((revision, *release.revisions))
    return replace(release, inventory=tuple(inventory), revisions=revisions, phase=phase, input_digest="")


def finish(
    release: Release,
    outcome: RevisionOutcome,
    inventory: Sequence[InventoryEntry],
    now: datetime,
    *,
    message: str = "",
) -> Release:
    """Record what has happened: the exact inventory and what became of the pending revision."""
    settled = _settled(release, outcome, now, message)
    is_good = outcome in GOOD and settled.latest is not None
    return replace(
        settled,
        inventory=tuple(inventory),
        phase=Phase.IDLE,
        input_digest=settled.latest.input_digest if is_good and settled.latest else "",
    )


def note_readiness(release: Release, number: int, outcome: RevisionOutcome, message: str) -> Release | None:
    """Record how the pod of an applied revision came up.

    Args:
        release: The record as it is now, some time after the run.
        number: The revision that was waited for.
        outcome: Ready or failed; after a failure the next deploy looks at everything again.
        message: Why it failed; it must not hold a secret.

    Returns:
        None when somebody has deployed since, or is about to.
    """
    latest = release.latest
    is_writable = release.lock is None and not release.damage and not release.refusal
    if not is_writable or latest is None or (latest.number, latest.outcome) != (number, RevisionOutcome.APPLIED):
        return None
    noted = _with_latest(release, replace(latest, outcome=outcome, message=_recordable(message)))
    return noted if outcome in GOOD else replace(noted, input_digest="")


def interrupt(release: Release, now: datetime) -> Release:
    """Mark what a killed run left behind; a delete stays one, so that it's seen to be unfinished."""
    settled = _settled(release, RevisionOutcome.INTERRUPTED, now, "")
    if release.phase is Phase.IDLE and settled is release:
        return release
    phase = Phase.DELETING if release.phase is Phase.DELETING else Phase.IDLE
    return replace(settled, phase=phase, input_digest="")


def rollback_target(release: Release) -> Revision:
    """Choose the revision that a rollback goes to when none is named.

    It is the newest earlier one whose outcome is good and whose content differs from the current one.

    Raises:
        NotFoundError: There is no such revision.
    """
    if release.latest is not None:
        for revision in release.revisions[1:]:
            if revision.outcome in GOOD and revision.content != release.latest.content and revision.manifests:
                return revision
    raise NotFoundError(
        f"{release.workspace} has no earlier revision that was deployed and differs from the current one",
        hint=f"kubecoder history {release.workspace} lists what is kept",
    )


def _settled(release: Release, outcome: RevisionOutcome, now: datetime, message: str) -> Release:
    """Say what became of the pending revision, which is always the newest."""
    latest = release.latest
    if latest is None or latest.outcome is not RevisionOutcome.PENDING:
        return release
    return _with_latest(release, replace(latest, outcome=outcome, finished_at=now, message=_recordable(message)))


def _with_latest(release: Release, latest: Revision) -> Release:
    revisions = release.revisions
    if isinstance(revisions, Revisions):
        return replace(release, revisions=revisions.with_newest(latest))
    return replace(release, revisions=(latest, *revisions[1:]))


def _recordable(message: str) -> str:
    """Whatever an error quotes must be writable as UTF-8, and leave room for the rest."""
    return message[:MESSAGE_LENGTH].encode(errors="replace").decode()
