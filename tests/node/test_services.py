"""The workspace image `full` on a real node: VS Code, terminal and Firefox behind the door, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from kubecoder.cluster import Cluster
from kubecoder.models.manifest import ObjectRef
from tests.node.doors import lead_to
from tests.rigs.browser import Browser
from tests.rigs.cli import DOMAIN, Cli
from tests.rigs.github import Account, GithubServer, StubGithub
from tests.rigs.images import FULL_TAG, workspace_defaults
from tests.rigs.node import Node
from tests.rigs.waiting import wait_until
from tests.rigs.websocket import RefusedError, WebSocket, opened

HOST = f"alice.{DOMAIN}"
ORIGIN = f"https://{HOST}"
PYTHON = "/opt/kubecoder/bin/python"
KILLING, KILLING_DOOR = ((Path(__file__).parent / name).read_text() for name in ("killing.py", "killing_door.py"))
PROCESSES = """
from pathlib import Path
from agent.services.supervisor import Supervisor

found = Supervisor(Path("/run/kubecoder/supervisor/supervisor.sock")).processes()
print(sorted((process.name, process.pid) for process in found))
"""
SECONDS_TO_COME_BACK = 5
SECONDS_TO_READY = 10
IDLE_BYTES = 600 * 10**6
# With what the kernel keeps of files; cgroup v2, then v1.
MEMORY = "cat /sys/fs/cgroup/memory.current /sys/fs/cgroup/memory/memory.usage_in_bytes 2>/dev/null || true"
# What each page says, so that another part's answer isn't taken for it.
PAGES = {
    "/oauth/ide/?folder=/home/dev": "vscode-workbench",
    "/oauth/terminal/": "ttyd",
    "/oauth/browser/vnc.html": "noVNC",
}
SOCKETS = {"/oauth/terminal/ws": "tty", "/oauth/browser/websockify": "binary"}
SIZE = json.dumps({"AuthToken": "", "columns": 120, "rows": 30}).encode()


@dataclass
class Workspace:
    """A workspace that is up, and somebody's browser."""

    cli: Cli
    browser: Browser

    def run(
        self, script: str, *arguments: str, program: tuple[str, ...] = ("bash", "-c"), container: str = "ide"
    ) -> str:
        argv = ("shell", "alice", "-c", container, "--", *program, script, *arguments)
        return self.cli.run(*argv, seconds=900).expect().stdout.strip()

    def services(self) -> dict[str, Any]:
        """Return what the agent says of each service."""
        answer = self.browser.get("/oauth/api/services")
        assert answer.status == 200, answer
        return {service["name"]: service for service in answer.json()["services"]}

    def processes(self) -> str:
        """Return each service with its process, as the supervisor has them."""
        return self.run(PROCESSES, program=(PYTHON, "-I", "-c"))

    def websocket(
        self, path: str, *, origin: str = ORIGIN, signed_in: bool = True
    ) -> AbstractContextManager[WebSocket]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.browser.cookies.items())
        headers = {"Origin": origin, **({"Cookie": cookie} if signed_in else {})}
        protocol = SOCKETS[path.partition("?")[0]]
        return opened(self.browser.address, path, host=HOST, headers=headers, protocol=protocol)


@pytest.fixture(scope="module")
def deployed(node: Node, new_fleet: Any) -> Iterator[Cli]:
    with GithubServer(StubGithub(at_the_browser=Account("alice")), address=node.sandbox.host_address) as github:
        cli = new_fleet(["alice"], **workspace_defaults(FULL_TAG))
        fleet = Path(cli.environment["KUBECODER_FLEET"])
        lead_to(github, fleet)
        file = fleet / "users" / "alice.yaml"
        document = yaml.safe_load(file.read_text())
        file.write_text(yaml.safe_dump({**document, "oauth2": {"githubUsers": ["alice"]}}, sort_keys=False))
        cli.run("deploy", "alice", "--timeout", "180", seconds=240).expect()
        yield cli


@pytest.fixture
def workspace(deployed: Cli) -> Iterator[Workspace]:
    with signed_in_at(deployed) as workspace:
        yield workspace


@contextmanager
def signed_in_at(cli: Cli) -> Iterator[Workspace]:
    """Sign in at the pod that runs now, which has all services up then, until the end of the block."""
    with cli.running("forward", "alice", "0:4180") as process:
        assert process.stdout is not None
        browser = Browser(urlsplit(process.stdout.readline().strip()).netloc, HOST)
        assert browser.sign_in().status == 302
        workspace = Workspace(cli, browser)
        wait_until(lambda: are_up(workspace), what="all services are up", seconds=60)
        yield workspace
        process.kill()


def are_up(workspace: Workspace) -> bool:
    return all(service["state"] == "running" for service in workspace.services().values() if service["wanted"])


