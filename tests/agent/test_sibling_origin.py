"""A page on another port of the same address, which is sent the signed-in person's cookie, acts in a real Chromium.

Cookies don't separate ports, and another port is the same site, so `SameSite` helps as little as it does between the
hosts of one domain: what stands in the way is the agent's own check of the origin, and its policy on framing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page

from kubecoder.local import server
from tests.agent.localworkspace import LocalCli
from tests.rigs import Unavailable, chromium, claude

REGENERATE = "/oauth/api/claude/auth/token/regenerate"
TOKEN = "fetch('/oauth/api/claude/auth/token').then((answer) => answer.text())"
POST_BLINDLY = """
(url) => fetch(url, {method: "POST", mode: "no-cors", credentials: "include"}).then(() => {}, () => {})
"""
READ = "(url) => fetch(url, {credentials: 'include'}).then(() => 'read', () => 'refused')"
FRAME = """
(url) => new Promise((resolve) => {
  const frame = document.createElement("iframe");
  frame.onload = () => resolve();
  frame.src = url;
  document.body.append(frame);
})
"""


COOKIES: list[str] = []
"""What the browser sent to the other server."""


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        COOKIES.append(self.headers.get("Cookie", ""))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!DOCTYPE html><title>attack</title><body></body>")

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def sibling() -> Iterator[str]:
    """The origin of somebody's development server on the same address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCli]:
    try:
        claude.program()
        chromium.program()
    except Unavailable as reason:
        pytest.skip(str(reason))
    cli = LocalCli(tmp_path_factory.mktemp("local"))
    yield cli
    cli.end()


@pytest.fixture(scope="module")
def dashboard(local: LocalCli) -> Iterator[Page]:
    """The dashboard of a signed-in person."""
    # test_local.py beside it takes the default port.
    up = local.run("local", "up", "--port", str(server.free_port()))
    assert up.returncode == 0, up.stderr
    with chromium.browser() as browser:
        page = browser.new_context().new_page()
        page.goto(up.stdout.strip())
        page.wait_for_url("**/oauth/")
        yield page


@pytest.fixture
def attack(dashboard: Page, sibling: str) -> Iterator[Page]:
    """The other server's page in the same browser."""
    page = dashboard.context.new_page()
    page.goto(sibling)
    (cookie,) = dashboard.context.cookies()
    assert f"{cookie.get('name')}=" in COOKIES[-1], "the browser takes the other server for the same site"
    yield page
    page.close()


def _refusals(local: LocalCli) -> int:
    return (local.root / "agent.log").read_text().count("foreign_origin: ")


def _origin(page: Page) -> str:
    return page.url.partition("/oauth/")[0]


def test_it_changes_nothing_by_a_blind_request(local: LocalCli, dashboard: Page, attack: Page) -> None:
    before = dashboard.evaluate(TOKEN)
    refused = _refusals(local)
    attack.evaluate(POST_BLINDLY, _origin(dashboard) + REGENERATE)
    assert _refusals(local) == refused + 1, "it arrived"
    assert dashboard.evaluate(TOKEN) == before


def test_the_dashboard_itself_can_do_what_the_other_page_can_not(dashboard: Page) -> None:
    before = dashboard.evaluate(TOKEN)
    assert dashboard.evaluate(f"fetch('{REGENERATE}', {{method: 'POST'}}).then((answer) => answer.status)") == 200
    assert dashboard.evaluate(TOKEN) != before


def test_it_changes_nothing_by_a_form(dashboard: Page, attack: Page) -> None:
    before = dashboard.evaluate(TOKEN)
    attack.set_content(f'<form method="post" action="{_origin(dashboard)}{REGENERATE}"><button>x</button></form>')
    with attack.expect_response(f"**{REGENERATE}") as caught:
        attack.click("button")
    assert caught.value.status == 403
    assert dashboard.evaluate(TOKEN) == before


def test_it_reads_nothing(dashboard: Page, attack: Page) -> None:
    assert attack.evaluate(READ, f"{_origin(dashboard)}/oauth/api/claude/auth/token") == "refused"


def test_it_does_not_frame_the_dashboard(dashboard: Page, attack: Page) -> None:
    attack.evaluate(FRAME, f"{_origin(dashboard)}/oauth/")
    (frame,) = attack.main_frame.child_frames
    assert frame.locator("#workspace").count() == 0
    assert dashboard.locator("#workspace").count() == 1
