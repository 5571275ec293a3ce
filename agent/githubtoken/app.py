"""The GitHub App as mounted, and the JWT that proves it to GitHub."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt

from agent.errors import SettingsError
from agent.files import read_small

# GitHub takes at most 10 minutes from now, by its own clock; both ends leave room for a clock that is off.
BACKDATED_SECONDS = 60
VALID_SECONDS = 480


@dataclass(frozen=True, slots=True)
class GithubApp:
    """Which App, which installation, and how far its token reaches.

    Attributes:
        app_id: The App's id.
        installation_id: Where it is installed.
        private_key: PEM; never printed.
        repositories: Names that the token is narrowed to; empty means all of the installation.
        permissions: Permissions that the token is narrowed to; empty means all of the App.
    """

    app_id: str
    installation_id: str
    private_key: bytes
    repositories: tuple[str, ...] = ()
    permissions: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"GithubApp({self.app_id}, {self.installation_id})"

    def token(self, now: float) -> str:
        """Make the JWT that asks for an installation token.

        Args:
            now: Seconds since the epoch, as GitHub has them.

        Raises:
            SettingsError: The private key isn't an RSA key in PEM.
        """
        try:
            return jwt.encode(claims(self.app_id, now), self.private_key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            raise SettingsError(["the App's private key isn't an RSA key in PEM"]) from error

    def narrowing(self) -> dict[str, Any]:
        """Return the request's body; empty asks for all that the installation may."""
        body: dict[str, Any] = {}
        if self.repositories:
            # GitHub wants the names without their owner: it is the installation's.
            body["repositories"] = [name.rpartition("/")[2] for name in self.repositories]
        if self.permissions:
            body["permissions"] = dict(self.permissions)
        return body


def claims(app_id: str, now: float) -> dict[str, Any]:
    """Return the JWT's claims."""
    return {"iss": app_id, "iat": int(now) - BACKDATED_SECONDS, "exp": int(now) + VALID_SECONDS}


def load(config_file: Path, key_file: Path) -> GithubApp:
    """Read the App from its mounted files.

    Raises:
        SettingsError: Naming what is missing or malformed.
    """
    problems: list[str] = []
    document = _read_config(config_file, problems)
    private_key = _read(key_file, problems)
    app_id, installation_id = (str(document.get(key) or "").strip() for key in ("appId", "installationId"))
    for key, value in (("appId", app_id), ("installationId", installation_id)):
        if not value.isascii() or not value.isalnum():
            problems.append(f"{config_file}: {key} is missing or malformed")
    repositories = document.get("repositories") or []
    permissions = document.get("permissions") or {}
    if not isinstance(repositories, list) or not isinstance(permissions, dict):
        problems.append(f"{config_file}: repositories must be a list and permissions a map")
    if problems:
        raise SettingsError(problems)
    return GithubApp(
        app_id,
        installation_id,
        private_key,
        tuple(str(name) for name in repositories),
        tuple((str(name), str(level)) for name, level in permissions.items()),
    )


def _read_config(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        document = json.loads(_read(path, problems) or b"{}")
    except ValueError:
        document = None
    if not isinstance(document, dict):
        problems.append(f"{path} isn't a JSON object")
        return {}
    return document


def _read(path: Path, problems: list[str]) -> bytes:
    try:
        content = read_small(path)
    except OSError:
        content = b""
    if not content.strip():
        problems.append(f"{path} is missing or empty")
    return content
