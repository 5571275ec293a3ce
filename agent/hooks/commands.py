"""The argv of the command hooks, for the settings of a session."""

from __future__ import annotations

import sys
from pathlib import Path

RELAY = Path(__file__).with_name("relay.py")


def tell(url_file: Path) -> list[str]:
    """Return the command that passes an event on; the file holds the launch's address."""
    return [*_relay(), "tell", str(url_file)]


def wait(url_file: Path) -> list[str]:
    """Return the command that waits for a person's decision; the file holds the launch's address."""
    return [*_relay(), "wait", str(url_file)]


def _relay() -> list[str]:
    return [sys.executable, "-I", "-S", str(RELAY)]
