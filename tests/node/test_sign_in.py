"""Sign-in as a person does it: by name and TLS through an ingress controller, in a real browser."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.node.front import Front, Workspace
from tests.rigs.github import Account

STRANGER = Account("mallory")
BYTES = 200_000
# Of the navigation and of everything that it loads, headers too.
LOADED = """() => {
    const entries = ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type));
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    return {
        paint: paint.startTime,
        bytes: entries.reduce((sum, entry) => sum + entry.transferSize, 0),
        requests: entries.length,
    };
}"""


def test_a_person_signs_in_and_out(published: Workspace, page: Page) -> None:
    assert page.url == f"{published.origin}/oauth/"
    expect(page.locator("#person")).to_contain_text(f"Signed in as {published.account.login} until")
    published.picture(page, "signed-in")
    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_role("heading", name="Choose an account")).to_be_visible()
    published.picture(page, "signed-out")
    page.goto(f"{published.origin}/oauth/ide/")
    expect(page.get_by_role("heading", name="Choose an account")).to_be_visible()


def test_a_stranger_is_told_so(published: Workspace, visitor: BrowserContext) -> None:
    page = visitor.new_page()
    published.sign_in(page, STRANGER)
    expect(page.get_by_role("heading", name="This workspace didn't let you in")).to_be_visible()
    expect(page.get_by_text("Ask the admin of this workspace")).to_be_visible()
    published.picture(page, "stranger")
    page.goto(f"{published.origin}/oauth/")
    expect(page.get_by_role("heading", name="Choose an account")).to_be_visible()


def test_the_dashboard_paints_soon_and_is_small(published: Workspace, page: Page, browser: Browser) -> None:
    with Front.visitor(browser) as cold:
        cold.add_cookies(page.context.cookies())  # type: ignore[arg-type]
        opened = cold.new_page()
        opened.goto(f"{published.origin}/oauth/")
        expect(opened.locator(".health [data-metric=memory]")).to_contain_text(" of ")
        loaded: dict[str, Any] = opened.evaluate(LOADED)
    print(
        f"{published.name}: first paint after {loaded['paint']:.0f} ms,"
        f" {loaded['bytes'] / 1000:.0f} kB in {loaded['requests']} requests"
    )
    assert loaded["bytes"] <= BYTES
