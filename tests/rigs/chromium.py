"""A real browser without a window: Chromium of the machine, or Debian's where we may install it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.rigs import Unavailable
from tests.rigs.binaries import cache_directory, locked, say

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
        with locked(cache_directory() / "chromium"):
            found = _on_path() or _install()
    return found


def _on_path() -> Path | None:
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    return Path(found) if found else None


def _install() -> Path:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Unavailable(f"a browser is needed: install Chromium, or on Debian as root {PACKAGE}")
    say(f"rigs: installing {PACKAGE} by apt")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", PACKAGE]):
        done = subprocess.run(["apt-get", *command], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable(f"{PACKAGE} can't be installed: {done.stderr[-500:]}")
    found = _on_path()
    if found is None:
        raise Unavailable(f"{PACKAGE} is installed, but no browser is on the PATH")
    return found


@contextmanager
def browser() -> Iterator[Browser]:
    """Run the browser until the end of the block."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(program()), args=["--no-sandbox"])
        try:
            yield running
        finally:
            running.close()
