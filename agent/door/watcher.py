"""Keeps oauth2-proxy running on the current files; a change of them ends every session that they no longer allow."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from pathlib import Path

from agent.door import config
from agent.door.config import Content, DoorFiles
from agent.door.proxy import Proxy
from agent.door.staging import Stage, cookie_key
from agent.errors import SettingsError
from agent.logs import event, problems

log = logging.getLogger("agent.door")


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things take, in seconds.

    Attributes:
        poll: Between two looks at the files. The kubelet swaps a link, which no watch on a file sees.
        reload_stop: How long requests may hold the proxy when the files changed; it counts towards the 10 s
            after which a removed user is out (decision D21).
        final_stop: The same when the pod ends.
        first_delay: Before the first restart after a crash; each further one doubles it.
        longest_delay: The most between two restarts.
        look: Between two looks whether a new proxy answers.
    """

    poll: float = 1.0
    reload_stop: float = 3.0
    final_stop: float = 10.0
    first_delay: float = 0.5
    longest_delay: float = 30.0
    look: float = 0.02


@dataclass(slots=True)
class BackOff:
    """The delay between restarts of a proxy that ends: it grows while each fails to start."""

    timing: Timing
    delay: float = field(init=False)

    def __post_init__(self) -> None:
        self.delay = self.timing.first_delay

    def after_run(self, *, failed: bool) -> float:
        """Return the delay after a run, which failed when it came to nothing."""
        if not failed:
            self.delay = self.timing.first_delay
        delay = self.delay
        self.delay = min(delay * 2, self.timing.longest_delay)
        return delay


class Watcher:
    """Runs the proxy until `stop` is called.

    Args:
        program: oauth2-proxy.
        files: What it is mounted with.
        stage: Where it is run from.
        timing: How long things take.
    """

    def __init__(
        self,
        program: Path,
        files: DoorFiles,
        stage: Stage,
        *,
        timing: Timing | None = None,
    ) -> None:
        self._program = program
        self._files = files
        self._stage = stage
        self._timing = timing or Timing()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End the proxy and `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until stopped.

        Files that become invalid later close the door until they are mended: nobody comes in by an old list.

        Raises:
            SettingsError: The files are invalid at the start.
        """
        content = config.read(self._files)
        config.arguments(self._files, content)
        while not self._stopping.is_set():
            try:
                arguments = config.arguments(self._files, content)
            except SettingsError as error:
                problems(log, error.problems)
                event(log, logging.ERROR, "the door is closed until its files are mended")
                content = await self._changed(content)
            else:
                content = await self._serve(arguments, content)

    async def _serve(self, arguments: tuple[str, ...], content: Content) -> Content:
        """Keep the proxy running on one content of the files; return the next one."""
        back_off = BackOff(self._timing)
        changed = asyncio.create_task(self._changed(content))
        while not changed.done():
            staged = self._stage.place(content)
            proxy = await Proxy.start(self._program, (*staged, *arguments), (*content.secrets, cookie_key(content)))
            event(log, logging.INFO, "oauth2-proxy started", pid=proxy.pid)
            ended = asyncio.create_task(proxy.ended())
            answers = asyncio.create_task(self._answers(config.bind_address(content)))
            await asyncio.wait([changed, ended], return_when=asyncio.FIRST_COMPLETED)
            has_answered = answers.done()
            answers.cancel()
            if ended.done():
                # Whoever kills it may do so before we have seen that it answers.
                was_killed = ended.result() < 0
                delay = back_off.after_run(failed=not (has_answered or was_killed))
                event(log, logging.ERROR, "oauth2-proxy ended by itself", exit_code=ended.result(), retry_seconds=delay)
                await asyncio.wait([changed], timeout=delay)
            else:
                final = self._stopping.is_set()
                event(log, logging.INFO, "stopping oauth2-proxy", reason="shutdown" if final else "its files changed")
                await proxy.stop(self._timing.final_stop if final else self._timing.reload_stop)
                await ended
        return changed.result()

    async def _answers(self, address: tuple[str, int]) -> None:
        """Wait until the proxy accepts connections."""
        while True:
            with contextlib.suppress(OSError):
                _reader, writer = await asyncio.open_connection(*address)
                writer.close()
                return
            await asyncio.sleep(self._timing.look)

    async def _changed(self, content: Content) -> Content:
        """Wait until the files differ from `content`, or the watcher stops; return what they are then."""
        while True:
            try:
                async with asyncio.timeout(self._timing.poll):
                    await self._stopping.wait()
                return content
            except TimeoutError:
                now = await asyncio.to_thread(config.read, self._files)
                if now != content:
                    return now
