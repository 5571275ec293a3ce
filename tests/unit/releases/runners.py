"""Runners with clocks and deaths of their own, on one cluster in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kubecoder.models.manifest import ObjectRef
from kubecoder.releases import store
from kubecoder.releases.keeper import LockKeeper
from kubecoder.releases.record import Holder, Release, RevisionOutcome
from kubecoder.releases.session import Session
from tests.unit.releases.memory import MemoryCluster
from tests.unit.releases.samples import EMPTY, NOW, entry, revision

APPLIED, PENDING = RevisionOutcome.APPLIED, RevisionOutcome.PENDING
UNION = [entry("a"), entry("b")]
EXACT = [entry("a", uid="u", content="c", owned="o")]


class QuietKeeper(LockKeeper):
    """A keeper without a thread: tests renew when they mean to."""

    def add(self, session: Session) -> None:
        self._sessions.add(session)


@dataclass
class Clock:
    """Seconds that pass only when somebody sleeps or says so."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def holder(name: str, *, host: str = "") -> Holder:
    """Somebody on a host of their own, whose processes nobody else can judge."""
    host = host or f"{name}-host"
    return Holder(f"{name}@{host}", host, boot_id=f"boot-{host}", pid_namespace="pid:[1]", pid=2**23, started=7)


@dataclass
class Runner:
    """One run of the command line: its keeper, and the session of its one workspace."""

    cluster: MemoryCluster
    name: str = "jane"
    clock: Clock = field(default_factory=Clock)
    timeout: float = 60.0
    sleep: Callable[[float], object] | None = None
    waited_for: list[Release] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keeper = QuietKeeper(
            self.cluster.as_cluster,
            timeout=self.timeout,
            on_wait=self.waited_for.append,
            sleep=self.sleep or self.clock.sleep,
            holder=holder(self.name),
            clock=self.clock,
            now=lambda: NOW,
        )
        self.session = self.keeper.session(EMPTY)

    def load(self) -> Session:
        """Open the session on the record as it is now."""
        found = stored(self.cluster)
        self.session = self.keeper.session(found)
        return self.session


def stored(cluster: MemoryCluster) -> Release:
    """The record as it is on the server, seen without a request."""
    return store.refresh(MemoryCluster(cluster).as_cluster, EMPTY)


def alter(cluster: MemoryCluster, **changes: object) -> None:
    """Change the record as a person with kubectl would: a new version, whatever it says."""
    ref = EMPTY.ref
    live = cluster.objects[ref]
    cluster.objects[ref] = {**live, **changes, "metadata": {**live["metadata"], "resourceVersion": f"{id(changes)}"}}


def secrets_named(cluster: MemoryCluster, part: str) -> list[ObjectRef]:
    return [ref for ref in cluster.objects if part in ref.name]


def begin(session: Session, number: int = 1) -> bool:
    return session.begin(UNION, revision(number, PENDING))


def deployed(cluster: MemoryCluster, number: int = 1) -> None:
    """Leave the record of a finished run."""
    session = Runner(cluster, "earlier").load()
    assert begin(session, number)
    session.finish(APPLIED, EXACT)


def outcomes(cluster: MemoryCluster) -> list[tuple[int, str]]:
    return [(item.number, item.outcome.value) for item in stored(cluster).revisions]


def once(verb: str, error: BaseException) -> Callable[[str], None]:
    """Fail the first request of a kind."""
    left = [error]

    def fail(sent: str) -> None:
        if sent == verb and left:
            raise left.pop()

    return fail
