"""The messages of a task and what became of each, in a file that only grows."""

from __future__ import annotations

import errno
import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.claude.composing import altered_by_claude, same_text
from agent.claude.evidence import Absorbed, Enqueued, Evidence, TakenBack, UserLine
from agent.logs import event
from agent.models import Delivery, Message

log = logging.getLogger(__name__)

FIRST = "first"
OUTSTANDING = frozenset({Delivery.SENDING, Delivery.QUEUED, Delivery.UNKNOWN})
"""What a receipt can still change: a message of which nothing was known may turn up late."""


class Messages:
    """The messages of one task, oldest first, matched with the transcript's receipts.

    Args:
        file: Where they are kept, one JSON object a line: a message, or a change of one.
        changed: Told of every message that is new or has changed.
        now: The clock, in Unix seconds.
    """

    def __init__(self, file: Path, *, changed: Callable[[Message], None], now: Callable[[], float] = time.time) -> None:
        self._file = file
        self._changed = changed
        self._now = now
        self._messages: dict[str, Message] = {}
        self._load()

    def all(self) -> tuple[Message, ...]:
        """Return every message as it is now."""
        return tuple(self._messages.values())

    def get(self, message_id: str) -> Message:
        """Return one message as it is now."""
        return self._messages[message_id]

    def queued(self) -> int:
        """Return how many messages wait inside Claude."""
        return sum(1 for message in self._messages.values() if message.delivery is Delivery.QUEUED)

    def add(self, message: Message) -> Message:
        """Record a new message.

        Raises:
            OSError: The disk is full or broken; nothing may be sent then.
        """
        self._append(message.model_dump(mode="json", exclude_none=True), sync=True)
        self._messages[message.message_id] = message
        self._changed(message)
        return message

    def update(
        self, message_id: str, delivery: Delivery, reason: str | None = None, *, altered: tuple[str, ...] = ()
    ) -> Message:
        """Note what became of a message."""
        before = self._messages[message_id]
        delivered_at = self._now() if delivery is Delivery.DELIVERED else None
        told = (*before.altered, *(each for each in altered if each not in before.altered))
        changes = {"delivery": delivery, "reason": reason, "delivered_at": delivered_at, "altered": told}
        after = before.model_copy(update=changes)
        if after == before:
            return before
        self._messages[message_id] = after
        try:
            self._append({"message_id": message_id, **changes}, sync=False)
        except OSError as error:
            # The transcript tells it again after a restart.
            event(log, logging.ERROR, "what became of a message can't be recorded", reason=error.strerror)
        self._changed(after)
        return after

    def observe(self, evidence: Evidence) -> None:
        """Match a receipt of the transcript with the oldest message that has its text and waits for one."""
        match evidence:
            case Enqueued(text=text):
                self._receipt(text, {Delivery.SENDING, Delivery.UNKNOWN}, Delivery.QUEUED)
            case UserLine(text=text) | Absorbed(text=text):
                self._receipt(text, OUTSTANDING, Delivery.DELIVERED)
            case TakenBack(text=text):
                self._receipt(text, {Delivery.QUEUED}, Delivery.TAKEN_BACK, "somebody took it back into the composer")
            case _:
                pass

    def give_up(self, reason: str) -> None:
        """Say of everything that still waits that nobody knows: the session has ended, or can't be watched."""
        for message in self.all():
            if message.delivery in (Delivery.SENDING, Delivery.QUEUED):
                self.update(message.message_id, Delivery.UNKNOWN, reason)

    def _receipt(
        self, text: str, waiting: set[Delivery] | frozenset[Delivery], outcome: Delivery, reason: str | None = None
    ) -> None:
        for message in self._messages.values():
            if message.delivery in waiting and same_text(message.prompt, text):
                altered = altered_by_claude(message.prompt, text)
                self.update(message.message_id, outcome, reason, altered=altered)
                return

    def _load(self) -> None:
        try:
            lines = self._file.read_text(errors="replace").splitlines(keepends=True)
        except FileNotFoundError:
            return
        for line in lines:
            # A last line without its end is what a kill left.
            if line.endswith("\n"):
                self._replay(line)

    def _replay(self, line: str) -> None:
        try:
            entry = json.loads(line)
            known = self._messages.get(entry["message_id"])
            message = Message.model_validate({**(known.model_dump() if known else {}), **entry})
        except (ValueError, KeyError, TypeError):
            event(log, logging.ERROR, "a line of the messages' file is damaged", file=str(self._file))
            return
        self._messages[message.message_id] = message

    def _append(self, entry: dict[str, Any], *, sync: bool) -> None:
        content = json.dumps(entry).encode() + b"\n"
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            end = os.lseek(descriptor, 0, os.SEEK_END)
            if end and os.pread(descriptor, 1, end - 1) != b"\n":
                content = b"\n" + content
            written = os.write(descriptor, content)
            if written < len(content):
                os.ftruncate(descriptor, end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
