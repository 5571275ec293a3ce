"""`python -m agent.githubtoken`: renew until SIGTERM; with `--check`, exit 0 while the loop turns."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from agent.githubtoken.daemon import Daemon
from agent.githubtoken.exchange import API_URL, Exchange
from agent.githubtoken.folder import Folder
from agent.logs import configure, event

log = logging.getLogger("agent.githubtoken")

CONFIG_FILE = "/etc/kubecoder/agent/github.json"
KEY_FILE = "/etc/kubecoder/github-app/private-key"
DIRECTORY = "/run/kubecoder/github"


def main() -> int:
    """Run the daemon, or check the running one, and return the exit code."""
    folder = Folder(Path(_variable("DIRECTORY", DIRECTORY)))
    if sys.argv[1:] == ["--check"]:
        return 0 if folder.is_alive() else 1
    configure()
    asyncio.run(_run(folder))
    return 0


async def _run(folder: Folder) -> None:
    daemon = Daemon(
        config_file=Path(_variable("CONFIG_FILE", CONFIG_FILE)),
        key_file=Path(_variable("KEY_FILE", KEY_FILE)),
        folder=folder,
        exchange=Exchange(_variable("API_URL", API_URL)),
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.stop)
    event(log, logging.INFO, "keeping the GitHub App's token fresh")
    await daemon.run()


def _variable(name: str, default: str) -> str:
    return os.environ.get(f"KUBECODER_GITHUB_{name}") or default


if __name__ == "__main__":
    sys.exit(main())
