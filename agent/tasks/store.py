"""The folder of all tasks: `tasks/<id>/` with the record, the prompt, the terminal's output and each launch's files."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from agent.files import read_small, write_atomically
from agent.logs import event
from agent.tasks.records import Record
from agent.tasks.requestfolder import RequestFolder

log = logging.getLogger(__name__)

TASK_ID_PATTERN = re.compile(r"[0-9]{1,12}-[0-9a-f]{8}")
RECORD_BYTES = 1_000_000
LARGEST_PROMPT_BYTES = 10_000_000


class Store:
    """Keeps the records of tasks; each method blocks on the disk.

    Args:
        directory: Where the tasks' folders are.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def folder(self, task_id: str) -> Path:
        """Return the folder of a task, whether it is there or not."""
        assert TASK_ID_PATTERN.fullmatch(task_id)
        return self._directory / task_id

    def output_file(self, task_id: str) -> Path:
        """Return the file of everything that the terminal printed."""
        return self.folder(task_id) / "output.log"

    def messages_file(self, task_id: str) -> Path:
        """Return the file of the messages and what became of them."""
        return self.folder(task_id) / "messages.jsonl"

    def requests(self, task_id: str) -> RequestFolder:
        """Return the folder of the requests for a person's decision."""
        return RequestFolder(self.folder(task_id) / "permissions")

    def launch_folder(self, task_id: str, launch_id: str) -> Path:
        """Return the folder of a launch's files."""
        return self.folder(task_id) / "launches" / launch_id

    def create(self, record: Record, prompt: str) -> None:
        """Record a new task; nothing is left of one that can't be written.

        Raises:
            OSError: The disk is full or broken.
        """
        folder = self.folder(record.task_id)
        folder.mkdir(mode=0o700, parents=True)
        try:
            write_atomically(folder / "prompt.txt", prompt.encode())
            self.save(record)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def save(self, record: Record) -> None:
        """Replace a record.

        Raises:
            OSError: The disk is full or broken; the record before is kept.
        """
        content = record.model_dump_json(exclude_none=True).encode()
        write_atomically(self.folder(record.task_id) / "task.json", content)

    def prompt(self, task_id: str) -> str:
        """Return the whole prompt of a task; empty when its file is gone."""
        try:
            return read_small(self.folder(task_id) / "prompt.txt", limit=LARGEST_PROMPT_BYTES).decode()
        except (OSError, UnicodeDecodeError) as error:
            event(log, logging.WARNING, "a task's prompt can't be read", task=task_id, reason=str(error))
            return ""

    def keep_resume_prompt(self, task_id: str, prompt: str | None) -> None:
        """Keep what a task goes on with when its turn has come; None waits for a message.

        Raises:
            OSError: The disk is full or broken.
        """
        file = self.folder(task_id) / "resume-prompt.txt"
        if prompt is None:
            file.unlink(missing_ok=True)
        else:
            write_atomically(file, prompt.encode())

    def resume_prompt(self, task_id: str) -> str | None:
        """Return what a task goes on with."""
        try:
            return read_small(self.folder(task_id) / "resume-prompt.txt", limit=LARGEST_PROMPT_BYTES).decode()
        except FileNotFoundError:
            return None

    def load(self) -> Iterator[Record]:
        """Yield every readable record; one that isn't is told in the log and left alone.

        What a kill left of a task that nobody was told of yet, or that was being forgotten, goes.
        """
        for folder in self._folders():
            if not (folder / "task.json").exists():
                shutil.rmtree(folder, ignore_errors=True)
                continue
            try:
                record = Record.model_validate_json(read_small(folder / "task.json", limit=RECORD_BYTES))
            except (OSError, ValidationError) as error:
                kind = type(error).__name__
                event(log, logging.ERROR, "a task's record can't be read", folder=folder.name, reason=kind)
                continue
            if record.task_id == folder.name:
                yield record

    def _folders(self) -> list[Path]:
        try:
            entries = sorted(self._directory.iterdir())
        except FileNotFoundError:
            return []
        return [entry for entry in entries if TASK_ID_PATTERN.fullmatch(entry.name) and entry.is_dir()]

    def remove(self, task_id: str) -> None:
        """Forget a task and everything that it printed."""
        # First, so that what a kill in between leaves is no task.
        (self.folder(task_id) / "task.json").unlink(missing_ok=True)
        shutil.rmtree(self.folder(task_id), ignore_errors=True)

    def free_bytes(self) -> int:
        """Return how much an ordinary user can still write here.

        Raises:
            OSError: The volume doesn't answer.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = os.statvfs(self._directory)
        return found.f_bavail * found.f_frsize
