"""How many tasks fit into the container's memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.tasks.limits import memory_limit, running_cap

GIB = 1024**3


@pytest.mark.parametrize(("limit", "cap"), [(GIB // 4, 1), (GIB, 1), (4 * GIB, 8), (5 * GIB, 11), (64 * GIB, 12)])
def test_the_cap_follows_the_limit(limit: int, cap: int) -> None:
    assert running_cap(limit) == cap


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (("2147483648", None), 2 * GIB),
        (("max", None), 8 * GIB),
        ((None, "9223372036854771712"), 8 * GIB),
        ((None, "1073741824"), GIB),
        ((None, None), 8 * GIB),
    ],
    ids=["version 2", "version 2 without limit", "version 1 without limit", "version 1", "no cgroup"],
)
def test_the_limit_is_the_cgroups_or_else_the_machines(
    tmp_path: Path, files: tuple[str | None, str | None], expected: int
) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:        8388608 kB\nMemFree: 1 kB\n")
    paths = (tmp_path / "memory.max", tmp_path / "memory.limit_in_bytes")
    for path, content in zip(paths, files, strict=True):
        if content is not None:
            path.write_text(f"{content}\n")
    assert memory_limit(paths, meminfo) == expected
