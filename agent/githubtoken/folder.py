"""The memory volume that git and gh read: the token, what is known of it, and the daemon's heartbeat."""

from __future__ import annotations

import contextlib
import json
import time
from datetime import UTC, datetime
from pathlib import Path

from agent.files import read_small, write_atomically
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

    def note_failure(self, error: str, *, now: datetime) -> None:
        """Keep what went wrong beside when it last went well; a token that has ended goes, so that nobody sends it."""
        before = self._read_state()
        expires_at = before.get("expires_at")
        if expires_at is None or expires_at <= now:
            with contextlib.suppress(FileNotFoundError):
                self.token_file.unlink()
            expires_at = None
        refreshed_at = before.get("refreshed_at")
        self._write_state(expires_at=expires_at, refreshed_at=refreshed_at, last_error=error, last_error_at=now)

    def _read_state(self) -> dict[str, datetime]:
        """Return the times of the state; it may be that of a container before this one, or none."""
        try:
            state = json.loads(read_small(self.state_file))
            times = {key: state[key] for key in ("expires_at", "refreshed_at") if state.get(key)}
            return {key: datetime.fromisoformat(time).astimezone(UTC) for key, time in times.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

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
