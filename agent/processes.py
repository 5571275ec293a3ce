"""Processes by their pid and start time, and the tree of a task by a mark in its environment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

PROC = Path("/proc")
LOOK_SECONDS = 0.05
KILL_SECONDS = 5.0


def start_time(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None when it is gone or only a zombie."""
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[19])


def is_alive(pid: int, started: int) -> bool:
    """Tell whether the process that had this pid and start time still runs."""
    return start_time(pid) == started


def children(pid: int) -> list[int]:
    """Return the direct children of a process."""
    with contextlib.suppress(OSError):
        return [int(word) for word in (PROC / str(pid) / "task" / str(pid) / "children").read_text().split()]
    return []


def marked(variable: str, value: str) -> list[int]:
    """Return every process of ours that was started with a variable of this value in its environment."""
    mark = f"{variable}={value}".encode()
    found = []
    for entry in os.scandir(PROC):
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if mark in (PROC / entry.name / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


async def end_marked(variable: str, value: str, *, grace_seconds: float) -> None:
    """End every marked process and what it started, also with another environment, until none is left.

    SIGTERM comes first, SIGKILL for what is left after the grace. Processes that can't be
    ended, since they are another user's or hang in the kernel, are given up after some seconds.
    """
    end = time.monotonic() + grace_seconds
    tree: dict[int, int] = {}
    asked: set[int] = set()
    while tree := await asyncio.to_thread(_grown, tree, variable, value):
        now = time.monotonic()
        if now > end + KILL_SECONDS:
            return
        if now > end:
            _signal(list(tree), signal.SIGKILL)
        else:
            _signal([pid for pid in tree if pid not in asked], signal.SIGTERM)
            asked.update(tree)
        await asyncio.sleep(LOOK_SECONDS)


def _grown(tree: Mapping[int, int], variable: str, value: str) -> dict[int, int]:
    """Return what is alive of a tree, with marked processes and all descendants added: start times by pid."""
    parents = {int(name): _parent(int(name)) for name in _names(PROC) if name.isdigit()}
    found = {pid for pid, started in tree.items() if is_alive(pid, started)} | set(marked(variable, value))
    new = found
    while new:
        new = {pid for pid, parent in parents.items() if parent in new} - found
        found |= new
    started = {pid: start_time(pid) for pid in found - {os.getpid()}}
    return {pid: start for pid, start in started.items() if start is not None}


def _names(folder: Path) -> list[str]:
    return [entry.name for entry in os.scandir(folder)]


def _parent(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _stat(pid: int) -> list[str] | None:
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()
