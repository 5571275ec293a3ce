"""One workspace under work: its lock and its record, written together so that a run costs two writes.

A run that changes something does this:

    with LockKeeper(cluster, timeout=60) as keeper, keeper.session(release) as session:
        while not session.begin(union, revision):   # one write: lock, union inventory, pending revision
            ...                                     # the record has changed: plan again from session.release
        ...                                         # write objects, as long as session.is_valid
        session.finish(outcome, inventory)          # one write: exact inventory, outcome, lock released
"""

from __future__ import annotations

import logging
import math
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from kubecoder.cluster import Cluster
from kubecoder.errors import ApiError, BlockedError, ClusterError, LockedError
from kubecoder.releases import lock as locks
from kubecoder.releases import record, store
from kubecoder.releases.holder import is_gone
from kubecoder.releases.lock import Sighting, Verdict
from kubecoder.releases.record import InventoryEntry, Lock, Phase, Release, Revision, RevisionOutcome

if TYPE_CHECKING:
    from kubecoder.releases.keeper import LockKeeper

_POLL_SECONDS = 1.0
_CONFLICT_ATTEMPTS = 5
_log = logging.getLogger(__name__)


class Session:
    """The lock and the record of one workspace; made by `LockKeeper.session`, nothing is sent until `begin`.

    Attributes:
        release: The record as it is known to be; a plan must be made from this one.
        notices: What the user should know: a lock taken over, a damaged record set aside.
    """

    def __init__(self, keeper: LockKeeper, release: Release) -> None:
        self.release = release
        self.notices: list[str] = []
        self._keeper = keeper
        self._cluster = keeper.cluster
        # Renewing (the keeper's thread) and writing (the run's) both compare with the version that the other made.
        self._mutex = threading.Lock()
        self._lock: Lock | None = None
        self._confirmed_at = 0.0

    @property
    def is_held(self) -> bool:
        """Whether the lock was taken, and neither released nor seen to be lost."""
        return self._lock is not None

    @property
    def is_valid(self) -> bool:
        """Whether nobody else can have taken the lock yet: write objects only while this is so."""
        return self.is_held and self._keeper.clock() - self._confirmed_at < locks.VALID_SECONDS

    def require_lock(self) -> None:
        """Make sure that nobody else can be at work.

        Raises:
            LockedError: The lock was lost, or couldn't be renewed in time.
        """
        if not self.is_valid:
            raise LockedError(
                f"{self.release.workspace}: the lock was lost, somebody else may be at work",
                hint=f"see kubecoder history {self.release.workspace}",
            )

    def begin(
        self, inventory: Sequence[InventoryEntry], revision: Revision | None = None, *, phase: Phase = Phase.APPLYING
    ) -> bool:
        """Take the lock and record what is about to happen, in one write.

        Args:
            inventory: The union of what was and what will be (`record.union_inventory`).
            revision: The pending revision; None for a delete.
            phase: What is going to be done.

        Returns:
            False when the record isn't the one that was planned from. Then the lock was waited for and is held, so
            that nothing changes any more: plan again from `release`, with fresh looks at the objects, and call again.

        Raises:
            LockedError: Somebody else holds the lock and went on holding it.
            BlockedError: The record isn't ours to write.
            ClusterError: The cluster refused or failed.
        """
        if self.is_held:
            self.write(record.begin(self.release, inventory, revision, phase=phase))
            return True
        self._refuse_foreign()
        known = self.release
        if known.lock is None and not known.damage:
            interrupted = record.interrupt(known, self._keeper.now())
            if self._take(record.begin(interrupted, inventory, revision, phase=phase)):
                return True
        self.acquire()
        return False

    def acquire(self) -> None:
        """Wait until the lock is free or its holder is gone, and take it without saying yet what for.

        Raises:
            LockedError: Somebody else held it until the time-out.
            BlockedError: The record isn't ours to write.
            ClusterError: The cluster refused or failed.
        """
        clock = self._keeper.clock
        deadline = clock() + self._keeper.timeout
        sighting = Sighting("", 0.0)
        while not self.is_held:
            asked_at = clock()
            self.release = store.refresh(self._cluster, self.release)
            sighting = sighting.updated(self.release.resource_version, clock())
            self._refuse_foreign()
            verdict = self._judge(sighting, asked_at)
            if verdict is not Verdict.HELD and self._take_over(verdict):
                return
            if clock() >= deadline:
                raise self._locked_error()
            if verdict is Verdict.HELD and self.release.lock is not None:
                self._keeper.on_wait(self.release)
                self._keeper.sleep(min(_POLL_SECONDS, max(0.0, deadline - clock())))

    def write(self, release: Release) -> None:
        """Write the record and keep the lock.

        Raises:
            LockedError: The lock was lost to somebody else.
            ClusterError: The cluster refused or failed.
        """
        with self._mutex:
            self._write(replace(release, lock=self._renewed()))

    def finish(self, outcome: RevisionOutcome, inventory: Sequence[InventoryEntry], *, message: str = "") -> None:
        """Record what has happened and release the lock, in one write.

        Args:
            outcome: What became of the pending revision.
            inventory: Exactly what is there now.
            message: Why it failed; it must not hold a secret.

        Raises:
            LockedError: The lock was lost to somebody else, who has marked the revision interrupted.
            ClusterError: The cluster refused or failed.
        """
        self._release(record.finish(self.release, outcome, inventory, self._keeper.now(), message=message))

    def release_lock(self) -> None:
        """Release the lock; a revision that is still pending counts as interrupted."""
        if self.is_held:
            self._release(record.interrupt(self.release, self._keeper.now()))

    def delete_record(self) -> None:
        """Delete the record itself, as the last step of deleting a workspace."""
        with self._mutex:
            self._renewed()
            self._cluster.delete(self.release.ref, uid=self.release.uid)
            self._drop()

    def renew(self) -> None:
        """Tell the others that we live; what goes wrong here shows in `is_valid`."""
        # A write in progress renews too, and however long it takes, the locks of other sessions can't wait for it.
        if not self._mutex.acquire(blocking=False):
            return
        try:
            if self._lock is not None:
                self._write(replace(self.release, lock=self._renewed()), store.save_lock)
        except ClusterError as error:
            _log.info("the lock of %s could not be renewed: %s", self.release.workspace, error)
        finally:
            self._mutex.release()

    def __enter__(self) -> Self:
        """Open nothing: the lock is taken by `begin` or `acquire`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Release a lock that is still held, if the cluster lets us; otherwise it runs out."""
        try:
            self.release_lock()
        except ClusterError as failure:
            _log.info("the lock of %s could not be released: %s", self.release.workspace, failure)
            self._drop()

    def _judge(self, sighting: Sighting, asked_at: float) -> Verdict:
        lock = self.release.lock
        gone = lock is not None and is_gone(lock.holder, self._keeper.holder)
        return locks.judge(self.release, sighting, asked_at, holder_is_gone=gone)

    def _take_over(self, verdict: Verdict) -> bool:
        """Take the lock as it was found, after what a dead holder or a damaged record needs."""
        found = self.release
        notices = []
        if found.lock is not None:
            left = found.latest
            is_pending = left is not None and left.outcome is RevisionOutcome.PENDING
            pending = f"; revision {left.number} is marked interrupted" if left and is_pending else ""
            notices.append(f"took over from {self._describe(found.lock)}, {verdict}{pending}")
        release = record.interrupt(found, self._keeper.now())
        if found.damage:
            copy = store.set_aside(self._cluster, found)
            notices.append(f"the release record is damaged ({found.damage}); set aside as Secret {copy}")
            release = store.make_writable(self._cluster, release)
        if not self._take(release):
            return False
        self.notices += notices
        return True

    def _take(self, release: Release) -> bool:
        """Write a record with our lock in it; False when it had changed, and then it's read again."""
        now = self._keeper.now()
        lock = Lock(secrets.token_hex(16), self._keeper.holder, now, now)
        started = self._keeper.clock()
        wanted = replace(release, lock=lock)
        try:
            saved = store.save(self._cluster, wanted)
        except ApiError as error:
            if not _is_conflict(error, release):
                raise
            self.release = store.refresh(self._cluster, self.release)
            # The answer to our first attempt may have been lost: then the lock in the record is ours.
            if self.release.lock is None or self.release.lock.id != lock.id:
                return False
            saved = _at_version_of(wanted, self.release)
        self.release, self._lock, self._confirmed_at = saved, lock, started
        self._keeper.add(self)
        return True

    def _release(self, release: Release) -> None:
        with self._mutex:
            self._renewed()
            # The lock may be somebody else's as soon as this is sent.
            self._confirmed_at = -math.inf
            self._write(replace(release, lock=None))
            self._drop()

    def _write(self, wanted: Release, save: Callable[[Cluster, Release], Release] = store.save) -> None:
        """Write, compared with the newest version that is known to be ours."""
        for _ in range(_CONFLICT_ATTEMPTS):
            started = self._keeper.clock()
            saved: Release | None
            try:
                saved = save(self._cluster, _at_version_of(wanted, self.release))
            except ApiError as error:
                if not _is_conflict(error, self.release):
                    raise
                saved = self._after_conflict(wanted)
            if saved is not None:
                self.release, self._confirmed_at = saved, started
                return
        raise ClusterError(
            f"the release record of {wanted.workspace} changes faster than it can be written",
            hint=f"see who writes it: kubectl -n {wanted.namespace} get secret {wanted.name} --show-managed-fields",
        )

    def _after_conflict(self, wanted: Release) -> Release | None:
        """Look who changed the record: None to try again, the release when it was our own write, else it's lost."""
        current = store.refresh(self._cluster, self.release)
        if current == _at_version_of(wanted, current):
            return current
        if self._lock is None or current.lock is None or current.lock.id != self._lock.id:
            self.release = current
            self._drop()
            raise self._locked_error()
        self.release = _at_version_of(self.release, current)
        return None

    def _renewed(self) -> Lock:
        if self._lock is None:
            raise self._locked_error()
        self._lock = replace(self._lock, renewed_at=self._keeper.now(), renewals=self._lock.renewals + 1)
        return self._lock

    def _drop(self) -> None:
        self._lock = None
        self._keeper.discard(self)

    def _refuse_foreign(self) -> None:
        if self.release.refusal:
            raise BlockedError(self.release.refusal, hint="use the kubecoder that wrote it, or remove the Secret")

    def _locked_error(self) -> LockedError:
        workspace, lock = self.release.workspace, self.release.lock
        if lock is None:
            return LockedError(f"{workspace}: another deploy has changed its record", hint="run the command again")
        return LockedError(
            f"{workspace} is being deployed by {self._describe(lock)}",
            hint="wait for it, or give it more time with --lock-timeout; a dead one is taken over after 30 s",
        )

    def _describe(self, lock: Lock) -> str:
        return locks.describe(lock, (self._keeper.now() - lock.acquired_at).total_seconds())


def _at_version_of(release: Release, other: Release) -> Release:
    return replace(release, uid=other.uid, resource_version=other.resource_version)


def _is_conflict(error: ApiError, release: Release) -> bool:
    """Whether the record has changed, appeared or gone; a missing namespace isn't that."""
    return error.status == 409 or (error.status == 404 and release.exists)
