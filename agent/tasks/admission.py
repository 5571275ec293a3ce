"""Check what a client asks for before a task is made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from agent.claude import composing
from agent.errors import DiskFullError, InvalidBodyError, RefusedPromptError
from agent.models import PermissionMode, TaskBody
from agent.tasks.store import Store

FREE_BYTES = 64 * 1024**2
"""What must be free on the home for a new task, so that running ones can keep their records."""
LONGEST_KEY = 200


def working_directory(asked: str | None, home: Path) -> Path:
    """Return the folder that a task runs in: the home, a folder below it, or an absolute path.

    Raises:
        InvalidBodyError: It isn't a folder that can be entered.
    """
    if asked and ("\0" in asked or "\n" in asked):
        raise InvalidBodyError("workdir: a path has no control characters")
    chosen = home / (asked or "")
    try:
        resolved = chosen.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "links lead in a circle"
        raise InvalidBodyError(f"workdir: {asked} can't be used: {reason}", hint=f"{home} is the home") from error
    if not resolved.is_dir():
        raise InvalidBodyError(f"workdir: {asked} isn't a folder")
    return resolved


def check_mode(mode: PermissionMode, allowed: Collection[PermissionMode]) -> None:
    """Refuse a permission mode that this workspace doesn't admit.

    Raises:
        InvalidBodyError: It isn't among the allowed ones.
    """
    if mode not in allowed:
        raise InvalidBodyError(
            f"permission_mode: {mode} isn't admitted here",
            hint=f"one of {', '.join(allowed)}; the admin's claude.allowedPermissionModes decides",
        )


def check_prompt(prompt: str, *, allow_commands: bool) -> None:
    """Refuse a first prompt that would be a command to Claude's terminal.

    Raises:
        RefusedPromptError: It would be one, and that wasn't asked for.
    """
    try:
        composing.prepare_first(prompt, allow_commands=allow_commands)
    except composing.RefusedTextError as error:
        raise RefusedPromptError(
            f"prompt: {error}", hint="send allow_commands: true where a command is meant"
        ) from error


def check_space(store: Store) -> None:
    """Refuse a task that a nearly full disk has no room for; blocks.

    Raises:
        DiskFullError: There is too little room, or the volume doesn't answer.
    """
    try:
        free = store.free_bytes()
    except OSError as error:
        raise DiskFullError(f"the home can't be written: {error.strerror}") from error
    if free < FREE_BYTES:
        raise DiskFullError(
            f"the home has {free // 1024**2} MiB left, a new task needs {FREE_BYTES // 1024**2}",
            hint="delete something, or let the admin raise user.pvcSize",
        )


def key_digest(key: str | None) -> str | None:
    """Return what is recorded of an idempotency key.

    Raises:
        InvalidBodyError: It is empty or too long.
    """
    if key is None:
        return None
    if not key.strip() or len(key) > LONGEST_KEY:
        raise InvalidBodyError(f"Idempotency-Key: 1 to {LONGEST_KEY} characters")
    return hashlib.sha256(key.encode()).hexdigest()


def body_digest(body: TaskBody) -> str:
    """Return a digest by which two bodies are known as the same."""
    return hashlib.sha256(body.model_dump_json().encode()).hexdigest()
