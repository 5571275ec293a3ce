"""The dashboard's GitHub page in a real browser, on a home of the test's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.agent.localworkspace import LocalCli
from tests.rigs import Unavailable, chromium, claude
from tests.rigs.git_host import GitHost

MILLISECONDS = 30_000


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[tuple[Page, LocalCli]]:
    """A demonstration's page, at a phone's size; whatever the browser's console complains of fails the test."""
    try:
        claude.program()
        chromium.program()
    except Unavailable as reason:
        pytest.skip(str(reason))
    cli = LocalCli(tmp_path)
    command = [sys.executable, "-m", "kubecoder", "demo"]
    complaints: list[str] = []
    with subprocess.Popen(
        command, env=cli.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        try:
            assert running.stdout is not None
            lines = iter(running.stdout.readline, "")
            link = next(line for line in lines if line.startswith("A link that signs in")).split()[-1]
            with chromium.browser() as browser:
                page = browser.new_page(viewport={"width": 390, "height": 844})
                page.set_default_timeout(MILLISECONDS)
                page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
                page.on("pageerror", lambda error: complaints.append(str(error)))
                page.goto(link)
                expect(page.locator("#workspace")).to_have_text("local")
                yield page, cli
        finally:
            running.terminate()
            running.wait(60)
            cli.end()
    assert complaints == []


def test_identity_key_and_clone_by_the_page(workspace: tuple[Page, LocalCli], tmp_path: Path) -> None:
    page, cli = workspace
    (home,) = (cli.data / "demo").glob("*/home")
    page.get_by_role("link", name="GitHub", exact=True).click()
    expect(page.get_by_text("This workspace has no GitHub App.")).to_be_visible()
    page.get_by_label("Name").fill("Alice")
    page.get_by_role("button", name="Make an SSH key").click()
    public = page.locator("#view pre")
    expect(public).to_contain_text("ssh-ed25519 ")
    assert public.text_content() == (home / ".ssh" / "id_ed25519.pub").read_text().strip()
    # The answer about the key came in while this was typed.
    expect(page.get_by_label("Name")).to_have_value("Alice")
    page.get_by_label("E-mail").fill("alice@example.com")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert "alice@example.com" in (home / ".gitconfig").read_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete the key").click()
    expect(page.get_by_text("This workspace has no SSH key.")).to_be_visible()
    assert not (home / ".ssh" / "id_ed25519").exists()
    clone_by_the_page(page, home, tmp_path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def clone_by_the_page(page: Page, home: Path, directory: Path) -> None:
    """Clone one repository that is there, and one that isn't."""
    with GitHost(directory / "host", lambda token: token == "secret") as host:
        host.add("acme/private.git", README="hello")
        helper = "!echo username=x-access-token && echo password=secret && :"
        with (home / ".gitconfig").open("a") as configuration:
            configuration.write(host.configuration(helper))
        address = page.get_by_label("Repository")
        address.fill("https://github.com/acme/private.git")
        address.press("Enter")
        expect(page.get_by_text("Cloned", exact=True)).to_be_visible()
        expect(address).to_have_value("")
        assert (home / "private" / "README").read_text() == "hello"
        page.get_by_label("Folder").fill("projects/other")
        address.fill("https://github.com/acme/missing.git")
        address.press("Enter")
        expect(page.get_by_text("Next: look at the address")).to_be_visible()
