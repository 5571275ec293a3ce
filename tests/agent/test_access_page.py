"""The pages Access and Activity in a real browser: the token shown, copied, rotated; its lines run; who did what."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.agent.conftest import ORIGIN, Agent, door_headers
from tests.agent.pages import Dashboard, opened, running_dashboard
from tests.rigs import Unavailable, chromium

AUDIT = "/oauth/api/claude/audit"


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
    with running_dashboard(tmp_path_factory.mktemp("pages")) as running:
        yield running


def test_behind_a_door_the_page_is_told_so_and_who_may_come_in(shared_agent: Agent) -> None:
    session = shared_agent.session("GET", "/oauth/api/session", door_headers()).json()
    assert (session["has_door"], session["api_url"]) == (True, ORIGIN)
    admitted = shared_agent.session("GET", "/oauth/api/access", door_headers()).json()
    assert admitted == {"users": ["alice"], "teams": []}


def act(dashboard: Dashboard, method: str, path: str, body: dict[str, str]) -> None:
    headers = [*door_headers(), ("Sec-Fetch-Site", "same-origin")]
    answer = dashboard.agent.session(method, path, headers, host=f"127.0.0.1:{dashboard.port}", json_body=body)
    assert answer.status == 200, answer.text


def test_the_token_is_hidden_copied_and_rotated_and_its_lines_work(dashboard: Dashboard, browser: Browser) -> None:
    agent = dashboard.agent
    with opened(dashboard, browser) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("link", name="Access", exact=True).click()
        expect(page.locator(".token")).to_contain_text("•")
        first = agent.user_token
        assert first not in page.content()
        page.get_by_role("button", name="Show").click()
        expect(page.locator(".token")).to_have_text(first)
        page.get_by_role("button", name="Hide").click()
        expect(page.locator(".token")).to_contain_text("•")
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Make a new token").click()
        expect(page.get_by_text("There is a new token")).to_be_visible()
        assert agent.api("GET", "/api/claude/version", agent.bearer(first)).status == 401
        page.get_by_role("button", name="Copy", exact=True).click()
        expect(page.get_by_text("Copied.")).to_be_visible()
        token = page.evaluate("navigator.clipboard.readText()")
        assert token == agent.user_token != first
        where = page.get_by_label("Tell a shell where the workspace is", exact=True).text_content()
        curl = page.get_by_label("List the tasks", exact=True).text_content()
        script = f"{where}\nread -r KUBECODER_TOKEN && export KUBECODER_TOKEN\n{curl}"
        ran = subprocess.run(
            ["bash", "-c", script], input=f"{token}\n", capture_output=True, text=True, timeout=30, check=False
        )
        assert ran.stdout == '{"tasks":[]}', ran.stderr
        expect(page.get_by_text("Whoever on this machine")).to_be_visible()
        # No door, nothing to sign out of.
        expect(page.get_by_role("link", name="Sign out")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_what_is_done_shows_at_once_and_older_entries_are_asked_for(dashboard: Dashboard, browser: Browser) -> None:
    key = "/oauth/api/github/ssh-key"
    for _ in range(60):
        act(dashboard, "POST", "/oauth/api/claude/auth/token/regenerate", {})
    with opened(dashboard, browser) as page:
        page.get_by_role("link", name="Activity", exact=True).click()
        rows = page.locator(".activity li")
        expect(rows).to_have_count(50)
        act(dashboard, "POST", key, {"comment": "made while the page is open"})
        expect(rows.first).to_contain_text("alice made an SSH key, on this page")
        expect(rows).to_have_count(51)
        page.get_by_role("button", name="Load older entries").click()
        entries = dashboard.agent.api("GET", "/api/claude/audit?limit=1000", dashboard.agent.bearer()).json()["entries"]
        expect(rows).to_have_count(len(entries))
        expect(page.get_by_role("button", name="Load older entries")).to_be_hidden()
        page.get_by_label("Kind").select_option("GitHub")
        expect(rows).to_have_count(1)
        page.get_by_label("Kind").select_option("Permissions")
        expect(page.get_by_text("Nothing of the kind was done.")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(
    "query", ["before=x", "before=-1", "before=1e5", "before=%C2%B2", "action=%27", "action=a.b.c"]
)
def test_a_query_that_cannot_be_meant_is_refused(dashboard: Dashboard, query: str) -> None:
    answer = dashboard.agent.api("GET", f"/api/claude/audit?{query}", dashboard.agent.bearer())
    assert (answer.status, answer.json()["code"]) == (400, "invalid_body")
