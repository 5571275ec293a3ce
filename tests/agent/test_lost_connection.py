"""A page whose workspace goes away, comes back, or knows the person no more; and where the focus goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.agent.conftest import door_headers
from tests.agent.pages import Dashboard, running_dashboard
from tests.rigs import Unavailable, chromium

MILLISECONDS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    try:
        chromium.program()
    except Unavailable as reason:
        pytest.skip(str(reason))
    with chromium.browser() as running:
        yield running


def make_key(dashboard: Dashboard) -> None:
    headers = [*door_headers(), ("Sec-Fetch-Site", "same-origin")]
    host, path = f"127.0.0.1:{dashboard.port}", "/oauth/api/github/ssh-key"
    assert dashboard.agent.session("POST", path, headers, host=host, json_body={"comment": "x"}).status == 200


def test_a_lost_connection_is_said_and_mends_itself(tmp_path: Path, browser: Browser) -> None:
    context = browser.new_context()
    with running_dashboard(tmp_path) as first:
        page = first.sign_in(context)
        page.goto(f"{first.address}/oauth/#/activity")
        rows = page.locator(".activity li")
        rows.first.wait_for()
    expect(page.locator("#connection")).to_contain_text("No connection", timeout=MILLISECONDS)
    expect(page.locator("body.lost")).to_have_count(1)
    with running_dashboard(tmp_path, port=first.port) as second:
        expect(page.locator("#connection")).to_be_hidden(timeout=MILLISECONDS)
        expect(page.locator("body.lost")).to_have_count(0)
        # What happens now shows without another load of the page.
        make_key(second)
        expect(rows.first).to_contain_text("made an SSH key")
        context.close()


def test_a_session_that_is_over_leads_to_sign_in_and_back(tmp_path: Path, browser: Browser) -> None:
    context = browser.new_context()
    with running_dashboard(tmp_path) as dashboard:
        page = dashboard.sign_in(context)
        page.get_by_role("link", name="Activity", exact=True).click()
        page.get_by_role("heading", name="Activity").wait_for()
        (dashboard.agent.state_directory / "sign-in-secret").unlink()
        page.get_by_label("Kind").select_option("GitHub")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=MILLISECONDS)
        assert page.url.endswith("#/activity")
        other = dashboard.sign_in(context)
        page.reload()
        expect(page.get_by_role("heading", name="Activity")).to_be_visible()
        other.close()
        context.close()


def test_the_focus_moves_to_the_heading_of_another_page(tmp_path: Path, browser: Browser) -> None:
    context = browser.new_context()
    with running_dashboard(tmp_path) as dashboard:
        page = dashboard.sign_in(context)
        assert page.evaluate("document.activeElement === document.body")
        for name in ("Tasks", "GitHub", "Access", "Home"):
            page.get_by_role("link", name=name, exact=True).press("Enter")
            heading = "Running" if name == "Home" else name
            expect(page.get_by_role("heading", name=heading, exact=True)).to_be_focused()
        page.keyboard.press("n")
        expect(page.get_by_label("Prompt")).to_be_focused()
        context.close()
