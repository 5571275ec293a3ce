"""What runs first in the `ide` container: the home, the settings, tmux, then the supervisor in its place.

tini is the parent of everything: the tmux server that starts here belongs to it, so
that neither a restart of the agent nor one of the supervisor's programs ends a task.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from agent import home, settings
from agent.errors import SettingsError
from agent.logs import configure, event, problems

log = logging.getLogger("agent.init")

RUN = Path("/run/kubecoder")
SKELETON = Path("/etc/skel")
TMUX_SOCKET = RUN / "tmux" / "tasks"
TMUX_CONFIGURATION = Path("/etc/kubecoder/tmux.conf")
SUPERVISOR_CONFIGURATION = Path("/etc/kubecoder/supervisord.conf")
FAILED = 1


def main() -> NoReturn:
    """Prepare the container and become the supervisor; exits when something stands in the way."""
    configure()
    try:
        prepare(os.environ)
    except SettingsError as error:
        problems(log, error.problems)
        sys.exit(error.exit_code)
    except (OSError, subprocess.SubprocessError) as error:
        event(log, logging.ERROR, "the workspace can't start", reason=str(error))
        sys.exit(FAILED)
    arguments = (sys.executable, "-I", "-m", "supervisor.supervisord", "-c", str(SUPERVISOR_CONFIGURATION))
    os.execv(sys.executable, arguments)  # noqa: S606 - no shell is wanted


def prepare(environment: Mapping[str, str]) -> None:
    """Do all that must be done before the agent runs.

    Raises:
        SettingsError: The agent couldn't start with these settings.
        OSError: The home or the run folder can't be written.
        subprocess.SubprocessError: tmux failed.
    """
    home.prepare(settings.load(environment).home, SKELETON, environment)
    for name in ("tmux", "supervisor"):
        (RUN / name).mkdir(mode=0o700, exist_ok=True)
    start_tmux(TMUX_SOCKET, TMUX_CONFIGURATION)


def start_tmux(socket: Path, configuration: Path) -> None:
    """Start the tmux server for tasks; one that runs already stays as it is.

    Raises:
        OSError: It doesn't run with our configuration.
        subprocess.SubprocessError: tmux doesn't answer.
    """
    # tmux ends with exit code 0 even when it couldn't start, so the server is asked for an option of ours.
    command = ["tmux", "-S", str(socket), "-f", str(configuration), "start-server", ";", "show-options", "-s"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if "exit-empty off" not in done.stdout:
        raise OSError(f"tmux didn't start: {done.stderr.strip() or 'its configuration is broken'}")


if __name__ == "__main__":
    main()
