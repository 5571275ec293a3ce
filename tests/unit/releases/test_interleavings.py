"""Any interleaving of runs, deaths, pauses and clocks: never two holders, always a readable record, never a dead end.

Each run is a thread that stops before and after every request and at every sleep; hypothesis decides who goes on.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from unittest.mock import patch

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kubecoder.errors import LockedError
from kubecoder.releases import record
from kubecoder.releases.lock import EXPIRY_SECONDS
from kubecoder.releases.record import Holder, RevisionOutcome
from tests.unit.releases.memory import MemoryCluster
from tests.unit.releases.runners import Clock, Runner, stored
from tests.unit.releases.samples import entry, revision

SLOTS = st.sampled_from(["jane", "john"])
INVENTORY = [entry("a")]


class Killed(BaseException):
    """SIGKILL: no handler runs, and nothing is sent any more."""


@dataclass
class World:
    """True time, and who still lives."""

    now: float = 0.0


class SkewedClock(Clock):
    """A clock that began anywhere and goes up to 5 % wrong."""

    def __init__(self, world: World, offset: float, rate: float) -> None:
        super().__init__()
        self.world, self.offset, self.rate = world, offset, rate

    def __call__(self) -> float:
        return self.offset + self.world.now * self.rate


class Run:
    """One run of the command line, which goes on only when it is told to."""

    def __init__(self, server: MemoryCluster, name: str, clock: SkewedClock) -> None:
        view = MemoryCluster(server)
        view.before = view.after = lambda _verb: self._pause(0)
        self.runner = Runner(view, name, clock, timeout=40)
        self.runner.keeper.sleep = self._pause
        self.session = self.runner.session
        self.is_dead = False
        self.failure: BaseException | None = None
        self._wakes_at = 0.0
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()
        self._stopped.acquire()

    @property
    def has_ended(self) -> bool:
        return not self._thread.is_alive()

    def step(self) -> None:
        """Go on to the next stop, unless it sleeps or has ended."""
        if self.has_ended or self.runner.clock() < self._wakes_at:
            return
        self._go.release()
        self._stopped.acquire()

    def kill(self) -> None:
        self.is_dead = True
        while not self.has_ended:
            self._go.release()
            self._thread.join(0.001)

    def renew(self) -> None:
        """Do what the keeper's thread does."""
        if not self.is_dead:
            self.session.renew()

    def _pause(self, seconds: float) -> None:
        if threading.current_thread() is not self._thread:
            return
        self._wakes_at = self.runner.clock() + seconds
        self._stopped.release()
        self._go.acquire()
        if self.is_dead:
            raise Killed

    def _main(self) -> None:
        try:
            self._pause(0)
            self._deploy()
        except (Killed, LockedError):
            pass
        except BaseException as error:  # noqa: BLE001 -- told by the machine's thread
            self.failure = error
        finally:
            self._stopped.release()

    def _deploy(self) -> None:
        with self.runner.load() as self.session:
            while True:
                number = record.next_number(self.session.release)
                if self.session.begin(INVENTORY, revision(number, RevisionOutcome.PENDING)):
                    break
            for _ in range(5):
                self._pause(1)
            if self.session.is_valid:
                self.session.finish(RevisionOutcome.APPLIED, INVENTORY)


class Interleavings(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world, self.server = World(), MemoryCluster()
        self.slots: dict[str, Run] = {}
        self.runs: list[Run] = []
        self._patch = patch("kubecoder.releases.session.is_gone", self.is_gone)
        self._patch.start()

    def is_gone(self, holder: Holder, here: Holder) -> bool:
        """Runs of one name are of one host; the latest of a name is the only one that may live."""
        same = [run for run in self.runs if run.runner.name == holder.host.removesuffix("-host")]
        return holder.host == here.host and all(run.is_dead or run.has_ended for run in same)

    @rule(name=SLOTS, offset=st.floats(0, 1e6), rate=st.floats(0.95, 1.05), steps=st.integers(0, 12))
    def start(self, name: str, offset: float, rate: float, steps: int) -> None:
        if name not in self.slots or self.slots[name].has_ended:
            run = Run(self.server, name, SkewedClock(self.world, offset, rate))
            self.slots[name] = run
            self.runs.append(run)
        self._step(name, steps)

    @precondition(lambda self: self.slots)
    @rule(name=SLOTS, steps=st.integers(1, 12))
    def go_on(self, name: str, steps: int) -> None:
        self._step(name, steps)

    @precondition(lambda self: self.slots)
    @rule(name=SLOTS, seconds=st.integers(1, 45), renewing=st.booleans())
    def go_on_alone(self, name: str, seconds: int, renewing: bool) -> None:
        """Time passes for all, and only one goes on; the other may be suspended altogether."""
        for second in range(seconds):
            self.world.now += 1
            self._step(name, 4)
            if renewing and second % 10 == 0:
                for other in self.slots.values():
                    other.renew()

    @precondition(lambda self: self.slots)
    @rule(name=SLOTS)
    def kill(self, name: str) -> None:
        if name in self.slots:
            self.slots[name].kill()

    @precondition(lambda self: self.slots)
    @rule(name=SLOTS)
    def renew(self, name: str) -> None:
        if name in self.slots:
            self.slots[name].renew()

    @rule(seconds=st.floats(0.1, 60))
    def pass_time(self, seconds: float) -> None:
        self.world.now += seconds

    def _step(self, name: str, steps: int) -> None:
        for _ in range(steps):
            if name in self.slots:
                self.slots[name].step()
                self.one_valid_holder()

    @invariant()
    def one_valid_holder(self) -> None:
        valid = [run for run in self.runs if not run.is_dead and run.session.is_valid]
        assert len(valid) <= 1
        for run in valid:
            lock, believed = stored(self.server).lock, run.session._lock
            assert lock is not None
            assert believed is not None
            assert lock.id == believed.id

    @invariant()
    def the_record_is_readable(self) -> None:
        found = stored(self.server)
        assert (found.damage, found.refusal) == ("", "")
        pending = [item for item in found.revisions if item.outcome is RevisionOutcome.PENDING]
        assert pending in ([], [found.latest])
        assert not pending or found.lock is not None

    @invariant()
    def no_run_fails_otherwise(self) -> None:
        for run in self.runs:
            if run.failure is not None:
                raise run.failure

    def teardown(self) -> None:
        for run in self.runs:
            run.kill()
        self._patch.stop()
        last = Runner(self.server, "jack")
        with last.load() as session:
            while not session.begin(INVENTORY, revision(record.next_number(session.release), RevisionOutcome.PENDING)):
                pass
            session.finish(RevisionOutcome.APPLIED, INVENTORY)
        assert sum(last.clock.slept) <= EXPIRY_SECONDS + 1
        assert stored(self.server).is_settled


TestInterleavings = Interleavings.TestCase
# More than other properties, for histories are long; without shrinking, which takes minutes here.
TestInterleavings.settings = settings(
    max_examples=3 * settings().max_examples, stateful_step_count=25, phases=(Phase.reuse, Phase.generate)
)
