"""A real browser without a window: Chromium of the machine, or Debian's where we may install it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.rigs import Unavailable, debian

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
PACKAGE = "chromium-headless-shell"


@cache
def program() -> Path:
    """Return the browser's program, installing Debian's package where there is none.

    Raises:
        Unavailable: There is none, and it can't be installed here.
    """
    found = _on_path()
    if found is None:
        debian.ensure({PACKAGE: PACKAGE})
        found = _on_path()
    if found is None:
        raise Unavailable(f"{PACKAGE} is installed, but no browser is on the PATH")
    return found


def _on_path() -> Path | None:
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    return Path(found) if found else None


@contextmanager
def browser(*arguments: str) -> Iterator[Browser]:
    """Run the browser, with more arguments if wanted, until the end of the block."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(program()), args=["--no-sandbox", *arguments])
        try:
            yield running
        finally:
            running.close()
