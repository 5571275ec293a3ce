"""The dashboard in a real browser: a task is launched, asks, is allowed and becomes idle, all by its buttons."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.agent.localworkspace import LocalCli
from tests.rigs import Unavailable, accessibility, chromium, claude

MILLISECONDS = 60_000
TERMINAL = """
<textarea id="area"></textarea>
<script>area.focus(); area.value = "ready";</script>
"""
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
    page.get_by_role("link", name="New task").click()
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_label("Folder").fill("project")
    page.get_by_role("button", name="Launch").click()


def colours(page: Page) -> list[str]:
    """Return the colours of the task's sign and of its word."""
    parts = (page.locator(f".task .{part}") for part in ("glyph", "word"))
    return [part.evaluate("element => getComputedStyle(element).color") for part in parts]


def test_a_task_is_launched_asks_is_allowed_and_idle(page: Page, link: tuple[LocalCli, str]) -> None:
    launch(page, PROMPT)
    card = page.locator(".card")
    expect(card.locator("pre").first).to_have_text(COMMAND, timeout=MILLISECONDS)
    expect(page).to_have_title(re.compile(r"^\(1\) "))
    (project,) = (link[0].data / "demo").glob("*/home/project")
    assert not (project / "allowed.txt").exists()
    assert accessibility.problems(page) == []
    sign, word = colours(page)
    assert sign == word
    card.get_by_role("button", name="Allow", exact=True).click()
    expect(page.locator(".task .word")).to_contain_text("idle", timeout=MILLISECONDS)
    assert not {sign, word} & set(colours(page))
    expect(card).to_have_count(0)
    expect(page.locator(".conversation")).to_contain_text("All done.")
    assert (project / "allowed.txt").read_text() == "<b>exact</b>"


def with_a_terminal(page: Page) -> None:
    """Have the dashboard know of a terminal, whose page takes the keyboard as ttyd's does."""

    def session(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "parts": ["terminal"]})

    page.route("**/oauth/api/session", session)
    page.route("**/oauth/terminal/*", lambda route: route.fulfill(content_type="text/html", body=TERMINAL))
    page.reload()


def test_a_tasks_terminal_is_watched_until_it_is_taken_over(page: Page) -> None:
    with_a_terminal(page)
    page.get_by_role("link", name="Tasks", exact=True).click()
    page.locator(".tasks a").first.click()
    frame = page.locator("iframe.terminal")
    expect(frame).to_have_attribute("src", re.compile(r"^/oauth/terminal/\?arg=claude-[^&]+&arg=watch$"))
    expect(page.frame_locator("iframe.terminal").locator("textarea")).to_have_value("ready")
    expect(page.locator("iframe:focus")).to_have_count(0)
    message = page.get_by_label("Follow-up")
    message.fill("half a ")
    page.frame_locator("iframe.terminal").locator("textarea").evaluate("area => area.focus()")
    expect(message).to_be_focused()
    page.keyboard.type("word")
    expect(message).to_have_value("half a word")
    page.get_by_role("button", name="Take over").click()
    expect(frame).to_have_attribute("src", re.compile(r"^/oauth/terminal/\?arg=claude-[^&]+$"))
    expect(page.frame_locator("iframe.terminal").locator("textarea")).to_have_value("ready")
    page.keyboard.type("!")
    expect(page.frame_locator("iframe.terminal").locator("textarea")).to_have_value("ready!")
    page.get_by_role("button", name="Give it back").click()
    expect(frame).to_have_attribute("src", re.compile(r"&arg=watch$"))


def test_home_draws_what_is_used(page: Page) -> None:
    page.get_by_role("link", name="Home").click()
    memory = page.locator('.health [data-metric="memory"]')
    expect(memory).to_contain_text(re.compile(r"[\d.]+ GB of [\d.]+ GB"))
    points = page.locator('.health [data-metric="cpu"] polyline')
    expect(points).to_have_attribute("points", re.compile(r"[\d.]+,[\d.]+ [\d.]+,[\d.]+"), timeout=MILLISECONDS)
    expect(page.locator(".health")).not_to_have_class(re.compile("stale"))


def test_it_fits_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    base = page.url.partition("#")[0]
    for path in ("", "tasks", "new"):
        page.goto(f"{base}#/{path}")
        expect(page.locator("#view h2:visible").last).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(page: Page, theme: Literal["light", "dark"], width: int) -> None:
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 844})
    page.get_by_role("link", name="Tasks", exact=True).click()
    task = page.locator(".tasks a").first.get_attribute("href") or ""
    base = page.url.partition("#")[0]
    for address in ("#/", "#/tasks", task, "#/new", "#/services", "#/github", "#/access", "#/activity"):
        page.goto(base + address)
        expect(page.locator("#view h2:visible").last).to_be_visible()
        assert accessibility.problems(page) == [], address


def test_the_keyboard_leads_to_every_page(page: Page) -> None:
    expect(page.locator("#view[data-page=home]")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page.get_by_role("link", name="Tasks", exact=True)).to_have_attribute("aria-current", "page")
    page.locator(".tasks a").first.wait_for()
    page.keyboard.press("j")
    expect(page.locator(".tasks a").first).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.get_by_label("Prompt")).to_be_focused()
    page.keyboard.type("gt?")
    expect(page.get_by_label("Prompt")).to_have_value("gt?")


def test_tasks_are_found_by_text(page: Page) -> None:
    page.get_by_role("link", name="Tasks", exact=True).click()
    page.locator(".tasks a").first.wait_for()
    page.get_by_label("Search").fill("no task has this text")
    expect(page.get_by_text("No task is like that.")).to_be_visible()
    expect(page.locator(".tasks a:visible")).to_have_count(0)


def test_a_folder_is_completed(page: Page) -> None:
    page.get_by_role("link", name="New task").click()
    page.get_by_label("Folder").fill("proj")
    expect(page.locator("#folders option")).to_have_attribute("value", "project/")


def test_who_is_not_signed_in_is_told_how(browser: Browser, link: tuple[LocalCli, str]) -> None:
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(link[1].partition("?")[0] + "oauth/")
    expect(opened.get_by_role("heading", name="Sign in")).to_be_visible()
    context.close()
