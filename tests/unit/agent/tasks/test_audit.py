"""The audit log on a real disk."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.logs import configure
from agent.models import AuditEntry
from agent.tasks.audit import Audit, AuditQuery, lines_backwards


@dataclass(frozen=True)
class Person:
    name: str = "alice"
    via: Literal["session", "token"] = "session"


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def write(audit: Audit, *actions: str, task_id: str | None = None) -> None:
    async def all_of_them() -> None:
        for action in actions:
            await audit.write(action, Person(), task_id, number=1)

    asyncio.run(all_of_them())


def listed(
    audit: Audit, limit: int = 100, *, task_id: str | None = None, before: float | None = None, kinds: str = ""
) -> tuple[AuditEntry, ...]:
    query = AuditQuery(limit, task_id=task_id, before=before, actions=frozenset(kinds.split()))
    return asyncio.run(audit.list(query)).entries


def actions(entries: tuple[AuditEntry, ...]) -> list[str]:
    return [entry.action for entry in entries]


def test_entries_come_newest_first_and_say_who_where_when_what(tmp_path: Path) -> None:
    audit = Audit(tmp_path, now=lambda: 100.0)
    write(audit, "task.create", "task.kill", task_id="1-00000000")
    newest, oldest = listed(audit)
    assert actions((newest, oldest)) == ["task.kill", "task.create"]
    assert oldest == AuditEntry(
        at=100.0, action="task.create", who="alice", via="session", task_id="1-00000000", detail={"number": 1}
    )
    assert newest.at > oldest.at, "a time names one entry"


def test_the_file_is_the_owners_alone(tmp_path: Path) -> None:
    write(Audit(tmp_path / "state"), "task.create")
    assert (tmp_path / "state" / "audit.jsonl").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_a_list_goes_on_before_its_last_entry_and_keeps_to_a_task(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    write(audit, *(f"a{number}" for number in range(5)), task_id="1-00000000")
    write(audit, "b", task_id="2-00000000")
    first = listed(audit, 2, task_id="1-00000000")
    assert actions(first) == ["a4", "a3"]
    assert actions(listed(audit, 2, task_id="1-00000000", before=first[-1].at)) == ["a2", "a1"]
    assert listed(audit, 0) == ()


def test_old_files_are_put_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    audit = Audit(tmp_path, largest_bytes=300, kept_files=3)
    write(audit, *(f"a{number}" for number in range(40)))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["audit.1.jsonl", "audit.2.jsonl", "audit.jsonl"]
    shown = actions(listed(audit))
    assert shown == [f"a{number}" for number in range(39, 39 - len(shown), -1)]
    assert len(shown) > 4


def test_half_a_line_that_a_kill_left_costs_no_other(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    write(audit, "first")
    with (tmp_path / "audit.jsonl").open("ab") as file:
        file.write(b'{"at": 1, "action": "ha')
    write(Audit(tmp_path), "second")
    assert actions(listed(audit)) == ["second", "first"]


def test_every_entry_is_a_line_on_stdout_too_whatever_the_level(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], restored_logging: None
) -> None:
    configure("error")
    write(Audit(tmp_path), "task.create", task_id="1-00000000")
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert line["logger"] == "agent.audit"
    assert (line["action"], line["who"], line["via"]) == ("task.create", "alice", "session")
    assert (line["task_id"], line["detail"]) == ("1-00000000", {"number": 1})


def test_a_full_disk_fails_nothing_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], restored_logging: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("info")
    audit = Audit(tmp_path)
    write(audit, "before")
    monkeypatch.setattr(os, "write", lambda _descriptor, _line: 3)
    write(audit, "lost")
    monkeypatch.undo()
    write(audit, "after")
    assert actions(listed(audit)) == ["after", "before"]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("action", line.get("reason")) for line in lines] == [
        "before",
        "lost",
        "No space left on device",
        "after",
    ]


def test_actions_are_asked_for_by_kind_or_by_name(tmp_path: Path) -> None:
    told = 0

    def noted() -> None:
        nonlocal told
        told += 1

    audit = Audit(tmp_path, noted=noted)
    write(audit, "task.create", "task.kill", "ssh_key.make", "tasks.other")
    assert told == 4
    assert actions(listed(audit, kinds="task")) == ["task.kill", "task.create"]
    assert actions(listed(audit, kinds="task.kill ssh_key")) == ["ssh_key.make", "task.kill"]
    assert actions(listed(audit, 1, kinds="task")) == ["task.kill"]


def test_entries_that_are_written_at_once_are_all_there(tmp_path: Path) -> None:
    audit = Audit(tmp_path, largest_bytes=2000, kept_files=100)

    async def crowd() -> None:
        await asyncio.gather(*(audit.write(f"a{number}", Person()) for number in range(100)), audit.list(AuditQuery(5)))

    asyncio.run(crowd())
    assert sorted(actions(listed(audit))) == sorted(f"a{number}" for number in range(100))


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line)), st.integers(1, 7), st.booleans())
def test_lines_are_read_backwards_whatever_the_blocks_cut(lines: list[bytes], block: int, ended: bool) -> None:
    content = b"\n".join(lines) + (b"\n" if ended else b"")
    descriptor = os.memfd_create("lines")
    try:
        os.write(descriptor, content)
        found = list(lines_backwards(descriptor, block_bytes=block))
    finally:
        os.close(descriptor)
    assert found == [line for line in reversed(lines) if line]
