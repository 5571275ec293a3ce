"""`python -m agent`: read the settings, serve, exit 0 after SIGTERM and 3 for invalid settings."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from agent import settings as agent_settings
from agent.errors import SettingsError
from agent.logs import configure, event, problems
from agent.server import serve

log = logging.getLogger("agent")


def main() -> int:
    """Run the agent and return its exit code."""
    configure()
    try:
        settings = agent_settings.load(os.environ)
        configure(settings.log_level)
        for name in settings.unknown:
            event(log, logging.WARNING, "this version doesn't know a setting", setting=name)
        asyncio.run(serve(settings))
    except SettingsError as error:
        problems(log, error.problems)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
