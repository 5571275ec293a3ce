"""VS Code, the terminal and Firefox of a real workspace, as its user works with them in a browser."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.node.front import Workspace
from tests.node.screens import share_of_colour, terminal_shows
from tests.rigs.node import Node
from tests.rigs.waiting import wait_until

TEAL = (0, 95, 115)
PORT = 3000
PAGE = f"""<!doctype html>
<title>The shop</title>
<body style="background: rgb{TEAL}; color: white; font: 22px sans-serif; padding: 60px">
<h1>The shop</h1>
<p>Served by a dev server in this workspace, on its own loopback.</p>
"""
SERVER = f"""
mkdir -p /tmp/site && cd /tmp/site
cat > index.html <<'END'
{PAGE}
END
nohup python3 -m http.server {PORT} --bind 127.0.0.1 >/tmp/site.log 2>&1 & echo $!
"""
CODE = '''"""What a basket costs."""

from decimal import Decimal


def total(prices: list[Decimal], discount: Decimal = Decimal(0)) -> Decimal:
    """Return the sum of the prices without the discount, which is a share from 0 to 1."""
    return sum(prices, Decimal(0)) * (1 - discount)
'''


def test_vs_code_edits_a_file_of_the_volume(published: Workspace, page: Page, node: Node) -> None:
    folder = f"shop-{uuid.uuid4().hex[:8]}"
    published.shell(f"mkdir ~/{folder} && cat > ~/{folder}/basket.py <<'END'\n{CODE}END")
    page.goto(f"{published.origin}/oauth/ide/?folder=/home/dev/{folder}")
    page.locator(".monaco-workbench .explorer-folders-view").wait_for()
    page.keyboard.press("Control+p")
    page.locator(".quick-input-widget input.input").fill("basket.py")
    page.locator(".quick-input-list .monaco-list-row", has_text="basket.py").first.wait_for()
    page.keyboard.press("Enter")
    editor = page.locator(".editor-instance .view-lines")
    expect(editor).to_contain_text("Decimal")
    editor.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("# ended in VS Code")
    page.keyboard.press("Control+s")
    (file,) = files_of_volumes(node, f"{folder}/basket.py")
    wait_until(lambda: file.read_text() == f"{CODE}# ended in VS Code", what="the saved file", seconds=15)
    published.picture(page, "vs-code")


def files_of_volumes(node: Node, name: str) -> list[Path]:
    """Find a file where the node keeps its volumes."""
    return list(node.storage.directory.rglob(name))


def test_the_terminal_runs_a_command_and_survives_a_reload(published: Workspace, page: Page) -> None:
    # ttyd asks before its page is left.
    page.on("dialog", lambda dialog: dialog.accept())
    word = uuid.uuid4().hex[:8]
    page.goto(f"{published.origin}/oauth/terminal/")
    screen = page.locator("body")
    terminal_shows(screen, "$")
    assert screen_width(page) > 0.95
    page.locator(".xterm-helper-textarea").focus()
    page.keyboard.type(f"clear; kept={word}; echo I am $(id -un) in $PWD, $((6*7))\n")
    terminal_shows(screen, "in /home/dev, 42")
    page.reload()
    terminal_shows(screen, "in /home/dev, 42")
    page.locator(".xterm-helper-textarea").focus()
    page.keyboard.type("echo still ${kept}!\n")
    terminal_shows(screen, f"still {word}!")
    published.picture(page, "terminal")


def screen_width(page: Page) -> float:
    """Return the width of the terminal's columns as a share of the page's."""
    box, size = page.locator(".xterm-screen").bounding_box(), page.viewport_size
    assert box is not None
    assert size is not None
    return box["width"] / size["width"]


@contextmanager
def running_server(workspace: Workspace) -> Iterator[None]:
    """Serve a page of one colour in the workspace, as its user does by hand."""
    pid = workspace.shell(SERVER)
    try:
        yield
    finally:
        workspace.shell(f"kill {pid}")


def test_firefox_shows_the_page_of_the_users_own_server(published: Workspace, page: Page) -> None:
    page.goto(f"{published.origin}/oauth/browser/")
    canvas = page.locator("#noVNC_container canvas")
    canvas.wait_for()
    # Before that a second start would take it for hung.
    wait_until(lambda: "-isForBrowser" in published.shell("ps -eo args"), what="Firefox shows pages", seconds=60)
    assert share_of_colour(canvas, TEAL) < 0.01
    with running_server(published):
        published.shell(f"timeout 30 firefox-esr http://localhost:{PORT}")
        wait_until(lambda: share_of_colour(canvas, TEAL) > 0.5, what="the page on the screen", seconds=30)
        published.picture(page, "firefox")
