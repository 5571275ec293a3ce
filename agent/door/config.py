"""What the door is mounted with, checked before oauth2-proxy sees it.

oauth2-proxy starts on some mistakes and fails only at the first sign-in, or never: a
newline in the client secret goes to GitHub, and without a bind address it ends with
exit code 0 and no message.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from agent.errors import SettingsError
from agent.files import read_small

FLAG_PATTERN = re.compile(r"[a-z][a-z0-9-]*")
# They let requests in without a sign-in, believe headers of clients, or belong to the watcher.
REFUSED_FLAGS = re.compile(
    r".*secret.*|skip-auth-.*|skip-jwt-.*|reverse-proxy|trusted-.*|.*config|insecure-.*|custom-.*"
)
BIND_ADDRESS_PATTERN = re.compile(rb"^\s*bindAddress:\s*[\"']?(\S*):(\d{1,5})\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class DoorFiles:
    """The mounted files."""

    alpha: Path
    flags: Path
    client_secret: Path
    cookie_secret: Path

    @classmethod
    def below(cls, directory: Path) -> DoorFiles:
        """Name the files below the door's folder, where two volumes are mounted."""
        config, secrets = directory / "config", directory / "secrets"
        return cls(config / "alpha.yaml", config / "door.json", secrets / "client-secret", secrets / "cookie-secret")

    def all(self) -> tuple[Path, ...]:
        """Return all of them."""
        return (self.alpha, self.flags, self.client_secret, self.cookie_secret)


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of the files at one moment; a missing file is empty. Never printed."""

    alpha: bytes
    flags: bytes
    client_secret: bytes
    cookie_secret: bytes

    def __repr__(self) -> str:
        return "Content(…)"

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """What no log line may hold."""
        return tuple(secret for secret in (self.client_secret, self.cookie_secret) if secret)


def read(files: DoorFiles) -> Content:
    """Read the files as they are now."""
    return Content(*(_read(path) for path in files.all()))


def _read(path: Path) -> bytes:
    try:
        return read_small(path)
    except OSError:
        return b""


def arguments(files: DoorFiles, content: Content) -> tuple[str, ...]:
    """Return oauth2-proxy's arguments, those that name files left out.

    Raises:
        SettingsError: Naming everything that is wrong with the files, and no secret.
    """
    problems = [
        *_alpha_problems(files.alpha, content.alpha),
        *_secret_problems(files.client_secret, content.client_secret),
        *_secret_problems(files.cookie_secret, content.cookie_secret),
    ]
    flags: dict[str, str] = {}
    try:
        flags = _parse_flags(content.flags)
    except ValueError as error:
        problems.append(f"{files.flags}: {error}")
    problems.extend(f"{files.flags}: --{name} isn't allowed here" for name in flags if REFUSED_FLAGS.fullmatch(name))
    if problems:
        raise SettingsError(problems)
    return tuple(f"--{name}={value}" for name, value in flags.items())


def bind_address(content: Content) -> tuple[str, int]:
    """Return host and port where oauth2-proxy listens.

    Raises:
        ValueError: `arguments` refuses these files.
    """
    found = BIND_ADDRESS_PATTERN.search(content.alpha)
    if found is None:
        raise ValueError("no server.bindAddress")
    return found[1].decode().strip("[]") or "localhost", int(found[2])


def _alpha_problems(path: Path, content: bytes) -> list[str]:
    if not content.strip():
        return [f"{path} is missing or empty"]
    if not BIND_ADDRESS_PATTERN.search(content):
        return [f"{path} has no server.bindAddress with a port; without it oauth2-proxy ends at once and says nothing"]
    return []


def _secret_problems(path: Path, content: bytes) -> list[str]:
    if not content.strip():
        return [f"{path} is missing or empty"]
    if content != content.strip():
        return [f"{path} begins or ends with white space; a newline would become part of the secret"]
    if not all(0x21 <= byte <= 0x7E for byte in content):
        return [f"{path} holds a space or a character outside ASCII"]
    return []


def _parse_flags(content: bytes) -> dict[str, str]:
    document = json.loads(content or b"{}")
    flags = document.get("flags") if isinstance(document, dict) else None
    if not isinstance(flags, dict) or not flags:
        raise ValueError('it must be {"flags": {NAME: VALUE, …}}')
    for name, value in flags.items():
        if not FLAG_PATTERN.fullmatch(name) or not isinstance(value, str):
            raise ValueError(f"{name!r} isn't a flag with a text as value")
    return flags