def test_it_is_ready_in_seconds_and_needs_little_memory_while_idle(workspace: Workspace, cluster: Cluster) -> None:
    status = workspace.cli("status", "alice", "-o", "json").expect().json()["workspaces"][0]
    pod = cluster.get(ObjectRef("v1", "Pod", status["namespace"], status["pod"]))
    (ready,) = [item["lastTransitionTime"] for item in pod["status"]["conditions"] if item["type"] == "Ready"]
    took = datetime.fromisoformat(ready) - datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
    containers = [container["name"] for container in pod["spec"]["containers"]]
    used = {name: int(workspace.run(MEMORY, container=name)) for name in containers}
    print(f"ready after {took.total_seconds():.0f} s; MB used while idle:", {k: v // 10**6 for k, v in used.items()})
    assert workspace.services()["firefox"]["state"] == "stopped"
    assert sum(used.values()) <= IDLE_BYTES
    assert took.total_seconds() <= SECONDS_TO_READY


@pytest.mark.parametrize("path", PAGES)
def test_who_is_signed_in_has_the_page_and_nobody_else(workspace: Workspace, path: str) -> None:
    answer = workspace.browser.get(path)
    assert answer.status == 200
    assert PAGES[path] in answer.text
    nobody = Browser(workspace.browser.address, HOST).get(path)
    assert nobody.status == 302
    assert "/login/oauth/authorize" in nobody.header("Location")


@pytest.mark.parametrize("path", SOCKETS)
@pytest.mark.parametrize(("origin", "signed_in"), [(ORIGIN, False), ("https://bob.dev.example.com", True)])
def test_who_is_not_signed_in_or_comes_from_another_page_opens_no_websocket(
    workspace: Workspace, path: str, origin: str, signed_in: bool
) -> None:
    with pytest.raises(RefusedError), workspace.websocket(path, origin=origin, signed_in=signed_in):
        pass


def test_the_terminal_is_the_workspaces(workspace: Workspace) -> None:
    with workspace.websocket("/oauth/terminal/ws") as page:
        page.send(SIZE)
        page.send(b"0echo I am $(id -u) in $PWD\r")
        shown(page, "I am 1000 in /home/dev")


def shown(page: WebSocket, text: str) -> None:
    """Read what the terminal prints until a text is in it."""
    seen = ""
    while text not in seen:
        frame = page.receive()
        assert frame, f"the terminal closed after {seen!r}"
        seen += frame[1:].decode(errors="replace") if frame[:1] == b"0" else ""


def shows_pages(workspace: Workspace) -> bool:
    return "-isForBrowser" in workspace.run("ps -eo args")


def test_a_firefox_that_its_user_started_is_the_service_until_it_is_closed(workspace: Workspace) -> None:
    workspace.run("setsid firefox-esr about:blank </dev/null >/dev/null 2>&1 &")
    wait_until(lambda: shows_pages(workspace), what="Firefox shows pages", seconds=30)
    with workspace.websocket("/oauth/browser/websockify"):
        wait_until(lambda: workspace.services()["firefox"]["state"] == "running", what="Firefox runs", seconds=30)
        assert workspace.run("pgrep -c -x firefox-esr") == "1"
        workspace.run("pkill -x firefox-esr")
        wait_until(lambda: not workspace.services()["firefox"]["wanted"], what="Firefox is closed", seconds=30)


def test_who_looks_at_the_screen_has_firefox_on_it(workspace: Workspace) -> None:
    assert not workspace.services()["firefox"]["wanted"]
    with workspace.websocket("/oauth/browser/websockify") as page:
        assert page.receive().startswith(b"RFB 003.008")
        wait_until(lambda: workspace.services()["firefox"]["state"] == "running", what="Firefox runs", seconds=30)
    wait_until(lambda: shows_pages(workspace), what="Firefox shows pages", seconds=30)


TIMES = pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.soak)])


@TIMES
def test_a_killed_service_is_back_in_seconds_and_the_others_never_notice(workspace: Workspace, times: int) -> None:
    names = ("agent", "browser", "bus", "desktop", "display", "firefox", "ide", "terminal")
    seconds = json.loads(workspace.run(KILLING, str(times), *names, program=(PYTHON, "-I", "-c")))
    print(f"killed {times} times each; back within:", {name: max(took) for name, took in seconds.items()})
    assert {name: len(took) for name, took in seconds.items()} == dict.fromkeys(names, times)
    assert max(max(took) for took in seconds.values()) <= SECONDS_TO_COME_BACK
    assert workspace.browser.is_signed_in()


@TIMES
def test_a_killed_door_is_back_in_seconds_and_the_services_never_notice(
    workspace: Workspace, cluster: Cluster, times: int
) -> None:
    before = workspace.processes()
    took = json.loads(workspace.run(KILLING_DOOR, str(times), program=(PYTHON, "-I", "-c"), container="oauth2-proxy"))
    print(f"the door killed {times} times; back within: {max(took)}")
    assert len(took) == times
    assert max(took) <= SECONDS_TO_COME_BACK
    assert workspace.processes() == before
    assert workspace.browser.is_signed_in()
