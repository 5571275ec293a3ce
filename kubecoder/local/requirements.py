"""What a workspace on this machine needs from it: Linux, the agent's Python packages, tmux."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from kubecoder.errors import KubecoderError, NotFoundError

AGENT_MODULES = ("starlette", "uvicorn", "psutil")
TMUX_MINIMUM = (3, 2)
# The package managers, in the order in which they are looked for, and what they need before tmux.
INSTALLERS: tuple[tuple[str, Sequence[Sequence[str]]], ...] = (
    ("apt-get", (("apt-get", "update", "-q"), ("apt-get", "install", "-q", "-y", "tmux"))),
    ("dnf", (("dnf", "install", "-y", "tmux"),)),
    ("pacman", (("pacman", "-S", "--noconfirm", "tmux"),)),
    ("apk", (("apk", "add", "tmux"),)),
    ("zypper", (("zypper", "--non-interactive", "install", "tmux"),)),
    ("brew", (("brew", "install", "tmux"),)),
)
NEEDS_NO_ROOT = frozenset({"brew"})


def check_platform(platform: str = sys.platform) -> None:
    """Refuse where the agent can't run.

    Raises:
        KubecoderError: This isn't Linux: the agent follows its tasks' processes by /proc.
    """
    if platform != "linux":
        raise KubecoderError(
            "a workspace without a cluster needs Linux",
            hint="run kubecoder in a Linux container or virtual machine",
        )


def agent_package() -> Path:
    """Return the folder of the agent's code, after a look whether it can run.

    Raises:
        KubecoderError: Its Python packages aren't installed.
    """
    missing = [name for name in AGENT_MODULES if importlib.util.find_spec(name) is None]
    spec = importlib.util.find_spec("agent")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if missing or not folders:
        raise KubecoderError(
            f"the agent's Python packages aren't installed ({', '.join(missing) or 'agent'})",
            hint=f"{sys.executable} -m pip install 'kubecoder[agent]'",
        )
    return Path(folders[0])


def tmux_problem() -> str:
    """Return why tmux can't be used; empty when it can."""
    program = shutil.which("tmux")
    if program is None:
        return "tmux isn't installed"
    done = subprocess.run([program, "-V"], capture_output=True, text=True, timeout=20, check=False)
    match = re.search(r"(\d+)\.(\d+)", done.stdout)
    if match and (int(match[1]), int(match[2])) < TMUX_MINIMUM:
        return f"{done.stdout.strip()} is too old: tasks need tmux {'.'.join(map(str, TMUX_MINIMUM))} or newer"
    return ""


def tmux_commands() -> list[list[str]]:
    """Return the commands that install tmux on this system; empty when no package manager is known."""
    for program, commands in INSTALLERS:
        if shutil.which(program) is None:
            continue
        prefix = [] if os.geteuid() == 0 or program in NEEDS_NO_ROOT else ["sudo"]
        return [[*prefix, *command] for command in commands]
    return []


def tmux_hint() -> str:
    """Say how tmux is installed here."""
    commands = tmux_commands()
    if not commands:
        return "install tmux with your system's package manager"
    return f"{' '.join(commands[-1])}   (or add --install, which runs it)"


def ensure_tmux(*, install: bool, log: IO[str]) -> None:
    """Look for tmux, and install it when asked to.

    Args:
        install: Whether to run the system's package manager.
        log: Where it prints: a real file.

    Raises:
        NotFoundError: tmux isn't there, or too old.
        KubecoderError: It couldn't be installed.
    """
    problem = tmux_problem()
    if not problem:
        return
    commands = tmux_commands()
    if not install or not commands:
        raise NotFoundError(problem, hint=tmux_hint())
    for command in commands:
        _run(command, log)
    problem = tmux_problem()
    if problem:
        raise NotFoundError(f"{problem}, after {' '.join(commands[-1])} too")


def _run(command: Sequence[str], log: IO[str]) -> None:
    shown = " ".join(command)
    log.write(f"$ {shown}\n")
    log.flush()
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, stdout=log, stderr=log, env=environment, check=False)
    except OSError as error:
        hint = f"as root: {' '.join(command[1:])}" if command[0] == "sudo" else None
        raise KubecoderError(f"{command[0]} can't be run: {error.strerror}", hint=hint) from error
    if done.returncode:
        raise KubecoderError(f"{shown} ended with exit code {done.returncode}", hint="its messages above say why")
