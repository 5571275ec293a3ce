"""Processes of this machine, named by their pid and start time, or by a mark in their environment."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

PROC = Path("/proc")
MARK = "KUBECODER_LOCAL"
"""In the environment of a workspace's agent, its tmux server and all that its tasks start: the workspace's folder."""
LOOK_SECONDS = 0.05


def start_time(pid: int) -> str:
    """Return what tells a process from any other that ever had its pid: the boot and the ticks since then.

    Empty when there is no such process, or only what is left of one until its parent looks.
    """
    try:
        stat = (PROC / str(pid) / "stat").read_text(errors="replace")
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in "ZXx" else f"{boot}/{fields[18]}"


def is_running(pid: int, started: str) -> bool:
    """Tell whether the very process that was started then still runs."""
    return bool(started) and start_time(pid) == started


def end(pid: int, started: str, *, seconds: float) -> bool:
    """End one process by SIGTERM, and by SIGKILL when its time is over; tell whether it ended by itself."""
    _signal_if(pid, started, signal.SIGTERM)
    if wait_until(lambda: not is_running(pid, started), seconds):
        return True
    _signal_if(pid, started, signal.SIGKILL)
    wait_until(lambda: not is_running(pid, started), seconds)
    return False


def marked(folder: Path) -> dict[int, str]:
    """Return pid and start time of all that belongs to a workspace, except for this process itself."""
    mark = f"{MARK}={folder}".encode()
    found = {}
    for pid in _pids():
        with contextlib.suppress(OSError):
            if pid != os.getpid() and mark in (PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                found[pid] = start_time(pid)
    return {pid: started for pid, started in found.items() if started}


def end_marked(folder: Path, *, seconds: float) -> int:
    """End all that belongs to a workspace and return how many processes that were.

    What they start meanwhile is found too, for it is looked again until there is none.
    """
    ended = marked(folder)
    _signal_all(ended.items(), signal.SIGTERM)
    if not wait_until(lambda: not marked(folder), seconds):
        for _ in range(100):
            left = marked(folder)
            if not left:
                break
            ended |= left
            _signal_all(left.items(), signal.SIGKILL)
            time.sleep(LOOK_SECONDS)
    return len(ended)


def wait_until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Look until something is so, for at most so long, and tell whether it is."""
    end_at = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() >= end_at:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def _signal_all(processes: Iterable[tuple[int, str]], number: int) -> None:
    for pid, started in processes:
        _signal_if(pid, started, number)


def _signal_if(pid: int, started: str, number: int) -> None:
    """Signal the very process; a descriptor of it keeps the pid from being used again meanwhile."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if is_running(pid, started):
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(descriptor, number)
    finally:
        os.close(descriptor)


def _pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
