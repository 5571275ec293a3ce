"""Services under the image's real supervisor: what the agent says of them, restarts, and the page in a real browser."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.agent.conftest import door_headers
from tests.agent.pages import MILLISECONDS, Dashboard, opened, running_dashboard
from tests.agent.scraping import scraped
from tests.rigs import Unavailable, accessibility, chromium
from tests.rigs.supervised import Supervisor, supervised
from tests.rigs.waiting import wait_until

SERVICES = "/oauth/api/services"
KEPT = "autorestart=true\nstartretries=1000000\nstartsecs=1\nredirect_stderr=true\nstdout_logfile=%(here)s/{name}.log"
STEADY = "echo up; exec sleep 600"
BROKEN = r"printf '\033[31mno <b>display</b>\033[0m\n'; exit 3"


@dataclass
class Workspace:
    dashboard: Dashboard
    supervisor: Supervisor

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        headers = [*door_headers(), ("Sec-Fetch-Site", "same-origin")]
        address = f"127.0.0.1:{self.dashboard.port}"
        answer = self.dashboard.agent.session(method, path, headers, host=address, json_body=body)
        return answer.status, answer.json()

    def service(self, name: str) -> dict[str, Any]:
        status, found = self.call("GET", SERVICES)
        assert status == 200, found
        return next(service for service in found["services"] if service["name"] == name)


def program(name: str, command: str, *more: str) -> str:
    return "\n".join([f'command=/bin/sh -c "{command}"', KEPT.format(name=name), *more])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    directory = tmp_path_factory.mktemp("s")
    run = directory / "run"
    services = {
        "steady": program("steady", STEADY),
        "broken": program("broken", BROKEN.replace("%", "%%")),
        "asleep": program("asleep", STEADY, "autostart=false"),
        # In the agent's place, which the tests start by themselves.
        "agent": "command=/bin/sleep 600\nstdout_logfile=/dev/fd/1\nstdout_logfile_maxbytes=0",
    }
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    with supervised(directory, {"/run/kubecoder": str(run)}, environment, services=services) as supervisor:
        settings = {"SUPERVISOR_SOCKET": str(run / "supervisor" / "supervisor.sock")}
        with running_dashboard(directory / "agent", settings) as dashboard:
            wait_until(lambda: supervisor.pid("steady"), what="a service runs", seconds=20)
            yield Workspace(dashboard, supervisor)


def test_every_service_is_told_with_its_last_lines(workspace: Workspace) -> None:
    steady, asleep, agent = (workspace.service(name) for name in ("steady", "asleep", "agent"))
    assert (steady["state"], steady["wanted"], steady["failing"], steady["restarts"]) == ("running", True, False, 0)
    assert steady["last_lines"] == ["up"]
    assert (asleep["state"], asleep["wanted"], "since" in asleep) == ("stopped", False, False)
    assert (agent["restartable"], agent["last_lines"]) == (False, [])
    broken = wait_until(lambda: failing(workspace), what="a service keeps failing", seconds=20)
    assert set(broken["last_lines"]) == {"no <b>display</b>"}


def failing(workspace: Workspace) -> dict[str, Any]:
    broken = workspace.service("broken")
    return broken if broken["failing"] and broken["restarts"] > 0 else {}


def test_prometheus_sees_what_should_run_and_what_came_back(workspace: Workspace) -> None:
    wait_until(lambda: failing(workspace), what="a service keeps failing", seconds=20)
    found = scraped(workspace.dashboard.agent)
    up = {key: value for key, value in found.items() if key.startswith("kubecoder_service_up:") and "broken" not in key}
    assert up == {"kubecoder_service_up:agent": 1, "kubecoder_service_up:steady": 1}
    assert found["kubecoder_service_restarts_total:broken"] > 0
    assert found["kubecoder_service_restarts_total:steady"] == 0


def test_a_restart_is_done_audited_and_no_failure(workspace: Workspace) -> None:
    before = workspace.supervisor.pid("steady")
    status, found = workspace.call("POST", f"{SERVICES}/steady/restart", {})
    assert status == 200, found
    wait_until(lambda: workspace.supervisor.pid("steady") not in {0, before}, what="it runs again", seconds=20)
    steady = workspace.service("steady")
    assert (steady["restarts"], steady["failing"]) == (0, False)
    _, audit = workspace.call("GET", "/oauth/api/claude/audit?limit=1")
    (entry,) = audit["entries"]
    assert (entry["action"], entry["who"], entry["detail"]) == ("service.restart", "alice", {"service": "steady"})


@pytest.mark.parametrize(
    ("name", "status", "code"), [("agent", 409, "own_service"), ("nobody", 404, "service_not_found")]
)
def test_what_cannot_be_restarted_is_refused(workspace: Workspace, name: str, status: int, code: str) -> None:
    agent = workspace.supervisor.pid("agent")
    answer, error = workspace.call("POST", f"{SERVICES}/{name}/restart", {})
    assert (answer, error["code"]) == (status, code)
    assert workspace.supervisor.pid("agent") == agent


def test_a_supervisor_that_hangs_is_said_and_holds_nobody(workspace: Workspace) -> None:
    os.kill(workspace.supervisor.process.pid, signal.SIGSTOP)
    try:
        status, error = workspace.call("GET", SERVICES)
        assert (status, error["code"]) == (503, "unavailable")
        assert workspace.call("GET", "/oauth/api/session")[0] == 200
    finally:
        os.kill(workspace.supervisor.process.pid, signal.SIGCONT)
    wait_until(lambda: workspace.call("GET", SERVICES)[0] == 200, what="it answers again", seconds=20)


def test_the_page_shows_what_fails_and_restarts_what_runs(workspace: Workspace) -> None:
    try:
        chromium.program()
    except Unavailable as reason:
        pytest.skip(str(reason))
    with chromium.browser() as browser, opened(workspace.dashboard, browser) as page:
        expect(page.locator("[aria-labelledby=services-title]")).to_contain_text("broken")
        page.get_by_role("link", name="All services").click()
        row = page.locator(".services li", has=page.get_by_role("heading", name="steady"))
        expect(row).to_contain_text("running")
        broken = page.locator(".services li", has=page.get_by_role("heading", name="broken"))
        expect(broken.locator("pre")).to_be_visible()
        expect(broken.locator("pre")).to_contain_text("no <b>display</b>")
        expect(page.get_by_role("button", name="Restart agent")).to_have_count(0)
        before = workspace.supervisor.pid("steady")
        os.kill(before, signal.SIGKILL)
        # By an event alone: the page isn't loaded again.
        expect(row).to_contain_text("came back by itself once", timeout=MILLISECONDS)
        page.get_by_role("button", name="Restart steady").click()
        expect(row).to_contain_text("Restarted.")
        expect(row).to_contain_text(re.compile("running"))
        page.get_by_role("button", name="Start asleep").click()
        expect(page.locator(".services li", has=page.get_by_role("heading", name="asleep"))).to_contain_text("running")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert accessibility.problems(page) == []
