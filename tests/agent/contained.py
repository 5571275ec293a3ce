"""Run a program as in a container: in a cgroup of its own, which it sees at the root of /sys/fs/cgroup."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from tests.rigs import cgroups

# Ten times its siblings' share, so that a load reaches its limit also on a busy machine.
LIMITS_V1 = {
    "cpu.shares": "10240",
    "memory.limit_in_bytes": "{memory}",
    "cpu.cfs_period_us": "100000",
    "cpu.cfs_quota_us": "{quota}",
}
LIMITS_V2 = {"cpu.weight": "1000", "memory.max": "{memory}", "cpu.max": "{quota} 100000"}


@contextlib.contextmanager
def limited(name: str, *, memory: int, cores: float) -> Iterator[None]:
    """Make a cgroup with these limits, and remove it when its processes are gone."""
    cgroups.create(name)
    try:
        for hierarchy in cgroups.hierarchies():
            limits = LIMITS_V2 if (hierarchy / "cgroup.controllers").exists() else LIMITS_V1
            for file, value in limits.items():
                if (hierarchy / name / file).exists():
                    (hierarchy / name / file).write_text(value.format(memory=memory, quota=int(cores * 100_000)))
        yield
    finally:
        cgroups.remove(name)


def enter(name: str) -> None:
    """Bring this process into the cgroup."""
    for hierarchy in cgroups.hierarchies():
        (hierarchy / name / "cgroup.procs").write_text(str(os.getpid()))


def main() -> None:
    """Enter the cgroup that is named first, and become the agent with nothing else of cgroups in sight."""
    name = sys.argv[1]
    enter(name)
    mounts = [f"mount --bind {folder}/{name} {folder}" for folder in cgroups.hierarchies()]
    script = " && ".join([*mounts, f"exec {sys.executable} -I -m agent"])
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", "sh", "-c", script])


if __name__ == "__main__":
    main()
