"""Whether git knows the secrets."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from kubecoder.errors import Problem
from kubecoder.fleet.notices import Notice
from kubecoder.fleet.sources import SECRETS

TIMEOUT_SECONDS = 10
_HARMLESS = (".gitkeep", ".gitignore", "README.md")


def findings(directory: Path) -> tuple[list[Problem], list[Notice]]:
    """Find files in `secrets/` that git tracks, and as notices those that it would add.

    Nothing is found outside of a git work tree, or where git isn't installed.
    """
    problems: list[Problem] = []
    notices: list[Notice] = []
    folder = directory / SECRETS
    for line in _ls_files(folder) if folder.is_dir() and _is_work_tree(directory) else ():
        tag, _, name = line.partition(" ")
        path = folder / name
        if path.name in _HARMLESS:
            continue
        if tag == "?":
            notices.append(Notice(path, "", f"isn't ignored by git; add /{SECRETS}/* to .gitignore"))
        else:
            problems.append(Problem(path, "is tracked by git", advice=f"git rm --cached {path}, and renew the secret"))
    return problems, notices


def _is_work_tree(directory: Path) -> bool:
    absolute = directory.absolute()
    return any((above / ".git").exists() for above in (absolute, *absolute.parents))


def _ls_files(folder: Path) -> list[str]:
    command = ["git", "ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard", "--", "."]
    # In a hook, git's own variables would point this git at another work tree.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        result = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line for line in os.fsdecode(result.stdout).split("\0") if line]
