"""Which ended tasks are forgotten."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.errors import TaskNotFoundError
from agent.models import Status
from agent.tasks.records import Record
from agent.tasks.registry import Registry
from agent.tasks.retention import DAY_SECONDS, Bounds, Retention, forgettable
from agent.tasks.store import Store
from agent.tasks.stream import Stream

NOW = 1_800_000_000.0
ENDED = (Status.COMPLETED, Status.ERROR, Status.KILLED, Status.INTERRUPTED)


def task(number: int, days: float, status: Status = Status.COMPLETED) -> Record:
    at = NOW - days * DAY_SECONDS
    return Record(
        task_id=f"{number}-0000000a",
        session_id="s",
        created_at=at - 60,
        prompt_head="p",
        workdir="/",
        permission_mode="default",
        status=status,
        finished_at=at if status.is_final else None,
    )


def gone(*records: Record, tasks: int = 500, days: int = 30) -> set[str]:
    return {record.task_id.split("-")[0] for record in forgettable(records, Bounds(tasks, days), NOW)}


@pytest.mark.parametrize("status", ENDED)
def test_what_ended_too_long_ago_goes(status: Status) -> None:
    assert gone(task(1, 31, status), task(2, 29, status)) == {"1"}


@pytest.mark.parametrize("status", [Status.RUNNING, Status.QUEUED])
def test_what_runs_or_waits_never_goes(status: Status) -> None:
    assert gone(task(1, 400, status), task(2, 400, status), tasks=1) == set()


def test_of_too_many_the_oldest_go() -> None:
    assert gone(*(task(number, number) for number in range(2, 8)), tasks=3) == {"5", "6", "7"}


def test_what_ended_within_a_day_stays_however_many_there_are_and_counts() -> None:
    recent = [task(number, 0.5) for number in range(1, 6)]
    assert gone(*recent, task(9, 2), tasks=3) == {"9"}
    assert gone(*recent, tasks=3) == set()


def test_it_is_gone_from_memory_and_disk_and_stays_so(tmp_path: Path) -> None:
    async def forget() -> Registry:
        registry = Registry(Store(tmp_path), Stream())
        await registry.add(task(1, 31), "old")
        await registry.add(task(2, 1.5), "new")
        (tmp_path / "1-0000000a" / "output.log").write_text("printed")
        await Retention(registry, Bounds(500, 30), now=lambda: NOW).forget()
        return registry

    registry = asyncio.run(forget())
    with pytest.raises(TaskNotFoundError):
        registry.record("1-0000000a")
    assert [folder.name for folder in tmp_path.iterdir()] == ["2-0000000a"]
    assert [record.task_id for record in Store(tmp_path).load()] == ["2-0000000a"]


def test_what_a_kill_left_of_a_task_that_nobody_was_told_of_goes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create(task(1, 0), "kept")
    (tmp_path / "2-0000000a").mkdir()
    (tmp_path / "2-0000000a" / "prompt.txt").write_text("cut short")
    assert [record.task_id for record in store.load()] == ["1-0000000a"]
    assert [folder.name for folder in tmp_path.iterdir()] == ["1-0000000a"]
