"""The folders that running rigs use, and how the next start removes those of a killed owner.

Processes, mounts and networks die with their owner; files and cgroups don't.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.rigs import cgroups
from tests.rigs.binaries import cache_directory, locked, say
from tests.rigs.processes import kill_process, start_time

RECORD = "owner.json"


@dataclass(frozen=True)
class Owner:
    """The process that a folder belongs to, and the first process of its sandbox, if it has one.

    A pid counts only together with its start time, since pids are used again.
    """

    pid: int
    started: int | None
    sandbox: int = 0
    sandbox_started: int | None = None

    @property
    def is_alive(self) -> bool:
        return start_time(self.pid) == self.started

    def kill_sandbox(self) -> None:
        """Kill the sandbox when it outlived its owner."""
        if self.sandbox and start_time(self.sandbox) == self.sandbox_started:
            kill_process(self.sandbox)


def runs_directory() -> Path:
    """Return the folder of all running rigs; on a real disk beside the caches, since overlayfs needs one below it."""
    return cache_directory() / "runs"


def new_directory(kind: str) -> Path:
    """Make a folder that belongs to this process, after removing what dead processes left."""
    reap()
    with locked(runs_directory()):
        directory = Path(tempfile.mkdtemp(prefix=f"kubecoder-{kind}-", dir=runs_directory()))
        record(directory)
    return directory


def record(directory: Path, *, sandbox: int = 0) -> None:
    """Write down that this process owns the folder and the sandbox."""
    owner = Owner(os.getpid(), start_time(os.getpid()), sandbox, start_time(sandbox) if sandbox else None)
    temporary = directory / f".{RECORD}"
    temporary.write_text(json.dumps(vars(owner)))
    temporary.rename(directory / RECORD)


def reap() -> None:
    """Remove what rigs of dead owners left."""
    runs_directory().mkdir(parents=True, exist_ok=True)
    with locked(runs_directory()):
        for directory in sorted(runs_directory().iterdir()):
            owner = _owner_of(directory)
            if owner is None or owner.is_alive:
                continue
            say(f"rigs: removing what the dead process {owner.pid} left in {directory}")
            owner.kill_sandbox()
            remove(directory)


def remove(directory: Path) -> None:
    """Remove a rig's cgroups and files, the record of its owner last; its processes are dead."""
    cgroups.remove(directory.name)
    for entry in directory.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != RECORD:
            entry.unlink()
    shutil.rmtree(directory)


def _owner_of(directory: Path) -> Owner | None:
    try:
        return Owner(**json.loads((directory / RECORD).read_text()))
    except FileNotFoundError:
        return None  # its owner has removed it just now
