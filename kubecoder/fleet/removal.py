"""What `kubecoder user remove` deletes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from kubecoder.errors import ConfigError, NotFoundError
from kubecoder.fleet import sources
from kubecoder.fleet.sources import SECRETS


@dataclass(frozen=True)
class Removal:
    """One user's files.

    Attributes:
        file: The user's file; None if only secrets are left.
        secrets: The user's own folder of secrets; None if there is none.
    """

    name: str
    file: Path | None
    secrets: Path | None

    @property
    def paths(self) -> tuple[Path, ...]:
        """What will be gone, the user's file last: as long as it is there, the removal can be repeated."""
        return tuple(path for path in (self.secrets, self.file) if path)

    def carry_out(self) -> None:
        """Delete the files.

        Raises:
            ConfigError: One can't be deleted.
        """
        try:
            if self.secrets:
                shutil.rmtree(self.secrets)
            if self.file:
                self.file.unlink()
        except OSError as error:
            raise ConfigError(f"{error.filename} can't be deleted: {error.strerror}") from error


def plan(directory: Path, name: str) -> Removal:
    """Find a user's files; they needn't be valid.

    Raises:
        NotFoundError: There are none.
        ConfigError: The folder is no fleet.
    """
    found = sources.read(directory)
    file = sources.user_file(directory, name)
    secrets = directory / SECRETS / name
    removal = Removal(name, file if name in found.names else None, secrets if secrets.is_dir() else None)
    if not removal.paths:
        raise NotFoundError(f"no user {name} in this fleet", hint=sources.choices(found.names))
    return removal
