"""Whether the workspace can really serve: each check tries the thing itself."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from agent.access.admission import read_allow_list
from agent.access.tokens import Tokens
from agent.errors import UnavailableError
from agent.models import Check, Readiness
from agent.settings import Settings

CHECK_SECONDS = 3.0
FRESH_SECONDS = 1.0
# A full disk is the user's to clean up, which needs the workspace: it stays ready.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
T = TypeVar("T")


class Prober:
    """Runs the checks, one run at a time; a result serves everybody who asks within `FRESH_SECONDS`.

    The checks that touch the home have a thread of their own: a volume that hangs
    holds this one thread and nothing else.
    """

    def __init__(self, settings: Settings, tokens: Tokens) -> None:
        self._settings = settings
        self._tokens = tokens
        self._home_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="home-check")
        self._lock = asyncio.Lock()
        self._result: Readiness | None = None
        self._taken_at = 0.0

    async def probe(self) -> Readiness:
        """Return whether the workspace is ready; a check that hangs counts as failed."""
        async with self._lock:
            if self._result is None or time.monotonic() - self._taken_at > FRESH_SECONDS:
                self._result = await self._run_all()
                self._taken_at = time.monotonic()
            return self._result

    async def _run_all(self) -> Readiness:
        settings, tokens = self._settings, self._tokens
        checks = await asyncio.gather(
            _check("home", self._on_home(_home, settings.state_directory)),
            _check("user-token", self._on_home(_user_token, tokens)),
            _check("session-socket", _session_socket(settings.session_socket)),
            _check("allow-list", asyncio.to_thread(_allow_list, settings.admission_file)),
            _check("admin-token", asyncio.to_thread(_admin_token, tokens)),
        )
        return Readiness(ready=all(check.ok for check in checks), checks=tuple(checks))

    def _on_home(self, function: Callable[[T], str], argument: T) -> Awaitable[str]:
        return asyncio.get_running_loop().run_in_executor(self._home_thread, function, argument)


async def _check(name: str, answer: Awaitable[str]) -> Check:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            reason = await answer
    except TimeoutError:
        reason = f"no answer within {CHECK_SECONDS:.0f} s"
    return Check(name=name, ok=not reason, reason=reason)


def _home(directory: Path) -> str:
    probe_file = directory / f".ready-{secrets.token_hex(4)}"
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        probe_file.write_bytes(b"ready")
    except OSError as error:
        if error.errno not in FULL:
            return f"the home can't be written: {os.strerror(error.errno or 0)}"
    finally:
        with contextlib.suppress(OSError):
            probe_file.unlink()
    return ""


async def _session_socket(path: Path) -> str:
    try:
        _reader, writer = await asyncio.open_unix_connection(str(path))
    except OSError as error:
        return f"the session socket doesn't answer: {os.strerror(error.errno or 0)}"
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return ""


def _allow_list(path: Path) -> str:
    try:
        read_allow_list(path)
    except UnavailableError:
        return "the allow-list is missing, malformed or empty"
    return ""


def _admin_token(tokens: Tokens) -> str:
    return "" if tokens.has_admin_token() else "the admin's token is missing or too short"


def _user_token(tokens: Tokens) -> str:
    try:
        tokens.user_token()
    except UnavailableError:
        return "the user's token is missing"
    return ""
