"""The files in `users/`, read but not yet understood."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from kubecoder.errors import ConfigError, Problem
from kubecoder.fleet import documents
from kubecoder.fleet.documents import Document

USERS = "users"
SECRETS = "secrets"
DEFAULTS = "_defaults"


@dataclass
class Sources:
    """The user files of a fleet.

    Attributes:
        directory: The fleet's folder.
        defaults: `_defaults.yaml`; None where it is missing or broken.
        users: The users' files by the name that the file has.
        broken: The names of files that can't be read.
        problems: What is wrong with files as such.
    """

    directory: Path
    defaults: Document | None = None
    users: dict[str, Document] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The names of all users, also of those whose file can't be read."""
        return sorted({*self.users, *self.broken} - {DEFAULTS})


def user_file(directory: Path, name: str) -> Path:
    """Name the file of a user; `_defaults` is the one below all."""
    return directory / USERS / f"{name}.yaml"


def choices(names: Iterable[str]) -> str:
    """Write the hint of an error about a user who isn't there."""
    users = ", ".join(names)
    return f"users: {users}" if users else "add one with `kubecoder user add`"


def read(directory: Path) -> Sources:
    """Read all user files of a fleet.

    Raises:
        ConfigError: The folder is no fleet. What is wrong with single files is collected in `problems`.
    """
    sources = Sources(directory)
    for path in _files(directory):
        if path.suffix != ".yaml":
            sources.problems.append(Problem(path, "isn't read", advice=f"rename it to {path.stem}.yaml"))
        elif path.stem.startswith("_") and path.stem != DEFAULTS:
            sources.problems.append(Problem(path, "a user's name can't begin with '_'", advice="rename the file"))
        else:
            _read_file(sources, path)
    if sources.defaults is None and DEFAULTS not in sources.broken:
        path = user_file(directory, DEFAULTS)
        sources.problems.append(Problem(path, "is missing", advice="`kubecoder init` writes one"))
    return sources


def _files(directory: Path) -> list[Path]:
    folder = directory / USERS
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConfigError(
            f"{directory.absolute()} is no fleet: it has no folder {USERS}/",
            hint="go to the fleet's folder, name it with -C, or make one with `kubecoder init`",
        ) from error
    except OSError as error:
        raise ConfigError(f"{folder} can't be read: {error.strerror}") from error
    return [folder / name for name in names if name.endswith((".yaml", ".yml")) and not name.startswith(".")]


def _read_file(sources: Sources, path: Path) -> None:
    try:
        document = documents.read(path)
    except ConfigError as error:
        sources.problems += error.problems
        sources.broken.add(path.stem)
        return
    if path.stem == DEFAULTS:
        sources.defaults = document
    else:
        sources.users[path.stem] = document
