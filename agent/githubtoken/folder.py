"""The memory volume that git and gh read: the token, what is known of it, and the daemon's heartbeat."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import datetime
from pathlib import Path

from agent.files import write_atomically
from agent.githubtoken.exchange import InstallationToken

ALIVE_SECONDS = 180


class Folder:
    """The files of the memory volume; each is replaced atomically, mode 0600.

    Attributes:
        token_file: The bare token; absent when there is no valid one.
        state_file: JSON for people and programs, without the token.
    """

    def __init__(self, directory: Path) -> None:
        self.token_file = directory / "token"
        self.state_file = directory / "state.json"
        self._heartbeat = directory / "heartbeat"

    def store(self, token: InstallationToken, *, now: datetime) -> None:
        """Keep a new token."""
        write_atomically(self.token_file, token.token.encode())
        self._write_state(expires_at=token.expires_at, refreshed_at=now)

    def note_failure(self, error: str, *, now: datetime, valid_until: datetime | None) -> None:
        """Keep what went wrong; a token that has ended goes, so that nobody sends it."""
        if valid_until is None or valid_until <= now:
            with contextlib.suppress(FileNotFoundError):
                self.token_file.unlink()
            valid_until = None
        self._write_state(expires_at=valid_until, last_error=error, last_error_at=now)

    def _write_state(self, **values: datetime | str | None) -> None:
        state = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in values.items()}
        write_atomically(self.state_file, json.dumps(state).encode())

    def beat(self) -> None:
        """Tell that the daemon's loop turns."""
        self._heartbeat.touch(mode=0o600)

    def is_alive(self) -> bool:
        """Tell whether the loop turned lately."""
        try:
            return time.time() - self._heartbeat.stat().st_mtime < ALIVE_SECONDS
        except OSError:
            return False
