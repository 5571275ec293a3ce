"""Runs git and ssh-keygen for one home, with nothing else of the agent's environment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from agent.errors import UnavailableError

SECONDS = 10


def run(home: Path, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a program that is done at once; its failure is the caller's to judge.

    Raises:
        UnavailableError: It isn't installed, or doesn't end.
    """
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LC_ALL": "C.UTF-8"}
    try:
        return subprocess.run(
            argv,
            env=environment,
            cwd=home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise UnavailableError(f"{argv[0]} isn't installed here, or the home is gone") from error
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{argv[0]} didn't end within {SECONDS} s", hint="try again in a moment") from error


def failure(done: subprocess.CompletedProcess[str]) -> UnavailableError:
    """Return what a program that failed said."""
    said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return UnavailableError(f"{done.args[0]} failed: {said[-1][:300]}")
