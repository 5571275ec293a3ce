"""How many tasks may run at once in this container's memory."""

from __future__ import annotations

from pathlib import Path

SESSION_BYTES = 400 * 1024**2
"""A busy session: 213 MB fresh, 373 MB after fifteen turns with tools (measured on 2.1.330)."""
RESERVED_BYTES = 512 * 1024**2
"""For the agent and what the user runs besides."""
MOST_TASKS = 12
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory_limit(files: tuple[Path, ...] = CGROUP_LIMITS, meminfo: Path = Path("/proc/meminfo")) -> int:
    """Return the bytes that this container may use: its cgroup's limit, else the machine's memory."""
    machine = _machine_memory(meminfo)
    for file in files:
        try:
            text = file.read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            return min(int(text), machine)
    return machine


def _machine_memory(meminfo: Path) -> int:
    for line in meminfo.read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{meminfo} doesn't tell the machine's memory")


def running_cap(limit: int) -> int:
    """Return how many tasks fit into a memory limit, at least one."""
    return max(1, min(MOST_TASKS, (limit - RESERVED_BYTES) // SESSION_BYTES))
