"""The folder of a task's requests for a person's decision: a file each, replaced as a whole."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.files import read_small, write_atomically
from agent.logs import event
from agent.models import Permission, RequestState

log = logging.getLogger(__name__)

REQUEST_ID_PATTERN = re.compile(r"[0-9a-f]{8,64}")
ENTRY_BYTES = 100_000_000
KEPT_CHARACTERS = 2000
"""Of each text in the input of a request that is over."""


class Entry(BaseModel):
    """A request as it is kept.

    Attributes:
        permission: What clients see.
        digest: Of the tool's whole input.
        document: What the hook prints, from the moment that somebody has answered by the API.
        is_handed: Whether the hook may have got that.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    permission: Permission
    digest: str
    document: Mapping[str, Any] | None = None
    is_handed: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing changes any more."""
        return self.permission.state in (RequestState.ANSWERED, RequestState.EXPIRED)

    def changed(self, *, is_handed: bool | None = None, **changes: Any) -> Entry:
        """Return the entry with another permission; one that is over keeps only what is worth reading."""
        permission = self.permission.model_copy(update=changes)
        fields: dict[str, Any] = {"permission": permission}
        if is_handed is not None:
            fields["is_handed"] = is_handed
        if permission.state in (RequestState.ANSWERED, RequestState.EXPIRED):
            shortened = permission.model_copy(update={"tool_input": _shortened(permission.tool_input)})
            fields |= {"permission": shortened, "document": None}
        return self.model_copy(update=fields)


class RequestFolder:
    """Keeps the requests of one task; each method blocks on the disk.

    Args:
        directory: Where the files are.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self) -> dict[str, Entry]:
        """Return every readable request, oldest first; one that isn't is told in the log."""
        entries = sorted(self._entries(), key=lambda entry: entry.permission.requested_at)
        return {entry.permission.request_id: entry for entry in entries}

    def _entries(self) -> Iterator[Entry]:
        try:
            files = [file for file in self._directory.iterdir() if REQUEST_ID_PATTERN.fullmatch(file.stem)]
        except FileNotFoundError:
            return
        for file in files:
            try:
                yield Entry.model_validate_json(read_small(file, limit=ENTRY_BYTES))
            except (OSError, ValidationError) as error:
                kind = type(error).__name__
                event(log, logging.ERROR, "a request can't be read", folder=str(self._directory), reason=kind)

    def save(self, entry: Entry) -> None:
        """Replace a request.

        Raises:
            OSError: The disk is full or broken; what was there is kept.
        """
        self._directory.mkdir(mode=0o700, exist_ok=True)
        write_atomically(self._file(entry.permission.request_id), entry.model_dump_json(exclude_none=True).encode())

    def remove(self, request_id: str) -> None:
        """Forget a request.

        Raises:
            OSError: It can't be removed.
        """
        self._file(request_id).unlink(missing_ok=True)

    def _file(self, request_id: str) -> Path:
        assert REQUEST_ID_PATTERN.fullmatch(request_id)
        return self._directory / f"{request_id}.json"


class RequestWriter:
    """Writes requests one after another, each as it is when its turn comes, so that the newest is written last.

    Args:
        folder: Where to.
        current: Returns a request as it is; None for one that is forgotten.
    """

    def __init__(self, folder: RequestFolder, current: Callable[[str], Entry | None]) -> None:
        self._folder = folder
        self._current = current
        self._turn = asyncio.Lock()

    async def write(self, request_id: str) -> None:
        """Write a request, or remove the file of one that is forgotten; a disk that takes nothing is told in the log.

        A full disk keeps nobody from allowing and denying: the hook alone sees to it that it happens once.
        """
        async with self._turn:
            entry = self._current(request_id)
            try:
                if entry is None:
                    await asyncio.to_thread(self._folder.remove, request_id)
                else:
                    await asyncio.to_thread(self._folder.save, entry)
            except OSError as error:
                event(log, logging.ERROR, "a request can't be recorded", request=request_id, reason=error.strerror)


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= KEPT_CHARACTERS else f"{value[:KEPT_CHARACTERS]}…"
    if isinstance(value, Mapping):
        return {key: _shortened(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_shortened(each) for each in value]
    return value
