"""Takes the README's picture, the dashboard with tasks that ask: `python -m tests.agent.pictures`."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, expect

from tests.agent.localworkspace import LocalCli
from tests.rigs import chromium

PICTURE = Path("docs/dashboard.png")
SIZE: ViewportSize = {"width": 1100, "height": 680}
MILLISECONDS = 60_000
TASKS = (
    ("Say which tests are slow", "idle", ["The three tests of the payment module take 40 s of the 52."]),
    ("Look after the build", "background", [{"bash": "sleep 600", "background": True}, "I wait for the build."]),
    (
        "Make the release notes",
        "permission",
        [
            "I have read the 14 commits since the last release.",
            {"bash": "git tag --annotate v1.4.0 --file NOTES.md", "description": "Tag the release"},
            "Tagged.",
        ],
    ),
)


def main() -> None:
    """Run a demonstration, launch some tasks and take the picture."""
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder, chromium.browser() as browser:
        cli = LocalCli(Path(folder))
        command = [sys.executable, "-m", "kubecoder", "demo"]
        with subprocess.Popen(
            command, env=cli.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as running:
            try:
                assert running.stdout is not None
                lines = iter(running.stdout.readline, "")
                link = next(line for line in lines if line.startswith("A link that signs in")).split()[-1]
                page = browser.new_page(viewport=SIZE)
                page.set_default_timeout(MILLISECONDS)
                page.goto(link)
                take(page)
            finally:
                running.terminate()
                running.wait(60)
                cli.end()


def take(page: Page) -> None:
    """Launch the tasks, wait for what they ask and take the picture."""
    for prompt, word, steps in TASKS:
        page.get_by_role("link", name="New task").click()
        page.get_by_label("Prompt").fill(f"{prompt} [[script: {json.dumps(steps)}]]")
        page.get_by_label("Name").fill(prompt)
        page.get_by_label("Folder").fill("project")
        page.get_by_role("button", name="Launch").click()
        expect(page.locator(".task .word")).to_contain_text(word, timeout=MILLISECONDS)
        page.goto(page.url.partition("#")[0])
    expect(page.locator(".card")).to_have_count(1, timeout=MILLISECONDS)
    page.screenshot(path=PICTURE)


if __name__ == "__main__":
    main()
