"""The person at the terminal: lines that are typed while events come, and a question that stays below them."""

from __future__ import annotations

import os
import select
import sys
import termios
from typing import Protocol

from kubecoder.output import Printer

CHUNK = 4096


class Readable(Protocol):
    """Something that `poll` can wait for."""

    def fileno(self) -> int:
        """Return the descriptor."""
        ...


class Keyboard:
    """The lines that a person types on stdin, which must be a terminal."""

    def __init__(self) -> None:
        self._descriptor = sys.stdin.fileno()
        self._typed = b""
        self.has_ended = False

    def forget(self) -> None:
        """Drop what was typed before a question was there to be read: it can't be the answer to it."""
        termios.tcflush(self._descriptor, termios.TCIFLUSH)
        self._typed = b""

    def wait(self, other: Readable, timeout: float | None) -> bool:
        """Wait for a line, for something else, or for the time; tell whether there is a line."""
        if b"\n" in self._typed:
            return True
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        poll.register(other, select.POLLIN)
        ready = dict(poll.poll(None if timeout is None else max(0.0, timeout) * 1000))
        if self._descriptor not in ready:
            return False
        data = os.read(self._descriptor, CHUNK)
        self._typed += data
        self.has_ended = not data
        return self.has_ended or b"\n" in self._typed

    def line(self) -> str | None:
        """Return the next line that was typed; None at the end of the input."""
        line, found, self._typed = self._typed.partition(b"\n")
        return line.decode(errors="replace") if found else None


class Screen:
    """Text above, and at its end perhaps a question that waits for a line."""

    def __init__(self) -> None:
        self._printer = Printer()
        self._has_question = False

    def write(self, text: str) -> None:
        """Write text; a question that stands there must be asked again."""
        if self._has_question:
            self._printer.text("\n")
            self._has_question = False
        self._printer.text(text)

    def ask(self, question: str) -> None:
        """Write a question, unless it stands there already."""
        if not self._has_question:
            self._printer.text(question)
            self._has_question = bool(question)

    def entered(self) -> None:
        """Note that the person has ended the question's line."""
        self._has_question = False
