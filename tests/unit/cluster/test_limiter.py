"""The window of requests in flight: its rules as a state machine, its threads for real."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from kubecoder.cluster.limiter import Limiter, Ticket, Window


def finish(window: Window, *, pushed_back: bool = False, retry_after: float = 0.0, now: float = 0.0) -> None:
    ticket = window.start()
    ticket.pushed_back, ticket.retry_after = pushed_back, retry_after
    window.finish(ticket, now)


def test_push_back_halves_and_a_round_of_successes_adds_one() -> None:
    window = Window(16)

    finish(window, pushed_back=True)
    assert window.limit == 8

    for _ in range(8):
        finish(window)
    assert 8.9 < window.limit <= 9


def test_a_whole_round_of_push_backs_halves_once() -> None:
    window = Window(16)
    tickets = [window.start() for _ in range(16)]

    for ticket in tickets:
        ticket.pushed_back = True
        window.finish(ticket, 0.0)

    assert window.limit == 8


def test_the_limit_stays_between_one_and_the_ceiling() -> None:
    window = Window(4)
    for _ in range(10):
        finish(window, pushed_back=True)
    assert window.limit == 1
    for _ in range(100):
        finish(window)
    assert window.limit == 4


def test_nothing_starts_before_the_time_that_the_server_asked_for() -> None:
    window = Window(4)

    finish(window, pushed_back=True, retry_after=5, now=100)

    assert not window.is_open(104.9)
    assert window.is_open(105)


def test_a_window_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Window(0)


class WindowMachine(RuleBasedStateMachine):
    """Any order of starts, successes and push-backs, with time that only grows."""

    tickets: Bundle[Ticket] = Bundle("tickets")

    @initialize(ceiling=st.integers(1, 40))
    def begin(self, ceiling: int) -> None:
        self.window = Window(ceiling)
        self.now = 0.0
        self.open: list[Ticket] = []

    @precondition(lambda self: self.window.is_open(self.now))
    @rule(target=tickets)
    def start(self) -> Ticket:
        assert self.now >= self.window.quiet_until
        ticket = self.window.start()
        self.open.append(ticket)
        assert len(self.open) <= self.window.ceiling
        return ticket

    @rule(ticket=consumes(tickets))
    def succeed(self, ticket: Ticket) -> None:
        before = self.window.limit
        self._finish(ticket)
        assert before <= self.window.limit <= before + 1

    @rule(ticket=consumes(tickets), retry_after=st.floats(0, 60))
    def push_back(self, ticket: Ticket, retry_after: float) -> None:
        before, epoch = self.window.limit, self.window.epoch
        ticket.pushed_back, ticket.retry_after = True, retry_after
        self._finish(ticket)
        assert self.window.limit == (max(1.0, before / 2) if ticket.epoch == epoch else before)
        assert self.window.quiet_until >= self.now + retry_after

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    def _finish(self, ticket: Ticket) -> None:
        self.open.remove(ticket)
        self.window.finish(ticket, self.now)

    @invariant()
    def the_books_are_right(self) -> None:
        if hasattr(self, "window"):
            assert self.window.in_flight == len(self.open)
            assert 1 <= self.window.limit <= self.window.ceiling

    @invariant()
    def it_never_locks_up(self) -> None:
        if hasattr(self, "window") and not self.open:
            assert self.window.is_open(max(self.now, self.window.quiet_until))


TestWindow = WindowMachine.TestCase


def test_threads_never_exceed_the_limit_and_all_get_their_turn() -> None:
    limiter = Limiter(3)
    lock = threading.Lock()
    running = most = 0

    def work(number: int) -> int:
        nonlocal running, most
        with limiter.slot() as ticket:
            with lock:
                running += 1
                most = max(most, running)
            ticket.pushed_back = number % 10 == 0
            with lock:
                running -= 1
        return number

    with ThreadPoolExecutor(12) as executor:
        done = list(executor.map(work, range(300)))

    assert done == list(range(300))
    assert most <= 3
    assert limiter.window.in_flight == 0


def test_a_place_is_given_back_when_the_request_fails() -> None:
    limiter = Limiter(1)

    with pytest.raises(OSError, match="broken"), limiter.slot():
        raise OSError("broken")

    assert limiter.window.in_flight == 0
