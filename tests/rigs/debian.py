"""Debian's packages, for what neither PyPI nor npm nor Go's modules have."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

from tests.rigs import Unavailable
from tests.rigs.binaries import cache_directory, locked, say

UPDATE = ("apt-get", "update", "-q")
INSTALL = ("apt-get", "install", "-q", "-y", "--no-install-recommends")


def ensure(packages: Mapping[str, str]) -> None:
    """Install what is missing.

    Args:
        packages: Program, by name or path, to the package that has it.

    Raises:
        Unavailable: Something is missing and can't be installed here.
    """
    if not _missing(packages):
        return
    with locked(cache_directory() / "debian"):
        if missing := _missing(packages):
            _install(missing)


def _missing(packages: Mapping[str, str]) -> list[str]:
    return sorted({package for program, package in packages.items() if shutil.which(program) is None})


def _install(missing: list[str]) -> None:
    names = " ".join(missing)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Unavailable(f"install {names}, or run the tests as root on Debian, where they do it themselves")
    say(f"rigs: installing {names} by apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (UPDATE, (*INSTALL, *missing)):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable(f"{' '.join(command)} failed: {done.stderr[-500:]}")
