"""The user's home made ready at start: a skeleton, modes, git identity. Whatever the user has stays."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

# Folders and files that their programs refuse, or that leak, when the group can read them.
# A volume's fsGroup makes everything group-readable when it is mounted.
PRIVATE = (
    ".ssh",
    ".gnupg",
    ".kubecoder",
    ".aws",
    ".kube",
    ".claude/.credentials.json",
    ".claude.json",
    ".config/gh",
    ".docker/config.json",
    ".git-credentials",
    ".netrc",
    ".npmrc",
    ".pypirc",
)
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def prepare(home: Path, skeleton: Path, environment: Mapping[str, str]) -> None:
    """Make a home ready; running it again changes nothing.

    Raises:
        OSError: The home can't be written.
    """
    copy_skeleton(skeleton, home)
    for directory in (home / ".ssh", home / ".kubecoder"):
        directory.mkdir(mode=0o700, exist_ok=True)
    repair_modes(home)
    set_git_identity(home, environment)


def copy_skeleton(skeleton: Path, home: Path) -> None:
    """Copy what the home doesn't have yet, never over anything, not even over a dangling link."""
    for source in sorted(skeleton.rglob("*")):
        target = home / source.relative_to(skeleton)
        if target.exists() or target.is_symlink():
            continue
        if source.is_dir():
            target.mkdir()
        else:
            shutil.copy(source, target)


def repair_modes(home: Path) -> None:
    """Take group and others off the private files; links are left alone, for they may lead anywhere."""
    for name in PRIVATE:
        for path in _walk(home / name):
            with contextlib.suppress(OSError):
                mode = path.lstat().st_mode
                if not stat.S_ISLNK(mode) and mode & OTHERS:
                    path.chmod(stat.S_IMODE(mode) & ~OTHERS)


def _walk(path: Path) -> Iterator[Path]:
    yield path
    if path.is_dir() and not path.is_symlink():
        for directory, folders, files in os.walk(path):
            yield from (Path(directory) / name for name in (*folders, *files))


def set_git_identity(home: Path, environment: Mapping[str, str]) -> None:
    """Set `user.name` and `user.email` from GIT_USER_NAME and GIT_USER_EMAIL where git has none."""
    for key, variable in (("user.name", "GIT_USER_NAME"), ("user.email", "GIT_USER_EMAIL")):
        value = environment.get(variable, "")
        if value and not _git(home, "--get", key):
            _git(home, key, value)


def _git(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "config", "--global", *arguments],
        env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    return done.stdout.strip()
