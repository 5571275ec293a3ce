"""The dashboard in a real browser: a task is launched, asks, is allowed and becomes idle, all by its buttons."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.agent.localworkspace import LocalCli
from tests.rigs import Unavailable, chromium, claude

MILLISECONDS = 60_000
COMMAND = "printf '%s' \"<b>exact</b>\" > allowed.txt"
PROMPT = 'Write it. [[script: ["On it.", {"bash": "printf \'%s\' \\"<b>exact</b>\\" > allowed.txt"}, "All done."]]]'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    try:
        claude.program()
        chromium.program()
    except Unavailable as reason:
        pytest.skip(str(reason))
    with chromium.browser() as running:
        yield running


@pytest.fixture(scope="module")
def link(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalCli, str]]:
    """A demonstration that stays open, and its link."""
    cli = LocalCli(tmp_path_factory.mktemp("dashboard"))
    command = [sys.executable, "-m", "kubecoder", "demo"]
    with subprocess.Popen(
        command, env=cli.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        try:
            assert running.stdout is not None
            lines = iter(running.stdout.readline, "")
            yield cli, next(line for line in lines if line.startswith("A link that signs in")).split()[-1]
        finally:
            running.terminate()
            running.wait(60)
            cli.end()


@pytest.fixture
def page(browser: Browser, link: tuple[LocalCli, str]) -> Iterator[Page]:
    """A phone's page; the test fails on whatever the browser's console complains of."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 390, "height": 844})
    if _SIGNED_IN:
        context.add_cookies(_SIGNED_IN)
    opened = context.new_page()
    opened.set_default_timeout(MILLISECONDS)
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(link[1])
    expect(opened.locator("#workspace")).to_have_text("local")
    _SIGNED_IN[:] = context.cookies()
    yield opened
    context.close()
    assert complaints == []


# The link works once, and the sign-in is for all tests.
_SIGNED_IN: list[Any] = []


def launch(page: Page, prompt: str) -> None:
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_label("Folder").fill("project")
    page.get_by_role("button", name="Launch").click()


def test_a_task_is_launched_asks_is_allowed_and_idle(page: Page, link: tuple[LocalCli, str]) -> None:
    launch(page, PROMPT)
    card = page.locator(".card")
    expect(card.locator("pre").first).to_have_text(COMMAND, timeout=MILLISECONDS)
    expect(page).to_have_title(re.compile(r"^\(1\) "))
    (project,) = (link[0].data / "demo").glob("*/home/project")
    assert not (project / "allowed.txt").exists()
    card.get_by_role("button", name="Allow", exact=True).click()
    expect(page.locator(".task .word")).to_contain_text("idle", timeout=MILLISECONDS)
    expect(card).to_have_count(0)
    expect(page.locator(".conversation")).to_contain_text("All done.")
    assert (project / "allowed.txt").read_text() == "<b>exact</b>"


def test_it_fits_a_phone(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.get_by_role("heading", name="New task")).to_be_visible()


def test_who_is_not_signed_in_is_told_how(browser: Browser, link: tuple[LocalCli, str]) -> None:
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(link[1].partition("?")[0] + "oauth/")
    expect(opened.get_by_role("heading", name="Sign in")).to_be_visible()
    context.close()
