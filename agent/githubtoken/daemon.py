"""The loop: renews the token when it is due, when a renewal failed, and when the App's files change."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.errors import SettingsError
from agent.githubtoken import app as github_app
from agent.githubtoken.app import GithubApp
from agent.githubtoken.exchange import Exchange, ExchangeError, InstallationToken
from agent.githubtoken.folder import Folder
from agent.githubtoken.schedule import Retries, refresh_delay
from agent.logs import event

log = logging.getLogger("agent.githubtoken")

TICK_SECONDS = 5.0


def _now() -> datetime:
    return datetime.now(UTC)


class Daemon:
    """Keeps the token fresh until `stop` is called; no failure ends it.

    The wall clock is looked at every tick instead of sleeping until the next renewal:
    a node that was suspended doesn't wake up with an hour to sleep.
    """

    def __init__(
        self,
        *,
        config_file: Path,
        key_file: Path,
        folder: Folder,
        exchange: Exchange,
        now: Callable[[], datetime] = _now,
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        self._config_file = config_file
        self._key_file = key_file
        self._folder = folder
        self._exchange = exchange
        self._now = now
        self._tick_seconds = tick_seconds
        self._stopping = asyncio.Event()
        self._retries = Retries()
        self._due_at = now()
        self._last_app: GithubApp | None = None

    def stop(self) -> None:
        """End `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Renew until stopped."""
        while not self._stopping.is_set():
            await self.turn()
            try:
                async with asyncio.timeout(self._tick_seconds):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    async def turn(self) -> None:
        """Do what is due now."""
        self._folder.beat()
        try:
            app = github_app.load(self._config_file, self._key_file)
            if app != self._last_app:
                self._last_app = app
                self._retries.reset()
                self._due_at = self._now()
            if self._now() >= self._due_at:
                self._renewed(await self._exchange.request(app))
        except (ExchangeError, SettingsError, OSError) as error:
            self._failed(error)

    def _renewed(self, token: InstallationToken) -> None:
        now = self._now()
        self._folder.store(token, now=now)
        self._retries.reset()
        delay = refresh_delay((token.expires_at - now).total_seconds())
        self._due_at = now + timedelta(seconds=delay)
        event(log, logging.INFO, "the token was renewed", expires_at=token.expires_at, next_seconds=round(delay))

    def _failed(self, error: Exception) -> None:
        now = self._now()
        if now < self._due_at:
            return
        delay = self._retries.next_delay(getattr(error, "retry_after", 0), random.random())  # noqa: S311 - no secret
        self._due_at = now + timedelta(seconds=delay)
        event(log, logging.ERROR, "the token wasn't renewed", reason=str(error), retry_seconds=round(delay, 1))
        try:
            self._folder.note_failure(str(error), now=now)
        except OSError as second:
            event(log, logging.ERROR, "the state can't be written", reason=second.strerror)
