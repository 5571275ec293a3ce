"""The dashboard of a real workspace, as its user sees it behind door and ingress controller."""

from __future__ import annotations

import re
import uuid

from playwright.sync_api import FrameLocator, Page, expect

from tests.node.front import SIZE, Workspace
from tests.node.model import script
from tests.node.screens import terminal_shows
from tests.rigs.waiting import wait_until

MEGABYTES = 400
LOAD_FILE = "/tmp/load"
# Holds memory and a processor for as long as the file is there.
LOAD = f"""
import os
block = b"x" * {MEGABYTES * 10**6}
while os.path.exists("{LOAD_FILE}"):
    sum(range(100_000))
"""
UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}
DIALOG = "Do you want to proceed?"


def memory(page: Page) -> float:
    """Return what the dashboard says is used, in bytes."""
    text = page.locator(".health [data-metric=memory]").inner_text()
    found = re.search(r"([\d.]+) (B|kB|MB|GB) of", text)
    return float(found[1]) * UNITS[found[2]] if found else 0


def processors(page: Page) -> float:
    found = re.search(r"([\d.]+) cores of", page.locator(".health [data-metric=cpu]").inner_text())
    return float(found[1]) if found else 0


def height(page: Page, metric: str) -> float:
    """Return where the graph's line ends, above its foot."""
    points = page.locator(f".health [data-metric={metric}] polyline").get_attribute("points") or ""
    return 40 - float(points.rpartition(",")[2])


def test_a_load_in_the_pod_moves_the_graphs(published: Workspace, page: Page) -> None:
    before = wait_until(lambda: memory(page), what="the graph", seconds=20)
    height_before = height(page, "memory")
    published.shell(f"touch {LOAD_FILE}; nohup python3 -c '{LOAD}' >/dev/null 2>&1 &")
    try:
        wait_until(lambda: memory(page) > before + 0.8 * MEGABYTES * 10**6, what="the memory's rise", seconds=30)
        wait_until(lambda: processors(page) > 0.4, what="the processor's rise", seconds=30)
        published.picture(page, "load")
        assert memory(page) < before + 1.3 * MEGABYTES * 10**6
        assert height(page, "memory") > height_before
        assert height(page, "cpu") > 1
    finally:
        published.shell(f"rm {LOAD_FILE}")
    wait_until(lambda: memory(page) < before + 0.5 * MEGABYTES * 10**6, what="the memory's fall", seconds=30)


def terminal(page: Page) -> FrameLocator:
    return page.frame_locator('iframe[title="The task\'s terminal"]')


def test_the_terminal_shows_the_dialog_that_allow_closes(published: Workspace, page: Page) -> None:
    name = f"asked-{uuid.uuid4().hex[:8]}"
    # A terminal that is out of sight isn't drawn, and would be empty in the picture.
    page.set_viewport_size({"width": SIZE["width"], "height": 2 * SIZE["height"]})
    page.get_by_role("link", name="New task").click()
    page.get_by_label("Prompt").fill(script({"bash": f"touch {name}"}, "All done."))
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Launch").click()
    card = page.locator(".card")
    expect(card.locator("pre").first).to_have_text(f"touch {name}")
    screen = terminal(page).locator("body")
    terminal_shows(screen, DIALOG, f"touch {name}")
    page.get_by_role("button", name="Take over").click()
    expect(page.get_by_text("What you type goes to Claude.")).to_be_visible()
    terminal_shows(screen, DIALOG, f"touch {name}", absent="Cross-session messaging is off")
    assert screen.evaluate("() => window.term.cols") >= 80
    published.picture(page, "task-asks")
    assert published.shell(f"ls ~/{name} 2>/dev/null || true") == ""
    card.get_by_role("button", name="Allow", exact=True).click()
    expect(page.locator(".task .word")).to_contain_text("idle")
    expect(card).to_have_count(0)
    terminal_shows(screen, "All done.", absent=DIALOG)
    published.picture(page, "task-allowed")
    assert published.shell(f"ls ~/{name}").endswith(name)


def test_the_ssh_key_and_the_git_identity_are_those_of_the_home(published: Workspace, page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name="GitHub", exact=True).click()
    page.get_by_role("button", name="Make an SSH key").click()
    key = page.locator("#view pre")
    expect(key).to_contain_text("ssh-ed25519 ")
    assert key.text_content() == published.shell("cat ~/.ssh/id_ed25519.pub")
    assert published.shell("stat -c %a ~/.ssh/id_ed25519") == "600"
    page.get_by_role("button", name="Copy the public key").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == key.text_content()

    page.get_by_label("Name").fill("Ada Lovelace")
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    identity = "git config --global user.name; git config --global user.email"
    assert published.shell(identity).splitlines() == ["Ada Lovelace", "ada@example.com"]
    published.picture(page, "github")
    published.shell("git config --global user.name 'Ada King'")
    page.reload()
    expect(page.get_by_label("Name")).to_have_value("Ada King")

    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete the key").click()
    expect(page.get_by_text("This workspace has no SSH key.")).to_be_visible()
    assert published.shell("ls ~/.ssh/id_* 2>/dev/null || true") == ""
