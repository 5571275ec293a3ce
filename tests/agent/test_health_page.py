"""The health strip in a real browser: an agent in a real cgroup, a real load in it, and an agent that hangs."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.agent import contained
from tests.agent.conftest import door_headers
from tests.agent.pages import Dashboard, opened, running_dashboard
from tests.rigs import Unavailable, chromium
from tests.rigs.waiting import wait_until

MEMORY = 512_000_000
CORES = 0.5
MILLISECONDS = 60_000
NAME = f"kubecoder-health-{os.getpid()}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    try:
        chromium.program()
    except Unavailable as reason:
        pytest.skip(str(reason))
    with chromium.browser() as running:
        yield running


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    if os.geteuid() != 0:
        pytest.skip("only root can make a cgroup")
    argv = ("-m", "tests.agent.contained", NAME)
    with (
        contained.limited(NAME, memory=MEMORY, cores=CORES),
        running_dashboard(tmp_path_factory.mktemp("health"), argv=argv) as running,
    ):
        yield running


def metrics(dashboard: Dashboard) -> dict[str, Any]:
    host = f"127.0.0.1:{dashboard.port}"
    found: dict[str, Any] = dashboard.agent.session("GET", "/oauth/api/metrics", door_headers(), host=host).json()
    return found


@contextlib.contextmanager
def running(program: str) -> Iterator[None]:
    """Run a Python program in the agent's cgroup until the end of the block."""
    argv = [sys.executable, "-c", f"from tests.agent.contained import enter; enter({NAME!r}); {program}"]
    with subprocess.Popen(argv) as process:
        try:
            yield
        finally:
            process.kill()


def test_a_load_moves_the_graph_and_use_near_the_limit_raises_the_alert(dashboard: Dashboard, browser: Browser) -> None:
    found = wait_until(lambda: settled(dashboard), what="two samples", seconds=30)
    assert (found["limits"]["cpu_cores"], found["alerts"]) == (CORES, [])
    assert found["limits"]["memory_bytes"] == pytest.approx(MEMORY, abs=100_000)
    wanted = int(0.87 * MEMORY) - found["history"][-1]["memory_bytes"] - 15_000_000
    load = f"import time; kept = b'x' * {wanted}\nwhile True: pass"
    with opened(dashboard, browser) as page, running(load):
        cpu, memory = (page.locator(f'.health [data-metric="{name}"]') for name in ("cpu", "memory"))
        expect(memory.locator(".alert")).to_contain_text(re.compile(r"warning: 8\d %"), timeout=MILLISECONDS)
        expect(cpu.locator(".alert")).to_contain_text(re.compile(r"(warning|critical): "), timeout=MILLISECONDS)
        expect(cpu).to_contain_text(re.compile(r"0\.[345]\d cores of 0\.50 cores"))
        before = len(metrics(dashboard)["history"]) - 1
        cpu.get_by_role("slider").focus()
        page.keyboard.press("Home")
        expect(cpu).to_contain_text(re.compile(r"\d\d:\d\d.*: unknown"))
        page.keyboard.press("End")
        expect(cpu).to_contain_text(re.compile(r"\d\d:\d\d.*: 0\.\d\d cores"))
        assert int(cpu.get_by_role("slider").get_attribute("aria-valuenow") or 0) >= before
        memory.get_by_role("slider").hover(position={"x": 1, "y": 5})
        expect(memory).to_contain_text(re.compile(r"\d\d:\d\d.*: [\d.]+ MB"))


def settled(dashboard: Dashboard) -> dict[str, Any]:
    found = metrics(dashboard)
    return found if len(found["history"]) > 2 else {}


def test_what_is_old_is_said_to_be_old_and_mends_itself(dashboard: Dashboard, browser: Browser) -> None:
    with with_clock(dashboard, browser) as page:
        strip = page.locator(".health")
        expect(strip).not_to_have_class(re.compile("stale"))
        os.kill(dashboard.agent.process.pid, signal.SIGSTOP)
        try:
            page.clock.fast_forward(20_000)
            expect(strip).to_have_class(re.compile("stale"))
            expect(page.get_by_text(re.compile(r"Not current: from \d\d s ago"))).to_be_visible()
            # Nobody has closed the connection; its silence tells.
            page.clock.fast_forward(40_000)
            expect(page.locator("#connection")).to_contain_text("No connection")
        finally:
            os.kill(dashboard.agent.process.pid, signal.SIGCONT)
        page.clock.fast_forward(20_000)
        expect(page.locator("#connection")).to_be_hidden(timeout=MILLISECONDS)


@contextlib.contextmanager
def with_clock(dashboard: Dashboard, browser: Browser) -> Iterator[Page]:
    with opened(dashboard, browser) as page:
        page.clock.install()
        page.reload()
        expect(page.locator('.health [data-metric="cpu"] polyline')).to_have_attribute("points", re.compile(r"\d"))
        yield page
