"""Real processes: known by pid and start time, found and ended by a mark in their environment."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.processes import children, end_marked, is_alive, marked, start_time
from tests.rigs.waiting import wait_until

VARIABLE = "KUBECODER_TEST_MARK"


@pytest.fixture
def mark() -> Iterator[str]:
    value = secrets.token_hex(8)
    yield value
    for pid in marked(VARIABLE, value):
        os.kill(pid, signal.SIGKILL)


def start(mark: str, script: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["/bin/sh", "-c", script], env={**os.environ, VARIABLE: mark}, start_new_session=True)


def end(mark: str, *, grace_seconds: float = 5.0) -> float:
    before = time.monotonic()
    asyncio.run(end_marked(VARIABLE, mark, grace_seconds=grace_seconds))
    return time.monotonic() - before


def wait_for(file: Path) -> str:
    wait_until(lambda: file.exists() and file.read_text().endswith("\n"), what=f"{file.name} is written", seconds=10)
    return file.read_text()


def test_a_process_is_known_by_its_pid_and_start_time() -> None:
    started = start_time(os.getpid())
    assert started is not None
    assert is_alive(os.getpid(), started)
    assert not is_alive(os.getpid(), started + 1)


def test_a_process_that_is_gone_or_only_a_zombie_is_not_alive() -> None:
    process = subprocess.Popen(["true"])
    started = start_time(process.pid)
    wait_until(lambda: start_time(process.pid) is None, what="it is a zombie", seconds=10, every=0.01)
    assert started is None or not is_alive(process.pid, started)
    process.wait()
    assert start_time(process.pid) is None
    assert start_time(2**22 + 1) is None
    assert children(2**22 + 1) == []


def test_the_children_of_a_process_are_found(mark: str) -> None:
    process = start(mark, "sleep 60 & sleep 60 & wait")
    wait_until(lambda: len(children(process.pid)) == 2, what="both run", seconds=10, every=0.02)
    end(mark)
    process.wait()


def test_only_the_whole_mark_counts(mark: str) -> None:
    process = start(mark, "exec sleep 60")
    wait_until(lambda: marked(VARIABLE, mark) == [process.pid], what="it is found", seconds=10, every=0.02)
    assert marked(VARIABLE, mark[:-1]) == []
    assert marked(VARIABLE[1:], mark) == []
    end(mark)
    process.wait()


def test_nothing_to_end_takes_no_time(mark: str) -> None:
    assert end(mark) < 1


def test_a_polite_end_comes_first(mark: str, tmp_path: Path) -> None:
    process = start(
        mark, f"trap 'echo bye >{tmp_path}/bye; exit' TERM; echo on >{tmp_path}/on; while :; do sleep 0.05; done"
    )
    wait_for(tmp_path / "on")
    assert end(mark) < 4
    assert wait_for(tmp_path / "bye") == "bye\n"
    process.wait()


def test_whoever_ignores_the_polite_end_is_killed(mark: str, tmp_path: Path) -> None:
    process = start(mark, f"trap '' TERM; echo on >{tmp_path}/on; while :; do sleep 0.05; done")
    wait_for(tmp_path / "on")
    end(mark, grace_seconds=0.3)
    assert process.wait(5) == -signal.SIGKILL


def test_a_tool_in_a_session_of_its_own_that_outlived_its_parent_is_ended(mark: str, tmp_path: Path) -> None:
    process = start(mark, f"setsid sh -c 'echo $$ >{tmp_path}/pid; exec sleep 60' & wait")
    pid = int(wait_for(tmp_path / "pid"))
    process.kill()
    process.wait()
    assert start_time(pid) is not None
    end(mark)
    assert start_time(pid) is None
    assert marked(VARIABLE, mark) == []


def test_what_it_started_with_another_environment_is_ended_too(mark: str, tmp_path: Path) -> None:
    script = f"env -i /usr/bin/setsid /bin/sh -c 'echo $$ >{tmp_path}/pid; exec sleep 60' & wait"
    process = start(mark, script)
    pid = int(wait_for(tmp_path / "pid"))
    assert pid not in marked(VARIABLE, mark)
    end(mark)
    process.wait()
    assert start_time(pid) is None


def test_a_process_that_goes_on_starting_others_is_ended(mark: str, tmp_path: Path) -> None:
    process = start(mark, f"trap '' TERM; echo on >{tmp_path}/on; while :; do setsid sleep 60 & sleep 0.02; done")
    wait_for(tmp_path / "on")
    end(mark, grace_seconds=0.3)
    process.wait()
    assert marked(VARIABLE, mark) == []
