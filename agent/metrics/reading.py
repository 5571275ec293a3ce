"""One look at the container's use and limits; at the machine's where the container has no limit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil

from agent.metrics import parsing

CGROUP = Path("/sys/fs/cgroup")
NET_DEV = Path("/proc/self/net/dev")
Disk = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters, amounts and limits at one moment; None is unknown.

    Attributes:
        cpu_seconds: CPU time used since some start.
        cpu_limit: Cores.
        memory: Working set in bytes.
        disk: Bytes used on the home's file system.
        received: Bytes since some start; `sent` too.
    """

    cpu_seconds: float | None = None
    cpu_limit: float | None = None
    memory: int | None = None
    memory_limit: int | None = None
    disk: int | None = None
    disk_limit: int | None = None
    received: int | None = None
    sent: int | None = None


def read(disk: Disk, *, cgroup: Path = CGROUP, net_dev: Path = NET_DEV) -> Reading:
    """Look once; a file that is missing or strange makes its value unknown.

    Args:
        disk: Bytes used and bytes that fit of the home's file system, which is asked elsewhere.
        cgroup: Where the container's own cgroups are mounted.
        net_dev: Traffic of its interfaces.
    """
    cpu_seconds, cpu_limit = _cpu(cgroup)
    memory, memory_limit = _memory(cgroup)
    received, sent = parsing.traffic(_text(net_dev)) or (None, None)
    return Reading(cpu_seconds, cpu_limit, memory, memory_limit, *disk, received, sent)


def _cpu(cgroup: Path) -> tuple[float | None, float | None]:
    if (cgroup / "cgroup.controllers").exists():
        used = parsing.stat(_text(cgroup / "cpu.stat"), "usage_usec")
        seconds, allowed = None if used is None else used / 1e6, parsing.quota(_text(cgroup / "cpu.max"))
    else:
        used = parsing.number(_text(cgroup / "cpuacct/cpuacct.usage"))
        seconds = None if used is None else used / 1e9
        cpu = cgroup / "cpu"
        allowed = parsing.cores(_text(cpu / "cpu.cfs_quota_us"), _text(cpu / "cpu.cfs_period_us"))
    if allowed is not None:
        return seconds, allowed
    # The use is known also without a limit; what others use of the machine isn't this workspace's.
    machine_seconds, cores = _machine_cpu()
    return machine_seconds if seconds is None else seconds, cores


def _memory(cgroup: Path) -> tuple[int | None, int | None]:
    if (cgroup / "cgroup.controllers").exists():
        folder, usage, most, inactive = cgroup, "memory.current", "memory.max", "inactive_file"
    else:
        folder, usage, most, inactive = (
            cgroup / "memory",
            "memory.usage_in_bytes",
            "memory.limit_in_bytes",
            "total_inactive_file",
        )
    bound = parsing.limit(_text(folder / most))
    if bound is None:
        return _machine_memory()
    used = parsing.number(_text(folder / usage))
    return parsing.working_set(used, parsing.stat(_text(folder / "memory.stat"), inactive)), bound


def _machine_cpu() -> tuple[float | None, float | None]:
    try:
        times = psutil.cpu_times()
    except (OSError, RuntimeError):
        return None, None
    return times.user + times.nice + times.system + times.irq + times.softirq, psutil.cpu_count()


def _machine_memory() -> tuple[int | None, int | None]:
    try:
        machine = psutil.virtual_memory()
    except (OSError, RuntimeError):
        return None, None
    return machine.total - machine.available, machine.total


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
