from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.metrics import parsing
from agent.metrics import sampler as sampler_module
from agent.metrics.disk import UNKNOWN, DiskProbe, ask
from agent.metrics.reading import Disk, Reading, read
from agent.metrics.sampler import HISTORY_SECONDS, INTERVAL_SECONDS, Sampler

GIB = 2**30
V2 = {
    "cgroup.controllers": "cpuset cpu io memory pids\n",
    "cpu.stat": "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\nnr_periods 7\n",
    "cpu.max": "150000 100000\n",
    "memory.current": f"{GIB}\n",
    "memory.max": f"{4 * GIB}\n",
    "memory.stat": f"anon 100\nfile 200\ninactive_file {GIB // 4}\nactive_file 5\n",
}
V1 = {
    "cpuacct/cpuacct.usage": "2500000000\n",
    "cpu/cpu.cfs_quota_us": "150000\n",
    "cpu/cpu.cfs_period_us": "100000\n",
    "memory/memory.usage_in_bytes": f"{GIB}\n",
    "memory/memory.limit_in_bytes": f"{4 * GIB}\n",
    "memory/memory.stat": f"cache 9\ninactive_file 7\ntotal_inactive_file {GIB // 4}\n",
}
UNLIMITED = {
    "v2": V2 | {"cpu.max": "max 100000\n", "memory.max": "max\n"},
    "v1": V1 | {"cpu/cpu.cfs_quota_us": "-1\n", "memory/memory.limit_in_bytes": "9223372036854771712\n"},
}
NET_DEV = """Inter-|   Receive                            |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed
    lo: 796417828  821610    0    0    0     0          0         0 796417828  821610    0    0    0     0    0    0
  eth0:    1000      10    0    0    0     0          0         0      300       3    0    0    0     0    0    0
  eth1:20 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0
"""
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize("files", [V2, V1], ids=["v2", "v1"])
def test_both_versions_of_cgroups_say_the_same(tmp_path: Path, files: Mapping[str, str]) -> None:
    found = read(UNKNOWN, cgroup=write(tmp_path / "cgroup", files), net_dev=tmp_path / "none")
    assert (found.cpu_seconds, found.cpu_limit) == (2.5, 1.5)
    assert (found.memory, found.memory_limit) == (GIB - GIB // 4, 4 * GIB)


@pytest.mark.parametrize("files", UNLIMITED.values(), ids=UNLIMITED)
def test_without_a_limit_the_cpu_time_is_still_the_containers_own(tmp_path: Path, files: Mapping[str, str]) -> None:
    found = read(UNKNOWN, cgroup=write(tmp_path / "cgroup", files))
    assert (found.cpu_seconds, found.cpu_limit) == (2.5, psutil.cpu_count())


@pytest.mark.parametrize("files", UNLIMITED.values(), ids=UNLIMITED)
def test_without_a_limit_the_memory_is_the_machines(tmp_path: Path, files: Mapping[str, str]) -> None:
    found = read(UNKNOWN, cgroup=write(tmp_path / "cgroup", files))
    assert (found.cpu_limit, found.memory_limit) == (psutil.cpu_count(), psutil.virtual_memory().total)


@pytest.mark.parametrize("files", [V2, V1], ids=["v2", "v1"])
def test_a_missing_file_is_unknown_and_not_zero(tmp_path: Path, files: Mapping[str, str]) -> None:
    for absent in ("cpu.stat", "cpuacct/cpuacct.usage", "memory.stat", "memory/memory.stat"):
        files = {name: text for name, text in files.items() if name != absent}
    found = read(ask(tmp_path / "no home"), cgroup=write(tmp_path / "cgroup", files), net_dev=tmp_path / "none")
    assert (found.cpu_seconds, found.memory, found.disk, found.received) == (None, None, None, None)
    assert found.cpu_limit == 1.5


def test_traffic_is_that_of_all_interfaces_but_loopback() -> None:
    assert parsing.traffic(NET_DEV) == (1020, 307)


@given(st.text())
def test_no_text_breaks_a_parser(text: str) -> None:
    for parse in (parsing.number, parsing.limit, parsing.quota, parsing.traffic):
        parse(text)
    parsing.stat(text, "inactive_file")
    parsing.cores(text, text)


def test_a_number_too_long_for_the_kernel_is_unknown() -> None:
    assert parsing.number("9" * 5000) is None


@given(st.integers(0, 2**59), st.integers(0, 2**59))
def test_a_working_set_is_never_more_than_the_use(usage: int, inactive: int) -> None:
    found = parsing.working_set(usage, inactive)
    assert found is not None
    assert 0 <= found <= usage


@given(st.integers(1, 10**9), st.integers(1, 10**6))
def test_both_versions_have_the_same_quota(allowed: int, period: int) -> None:
    assert parsing.quota(f"{allowed} {period}\n") == parsing.cores(f"{allowed}\n", f"{period}\n") == allowed / period


def test_rates_come_from_two_readings_and_alerts_from_the_limits(tmp_path: Path) -> None:
    sampler = Sampler(tmp_path)
    limits: dict[str, Any] = {"cpu_limit": 2.0, "memory_limit": 100, "disk_limit": 100}
    sampler.add(Reading(cpu_seconds=10, received=1000, sent=0, memory=1, disk=1, **limits), moment=50, now=NOW)
    assert sampler.metrics().history[0].cpu_cores is None
    sampler.add(Reading(cpu_seconds=17.5, received=2000, sent=50, memory=96, disk=79, **limits), moment=55, now=NOW)
    found = sampler.metrics()
    last = found.history[-1]
    assert (last.cpu_cores, last.received_bytes_per_second, last.sent_bytes_per_second) == (1.5, 200, 10)
    assert [(alert.metric, alert.level, alert.percent) for alert in found.alerts] == [
        ("cpu", "warning", 75.0),
        ("memory", "critical", 96.0),
    ]


def test_a_counter_that_went_back_gives_no_rate(tmp_path: Path) -> None:
    sampler = Sampler(tmp_path)
    sampler.add(Reading(cpu_seconds=10), moment=0, now=NOW)
    sampler.add(Reading(cpu_seconds=1), moment=5, now=NOW)
    assert sampler.metrics().history[-1].cpu_cores is None


def test_no_more_than_the_history_is_kept(tmp_path: Path) -> None:
    sampler = Sampler(tmp_path)
    assert sampler.metrics().history == ()
    for number in range(HISTORY_SECONDS):
        sampler.add(Reading(), moment=number, now=NOW + timedelta(seconds=number))
    history = sampler.metrics().history
    assert len(history) == HISTORY_SECONDS // INTERVAL_SECONDS
    assert history[-1].at == NOW + timedelta(seconds=HISTORY_SECONDS - 1)


def test_a_volume_that_hangs_is_unknown_asked_once_and_known_again_when_it_answers(tmp_path: Path) -> None:
    answers = threading.Event()
    asked = []

    def hang(home: Path) -> Disk:
        asked.append(home)
        answers.wait(10)
        return 1, 2

    async def look() -> list[Disk]:
        probe = DiskProbe(tmp_path, asks=hang, seconds=0.01)
        found = [await probe.read(), await probe.read()]
        patient = DiskProbe(tmp_path, asks=hang, seconds=10)
        answers.set()
        return [*found, await patient.read(), await patient.read()]

    assert asyncio.run(look()) == [UNKNOWN, UNKNOWN, (1, 2), (1, 2)]
    assert len(asked) == 3


def test_a_look_that_fails_is_logged_and_the_next_one_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks: list[Exception | Reading] = [ZeroDivisionError("a bug"), Reading(memory=7)]

    def read_or_fail(_disk: Disk) -> Reading:
        look = looks.pop(0)
        if isinstance(look, Exception):
            raise look
        return look

    class Once(Sampler):
        def add(self, reading: Reading, *, moment: float, now: datetime) -> None:
            super().add(reading, moment=moment, now=now)
            raise asyncio.CancelledError

    sampler = Once(tmp_path)
    monkeypatch.setattr(sampler_module, "read", read_or_fail)
    monkeypatch.setattr(sampler_module, "INTERVAL_SECONDS", 0)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(sampler.run())
    assert sampler.metrics().history[0].memory_bytes == 7
    assert "what is used can't be read" in caplog.text
