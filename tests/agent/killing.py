"""An agent that tests kill and start again, while its tasks go on."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.agent.conftest import running_agent
from tests.agent.tasks import TaskAgent, end_tmux
from tests.rigs import claude
from tests.rigs.model import running_model

# After two minutes Claude would move a command into the background and end the turn.
ENDLESS_TOOLS = {"BASH_DEFAULT_TIMEOUT_MS": "3600000", "BASH_MAX_TIMEOUT_MS": "3600000"}


class KillableAgent(TaskAgent):
    """The Task API of an agent that is killed and started again."""

    served_at = 0.0
    """Monotonic seconds at which the newest agent answered first."""

    def start(self, environment: Mapping[str, str], settings: Mapping[str, str]) -> None:
        """Start the first agent."""
        self._environment = dict(environment)
        self._settings = dict(settings)
        self._begin()

    def _begin(self) -> None:
        self._running = running_agent(self.directory, settings=self._settings, more_environment=self._environment)
        self.agent = self._running.__enter__()
        self.served_at = time.monotonic()

    def kill(self) -> None:
        """End the agent by SIGKILL."""
        os.kill(self.agent.process.pid, signal.SIGKILL)
        self.agent.process.popen.wait(20)

    def restart(self, **settings: str) -> float:
        """Start another agent after a kill, with other settings if wanted; return the seconds until it answered."""
        self._running.__exit__(None, None, None)
        self._settings |= settings
        began = time.monotonic()
        self._begin()
        return self.served_at - began

    def kill_tmux(self) -> None:
        """End the tmux server of the tasks by SIGKILL."""
        end_tmux(self.tmux_socket)

    def close(self) -> None:
        """End everything."""
        try:
            self._running.__exit__(None, None, None)
        finally:
            self.kill_tmux()
            self.kill_leftovers()


@contextlib.contextmanager
def killable_agent(
    directory: Path, *, version: str = claude.NEWEST, settings: Mapping[str, str] | None = None
) -> Iterator[KillableAgent]:
    """Run an agent with Claude Code that can be killed, and end everything at the end of the block."""
    with running_model(directory / "model") as model:
        agent = KillableAgent.__new__(KillableAgent)
        agent.model, agent.directory = model, directory
        variables = {**claude.environment(directory / "home", model.address), **ENDLESS_TOOLS}
        agent.start(variables, {"CLAUDE": str(claude.program(version)), **(settings or {})})
        try:
            yield agent
        finally:
            agent.close()
