"""The cgroup under which the node's pods run, in every hierarchy of cgroup v1 or v2."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def hierarchies() -> list[Path]:
    """Return the mounted cgroup file systems; symbolic links such as `cpu` → `cpu,cpuacct` are left out."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return [folder for folder in sorted(CGROUPS.iterdir()) if not folder.is_symlink() and folder.is_dir()]


def create(name: str) -> None:
    """Make the cgroup everywhere, so that the kubelet takes it as its root."""
    for hierarchy in hierarchies():
        folder = hierarchy / name
        folder.mkdir(exist_ok=True)
        # A cpuset of cgroup v1 begins empty and takes no process before it has processors and memory.
        for setting in ("cpuset.cpus", "cpuset.mems"):
            if (folder / setting).exists() and not (folder / "cgroup.controllers").exists():
                (folder / setting).write_text((hierarchy / setting).read_text())


def remove(name: str, *, seconds: float = 10) -> None:
    """Remove the cgroup and all below it; its processes are dead or dying.

    Raises:
        TimeoutError: A process in it is still alive after `seconds`.
    """
    end = time.monotonic() + seconds
    for hierarchy in hierarchies() if CGROUPS.is_dir() else []:
        while (hierarchy / name).exists():
            for folder in sorted((hierarchy / name).rglob("*/"), reverse=True):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            with contextlib.suppress(OSError):
                (hierarchy / name).rmdir()
                break
            if time.monotonic() > end:
                message = f"cgroup {hierarchy / name} still has processes"
                raise TimeoutError(message)
            time.sleep(0.05)


def exists(name: str) -> bool:
    """Say whether the cgroup is there in any hierarchy."""
    return any((hierarchy / name).exists() for hierarchy in hierarchies())
