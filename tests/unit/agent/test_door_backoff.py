"""How long the watcher waits before it starts a proxy again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.door.watcher import BackOff, Timing

TIMING = Timing(first_delay=0.5, longest_delay=30)


def test_each_run_that_came_to_nothing_doubles_the_delay_up_to_the_longest() -> None:
    back_off = BackOff(TIMING)
    delays = [back_off.after_run(failed=True) for _attempt in range(9)]
    assert delays == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_run_that_came_to_something_resets_the_delay() -> None:
    back_off = BackOff(TIMING)
    for _attempt in range(5):
        back_off.after_run(failed=True)
    assert back_off.after_run(failed=False) == 0.5
    assert back_off.after_run(failed=True) == 1


@given(st.lists(st.booleans()))
def test_the_delay_stays_within_its_bounds(runs: list[bool]) -> None:
    back_off = BackOff(TIMING)
    assert all(TIMING.first_delay <= back_off.after_run(failed=run) <= TIMING.longest_delay for run in runs)
