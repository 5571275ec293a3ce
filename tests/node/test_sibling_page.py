"""A page on another host of the same domain, served through the same ingress controller, against who is signed in.

Such a page is of the same site: the browser adds the person's cookie to what it sends, whatever SameSite says.
"""

from __future__ import annotations

import contextlib
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, Page

from kubecoder.cluster import Cluster
from kubecoder.models.manifest import ref_of
from tests.agent.test_sibling_origin import FRAME, POST_BLINDLY, READ, REGENERATE, TOKEN
from tests.node.front import BY_INGRESS, Front, Workspace
from tests.node.pods import hardened_pod, is_ready, wait_for
from tests.rigs.node import traefik
from tests.rigs.raw_http import send
from tests.rigs.waiting import wait_until

NAME = "sibling"
PORT = 8000
SERVE = f"cd /data && echo '<!doctype html><title>attack</title>' > index.html && exec python3 -m http.server {PORT}"
OPEN = """
([url, protocols]) => new Promise((resolve) => {
  const socket = new WebSocket(url, protocols);
  socket.onopen = () => { socket.close(); resolve("open"); };
  socket.onerror = () => resolve("refused");
})
"""
LISTEN = """
(url) => new Promise((resolve) => {
  const source = new EventSource(url, {withCredentials: true});
  source.onopen = () => resolve("open");
  source.onerror = () => { source.close(); resolve("refused"); };
})
"""
EVENTS = "/oauth/api/claude/events"
IDE = f"/oauth/ide/?reconnectionToken={uuid4()}&reconnection=false&skipWebSocketFrames=false"
SOCKETS: dict[str, list[str]] = {IDE: [], "/oauth/terminal/ws": ["tty"], "/oauth/browser/websockify": ["binary"]}
PAGES = ("/oauth/", "/oauth/ide/?folder=/home/dev", "/oauth/terminal/", "/oauth/browser/vnc.html")
BLOCKED = "chrome-error://chromewebdata/"


@pytest.fixture(scope="module")
def alice(front: Front) -> Workspace:
    return front.workspaces[BY_INGRESS]


@pytest.fixture(scope="module")
def sibling(alice: Workspace, front: Front, cluster: Cluster) -> Workspace:
    """Somebody's own page beside the workspaces."""
    page = Workspace(alice.cli, NAME, alice.github)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME}}
    pod = hardened_pod(NAME, NAME, SERVE)
    for manifest in (namespace, pod, service(), ingress(page.host)):
        cluster.apply(manifest)
    wait_for(cluster, ref_of(pod), is_ready)

    def is_there() -> bool:
        with contextlib.suppress(OSError):
            return b"attack" in send(front.target(page), "GET", "/", host=page.host).body
        return False

    wait_until(is_there, what=f"the page of {page.host}", seconds=60)
    return page


def service() -> dict[str, Any]:
    spec = {"selector": {"name": NAME}, "ports": [{"port": PORT}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME, "namespace": NAME}, "spec": spec}


def ingress(host: str) -> dict[str, Any]:
    backend = {"service": {"name": NAME, "port": {"number": PORT}}}
    rule = {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": NAME, "namespace": NAME},
        "spec": {"ingressClassName": traefik.INGRESS_CLASS, "rules": [rule]},
    }


@pytest.fixture
def dashboard(alice: Workspace, visitor: BrowserContext) -> Page:
    return alice.signed_in(visitor.new_page())


@pytest.fixture
def attack(dashboard: Page, sibling: Workspace) -> Page:
    """The other host's page in the browser of the person who is signed in."""
    page = dashboard.context.new_page()
    page.goto(f"{sibling.origin}/")
    assert page.title() == "attack"
    return page


def refusals(alice: Workspace) -> int:
    """Return how often the agent has refused to do it for another page."""
    lines = alice.cli.run("logs", alice.name).expect().stdout.splitlines()
    return sum(REGENERATE in line and "foreign_origin" in line for line in lines)


def test_it_changes_nothing_by_what_it_sends(alice: Workspace, dashboard: Page, attack: Page) -> None:
    before = dashboard.evaluate(TOKEN)
    refused = refusals(alice)
    attack.evaluate(POST_BLINDLY, f"{alice.origin}{REGENERATE}")
    assert refusals(alice) == refused + 1, "it got past the door, as the person"
    attack.set_content(f'<form method="post" action="{alice.origin}{REGENERATE}"><button>x</button></form>')
    with attack.expect_response(f"**{REGENERATE}") as sent:
        attack.click("button")
    assert sent.value.status == 403
    assert refusals(alice) == refused + 2
    assert dashboard.evaluate(TOKEN) == before


def test_it_reads_nothing(alice: Workspace, attack: Page) -> None:
    for path in ("/oauth/api/claude/auth/token", "/oauth/api/session", "/oauth/", "/oauth/terminal/token"):
        assert attack.evaluate(READ, f"{alice.origin}{path}") == "refused", path
    assert attack.evaluate(LISTEN, f"{alice.origin}{EVENTS}") == "refused"


def test_it_opens_no_websocket_that_the_persons_own_pages_open(alice: Workspace, dashboard: Page, attack: Page) -> None:
    def opened_by(page: Page) -> dict[str, str]:
        asked = {**SOCKETS, EVENTS: []}
        address = alice.origin.replace("https://", "wss://")
        return {path: page.evaluate(OPEN, [f"{address}{path}", names]) for path, names in asked.items()}

    assert opened_by(dashboard) == {**dict.fromkeys(SOCKETS, "open"), EVENTS: "refused"}
    assert opened_by(attack) == dict.fromkeys([*SOCKETS, EVENTS], "refused")


@pytest.mark.parametrize("path", PAGES)
def test_it_frames_nothing(alice: Workspace, attack: Page, path: str) -> None:
    with attack.expect_response(f"{alice.origin}{path}") as answered:
        attack.evaluate(FRAME, f"{alice.origin}{path}")
    assert answered.value.status == 200, "it is the person's own page that is not to be framed"
    assert answered.value.request.failure == "net::ERR_BLOCKED_BY_RESPONSE"
    (frame,) = attack.main_frame.child_frames
    assert frame.url == BLOCKED
