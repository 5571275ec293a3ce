"""The dashboard of a test's own agent in a real browser, signed in by a link as at `kubecoder local up`."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.agent.conftest import Agent, running_agent
from tests.rigs.control_plane import free_ports

MILLISECONDS = 30_000


@dataclass
class Dashboard:
    """An agent with a listener for browsers, where no door stands in front."""

    agent: Agent
    port: int
    complaints: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def sign_in(self, context: BrowserContext) -> Page:
        """Open the page as a signed-in person; the console's complaints are kept."""
        key = secrets.token_hex(16)
        (self.agent.state_directory / "sign-in-key").write_text(key)
        page = context.new_page()
        page.set_default_timeout(MILLISECONDS)
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(f"{self.address}/?key={key}")
        expect(page.locator("#workspace")).to_have_text("alice")
        return page


@contextlib.contextmanager
def running_dashboard(
    directory: Path,
    settings: Mapping[str, str] | None = None,
    *,
    argv: Sequence[str] = ("-I", "-m", "agent"),
    port: int | None = None,
) -> Iterator[Dashboard]:
    """Run an agent with a listener for browsers until the end of the block, at a free port or a given one."""
    free_port, api_port = free_ports(2)
    port = port or free_port
    own = {
        "ORIGIN": f"http://127.0.0.1:{port}",
        "LOCAL_PORT": str(port),
        "API_ADDRESS": f"127.0.0.1:{api_port}",
        **(settings or {}),
    }
    with running_agent(directory, argv=argv, settings=own) as agent:
        yield Dashboard(agent, port)


@contextlib.contextmanager
def opened(dashboard: Dashboard, browser: Browser, *, width: int = 390) -> Iterator[Page]:
    """Open the page until the end of the block; whatever the console complains of fails the test."""
    context = browser.new_context(viewport={"width": width, "height": 844})
    try:
        yield dashboard.sign_in(context)
    finally:
        context.close()
    assert dashboard.complaints == []
