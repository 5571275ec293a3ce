"""Who has signed in with `gh auth login`, by gh's own word; no token is read, and nobody is asked over the network."""

from __future__ import annotations

import re
from pathlib import Path

from agent.errors import UnavailableError
from agent.github.programs import run

_LOGIN = re.compile(r"[A-Za-z0-9_-]{1,100}")


def login(home: Path) -> str:
    """Return the GitHub login; empty where nobody has signed in or gh isn't installed."""
    try:
        said = run(home, ["gh", "config", "get", "user", "-h", "github.com"])
    except UnavailableError:
        return ""
    name = said.stdout.strip()
    return name if said.returncode == 0 and _LOGIN.fullmatch(name) else ""
