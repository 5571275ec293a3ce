"""One run of oauth2-proxy: started, its output logged without secrets, ended within a bound."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path

from agent.logs import event

log = logging.getLogger("oauth2-proxy")

QUERY_PATTERN = re.compile(r"\?[^\s\"]*")
LONGEST_LINE_BYTES = 64 * 1024


class Proxy:
    """A running oauth2-proxy; made by `start`."""

    def __init__(self, process: asyncio.subprocess.Process, secrets: Sequence[bytes]) -> None:
        self._process = process
        self._secrets = tuple(secret.decode("latin-1") for secret in secrets)
        self._relay = asyncio.create_task(self._relay_output())

    @classmethod
    async def start(cls, program: Path, arguments: Sequence[str], secrets: Sequence[bytes]) -> Proxy:
        """Start the program.

        Raises:
            OSError: It can't be executed.
        """
        # The proxy also takes settings from its environment, which nobody would look for.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OAUTH2_PROXY_")}
        process = await asyncio.create_subprocess_exec(
            str(program),
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
            limit=LONGEST_LINE_BYTES,
        )
        return cls(process, secrets)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def ended(self) -> int:
        """Wait for its end and return the exit code, negative for a signal."""
        code = await self._process.wait()
        await self._relay
        return code

    async def stop(self, seconds: float) -> None:
        """End it: SIGTERM cuts WebSockets at once, but an open stream holds it for ever, so SIGKILL follows."""
        for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
            try:
                await asyncio.wait_for(self._process.wait(), patience)
                break
            except TimeoutError:
                event(log, logging.WARNING, "a request still runs; ending the proxy now", seconds=seconds)
        await self._relay

    async def _relay_output(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while True:
            try:
                line = await stream.readline()
            except ValueError:
                # Longer than the limit; what follows is a line again.
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            if text:
                event(log, logging.INFO, self._clean(text))

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return QUERY_PATTERN.sub("?…", text)
