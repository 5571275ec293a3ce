"""`python -m agent.door`: watch until SIGTERM; exit 3 when the mounted files are invalid at the start."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from agent.door.config import DoorFiles
from agent.door.staging import Stage
from agent.door.watcher import Watcher
from agent.errors import SettingsError
from agent.logs import configure, problems

log = logging.getLogger("agent.door")

DIRECTORY = "/etc/kubecoder/door"


def main() -> int:
    """Run the watcher and return its exit code."""
    configure()
    try:
        asyncio.run(_run())
    except SettingsError as error:
        problems(log, error.problems)
        return error.exit_code
    return 0


async def _run() -> None:
    program = shutil.which("oauth2-proxy")
    if program is None:
        raise SettingsError(["oauth2-proxy isn't on the PATH; the door runs from the workspace image"])
    directory = Path(os.environ.get("KUBECODER_DOOR_DIRECTORY") or DIRECTORY)
    with tempfile.TemporaryDirectory(prefix="door-") as private:
        watcher = Watcher(Path(program), DoorFiles.below(directory), Stage(Path(private)))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, watcher.stop)
        await watcher.run()


if __name__ == "__main__":
    sys.exit(main())
