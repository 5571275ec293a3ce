"""Numbered events: nobody misses one without being told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from agent.models import TaskEvent
from agent.tasks.stream import Numbered, Stream


def published(stream: Stream, *task_ids: str) -> None:
    for task_id in task_ids:
        stream.publish(TaskEvent(kind="task", task_id=task_id, at=1.0))


def kinds(events: Sequence[Numbered]) -> list[str]:
    return [entry.kind for entry in events]


def test_numbers_rise_also_after_a_restart() -> None:
    before = Stream()
    published(before, "a", "b")
    first, second = before.after(before.after(0)[0].number)
    assert first.number < second.number
    assert second.number == before.last_number
    began = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == began:
        """No agent starts in the millisecond in which another ends."""
    assert Stream().last_number > second.number
    assert Stream().last_number < 2**53, "JavaScript's numbers hold it"


def test_whoever_comes_back_gets_what_came_in_the_meantime() -> None:
    stream = Stream()
    here = stream.last_number
    published(stream, "a", "b")
    assert [entry.task_id for entry in stream.after(here)] == ["a", "b"]
    assert stream.after(stream.last_number) == []


def test_what_was_dropped_is_told_as_a_gap() -> None:
    stream = Stream(kept_events=2)
    here = stream.last_number
    published(stream, "a", "b", "c")
    assert kinds(stream.after(here)) == ["gap", "task", "task"]


def test_a_number_of_an_earlier_agent_is_told_as_a_gap() -> None:
    assert kinds(Stream().after(1)) == ["gap"]


def test_a_number_from_the_future_is_told_as_a_gap() -> None:
    stream = Stream()
    published(stream, "a")
    assert kinds(stream.after(stream.last_number + 1000)) == ["gap", "task"]


def test_memory_is_bounded_by_bytes_too_and_the_newest_event_always_stays() -> None:
    stream = Stream(kept_bytes=10)
    here = stream.last_number
    published(stream, "a", "b")
    assert [entry.task_id for entry in stream.after(here)] == [None, "b"]


@given(st.lists(st.integers(min_value=0, max_value=5), max_size=30), st.integers(min_value=1, max_value=8))
def test_a_listener_that_reads_now_and_then_misses_nothing_without_a_gap(steps: list[int], kept: int) -> None:
    stream = Stream(kept_events=kept)
    seen = stream.last_number
    for burst in steps:
        published(stream, *["a"] * burst)
        events = stream.after(seen)
        lost = burst > kept
        assert ("gap" in kinds(events)) == lost
        assert len(events) == (kept + 1 if lost else burst)
        seen = events[-1].number if events else seen


def test_listening_gives_events_of_one_task_and_beats_in_silence() -> None:
    async def run() -> list[str]:
        stream = Stream()
        got: list[str] = []
        listener = stream.listen(after=None, task_id="a", beat_seconds=0.01)
        assert await anext(listener) is None
        published(stream, "b", "a")
        entry = await anext(listener)
        while entry is None:
            entry = await anext(listener)
        got.append(str(entry.task_id))
        await listener.aclose()
        return got

    assert asyncio.run(run()) == ["a"]
