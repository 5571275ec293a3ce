"""Claude's own configuration: made so that a session starts without a dialog, and never losing what is in it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agent.claude.program import CREDENTIAL_VARIABLES
from agent.files import read_small, write_atomically
from agent.logs import event

log = logging.getLogger(__name__)

LARGEST_BYTES = 50_000_000
APPROVED_CHARACTERS = 20
"""Claude remembers an approved key by its last characters."""
TRIES = 5
LOCK_SECONDS = 3.0
"""Claude holds its lock for milliseconds while it reads and writes the file."""
STALE_SECONDS = 10.0
"""A lock that nobody has touched for so long was left by a process that is gone; Claude thinks so too."""
LOOK_SECONDS = 0.02
PROVIDER_VARIABLES = ("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY")


class ConfigurationError(OSError):
    """Claude's configuration can't be read or written; nothing was changed."""


def config_directory(home: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of Claude's sessions, transcripts and login."""
    chosen = environment.get("CLAUDE_CONFIG_DIR")
    return Path(chosen) if chosen else home / ".claude"


def config_file(home: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file of Claude's state: trust, approved keys, the account."""
    chosen = environment.get("CLAUDE_CONFIG_DIR")
    return (Path(chosen) if chosen else home) / ".claude.json"


def signed_in(home: Path, environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether Claude has something to sign in with: a key, a token, a cloud provider or a login. Blocks."""
    if any(environment.get(name) for name in (*CREDENTIAL_VARIABLES, *PROVIDER_VARIABLES)):
        return True
    folder = config_directory(home, environment)
    if (folder / ".credentials.json").exists():
        return True
    try:
        state, _ = _read(config_file(home, environment))
        settings, _ = _read(folder / "settings.json")
    except ConfigurationError:
        return False
    variables = _mapping(settings.get("env"))
    return bool(
        state.get("primaryApiKey")
        or state.get("oauthAccount")
        or settings.get("apiKeyHelper")
        or any(variables.get(name) for name in (*CREDENTIAL_VARIABLES, *PROVIDER_VARIABLES))
    )


def seed(home: Path, workdir: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Answer beforehand what Claude would ask at its start: theme, trust in the folder, use of the key. Blocks.

    Everything else in the file stays, also what Claude writes while we do.

    Raises:
        ConfigurationError: The file isn't JSON, or can't be written.
    """
    named = config_file(home, environment)
    # A link, such as into somebody's dotfiles, stays one.
    file = named.resolve()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(named):
        _seed(file, workdir, environment)


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold Claude's own lock of a file: whoever writes without it can undo what the other has just written."""
    lock = file.with_name(f"{file.name}.lock")
    end = time.monotonic() + LOCK_SECONDS
    is_held = False
    while not is_held and time.monotonic() < end:
        try:
            lock.mkdir()
            is_held = True
        except FileExistsError:
            _remove_stale(lock)
            time.sleep(LOOK_SECONDS)
        except OSError:
            # Where no folder can be made, nobody has a lock.
            break
    try:
        yield
    finally:
        if is_held:
            with contextlib.suppress(OSError):
                lock.rmdir()


def _remove_stale(lock: Path) -> None:
    with contextlib.suppress(OSError):
        if time.time() - lock.stat().st_mtime > STALE_SECONDS:
            lock.rmdir()


def _seed(file: Path, workdir: Path, environment: Mapping[str, str]) -> None:
    for _ in range(TRIES):
        state, content = _read(file)
        answered = _answered(state, _trusted(workdir), environment.get("ANTHROPIC_API_KEY"))
        if answered == state:
            return
        try:
            if _content(file) == content:
                write_atomically(file, json.dumps(answered, indent=2, ensure_ascii=False).encode())
                return
        except OSError as error:
            raise ConfigurationError(f"{file} can't be written: {error.strerror}") from error
    event(log, logging.WARNING, "Claude's configuration changes all the time", file=str(file))


def _answered(state: Mapping[str, Any], trusted: str, api_key: str | None) -> dict[str, Any]:
    answered = {"theme": "dark", **state, "hasCompletedOnboarding": True}
    projects = _mapping(state.get("projects"))
    project = _mapping(projects.get(trusted))
    answered["projects"] = {**projects, trusted: {**project, "hasTrustDialogAccepted": True}}
    if api_key:
        answered["customApiKeyResponses"] = _approved(_mapping(state.get("customApiKeyResponses")), api_key)
    return answered


def _approved(responses: Mapping[str, Any], api_key: str) -> dict[str, Any]:
    known = api_key[-APPROVED_CHARACTERS:]
    approved = [entry for entry in _list(responses.get("approved")) if isinstance(entry, str)]
    rejected = [entry for entry in _list(responses.get("rejected")) if entry != known]
    return {**responses, "approved": approved if known in approved else [*approved, known], "rejected": rejected}


def _trusted(workdir: Path) -> str:
    """Return the folder whose trust counts for a working directory: the root of its git repository, else itself."""
    resolved = workdir.resolve()
    for folder in (resolved, *resolved.parents):
        if (folder / ".git").exists():
            return str(folder)
    return str(resolved)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _content(file: Path) -> bytes:
    try:
        return read_small(file, limit=LARGEST_BYTES)
    except FileNotFoundError:
        return b""


def _read(file: Path) -> tuple[dict[str, Any], bytes]:
    try:
        content = _content(file)
        state = json.loads(content) if content.strip() else {}
    except OSError as error:
        raise ConfigurationError(f"{file} can't be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{file} isn't JSON; mend it or move it away") from error
    if not isinstance(state, dict):
        raise ConfigurationError(f"{file} isn't a JSON object; mend it or move it away")
    return state, content
