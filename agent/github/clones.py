"""The clones of a workspace: begun, followed, cancelled, and told for as long as this agent runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.errors import CloneNotFoundError, FolderExistsError, InvalidBodyError, QueueFullError, UnavailableError
from agent.github.gitclone import CloneFailedError, clone
from agent.logs import event
from agent.models import Clone, CloneBody, CloneList

log = logging.getLogger(__name__)

MOST_RUNNING = 4
KEPT = 20
SECONDS = 3600.0

Told = Callable[[Clone], Awaitable[None]]


@dataclass(slots=True)
class _Job:
    """A clone as it is told, and what runs it."""

    clone: Clone
    task: asyncio.Task[None] | None = None
    is_cancelled: bool = False

    def note(self, **values: Any) -> None:
        self.clone = self.clone.model_copy(update=values)


class Clones:
    """All clones of one agent.

    Args:
        home: Where they go.
        seconds: One that takes longer is given up.
    """

    def __init__(self, home: Path, *, seconds: float = SECONDS) -> None:
        self._home = home
        self._seconds = seconds
        self._jobs: dict[str, _Job] = {}

    def list(self) -> CloneList:
        """Return the newest first."""
        return CloneList(clones=tuple(job.clone for job in reversed(self._jobs.values())))

    async def start(self, body: CloneBody, *, told: Told) -> Clone:
        """Begin a clone.

        Args:
            body: From where to where.
            told: Called before git begins, and when it is done, failed or cancelled.

        Raises:
            FolderExistsError: Something is there already.
            InvalidBodyError: The folder would be outside of the home.
            QueueFullError: Too many run.
            UnavailableError: The home can't be written.
        """
        if sum(job.clone.state == "running" for job in self._jobs.values()) >= MOST_RUNNING:
            raise QueueFullError(f"{MOST_RUNNING} clones run already", hint="wait for one of them, or cancel it")
        job = _Job(
            Clone(
                clone_id=secrets.token_hex(8),
                url=body.url,
                folder=body.folder,
                state="running",
                started_at=datetime.now(UTC),
            )
        )
        # Before anything is awaited, so that no two requests get past the limit.
        self._jobs[job.clone.clone_id] = job
        try:
            destination = await asyncio.to_thread(claim, self._home, body.folder)
        except BaseException:
            del self._jobs[job.clone.clone_id]
            raise
        await told(job.clone)
        job.task = asyncio.create_task(self._run(job, destination, told))
        self._forget()
        return job.clone

    async def cancel(self, clone_id: str) -> Clone:
        """End a clone and remove what it brought; one that has ended stays as it is.

        Raises:
            CloneNotFoundError: There is none of this id.
        """
        job = self._jobs.get(clone_id)
        if job is None:
            raise CloneNotFoundError("no clone has this id")
        await self._end(job)
        return job.clone

    async def end(self) -> None:
        """End all at the agent's end: nobody would tell what became of them."""
        await asyncio.gather(*(self._end(job) for job in self._jobs.values()))

    async def _end(self, job: _Job) -> None:
        if job.task is None or job.task.done():
            return
        if not job.is_cancelled:
            job.is_cancelled = True
            job.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(asyncio.wait([job.task]))

    async def _run(self, job: _Job, destination: Path, told: Told) -> None:
        def tell(phase: str, percent: int) -> None:
            job.note(phase=phase, percent=percent)

        outcome: dict[str, Any] = {"state": "done"}
        try:
            await clone(self._home, job.clone.url, destination, seconds=self._seconds, progress=tell)
        except asyncio.CancelledError:
            outcome = {"state": "cancelled"}
        except (CloneFailedError, UnavailableError) as error:
            outcome = {"state": "failed", "error": str(error), "hint": error.hint}
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for it for ever
            event(log, logging.ERROR, "a clone broke", reason=type(error).__name__)
            outcome = {"state": "failed", "error": "the agent couldn't follow git", "hint": "clone it in the terminal"}
        if outcome["state"] != "done":
            # What git left for a person to look at stays: a checkout that failed after all was fetched.
            with contextlib.suppress(OSError):
                await asyncio.to_thread(destination.rmdir)
        job.note(**outcome, phase="", percent=None, ended_at=datetime.now(UTC))
        await told(job.clone)

    def _forget(self) -> None:
        over = [name for name, job in self._jobs.items() if job.clone.state != "running"]
        for name in over[: max(0, len(self._jobs) - KEPT)]:
            del self._jobs[name]


def claim(home: Path, folder: str) -> Path:
    """Make the folder of a clone, which nothing else has then.

    Raises:
        FolderExistsError: Something is there already, even an empty folder.
        InvalidBodyError: A link on the way leads out of the home.
        UnavailableError: The home can't be written.
    """
    try:
        parent = (home / folder).parent
        if not parent.resolve().is_relative_to(home.resolve()):
            raise InvalidBodyError("folder: a link on the way leads out of the home")
        parent.mkdir(parents=True, exist_ok=True)
        destination = parent.resolve() / Path(folder).name
        destination.mkdir()
    except (FileExistsError, NotADirectoryError) as error:
        raise FolderExistsError(f"{folder} is there already", hint="choose another folder, or move it away") from error
    except OSError as error:
        raise UnavailableError(f"the home can't be written: {error.strerror}") from error
    return destination
