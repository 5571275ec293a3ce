"""Server-Sent Events out of bytes, as the HTML standard reads them, with a bound for what one may hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LARGEST_EVENT = 16 * 1024 * 1024
_LINE_END = re.compile(rb"\r\n|\r|\n")


class BrokenStreamError(Exception):
    """What comes isn't a stream of events, or one of them is larger than any that makes sense."""


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event.

    Attributes:
        name: `message` where the stream names none; empty where only the id has changed.
        id: The last one that the stream has named; empty before the first.
    """

    name: str
    data: str
    id: str


def events(chunks: Iterable[bytes]) -> Iterator[ServerSentEvent]:
    """Yield the events of a stream as they are complete; an incomplete one at its end is dropped.

    Lines end only where the standard says so: a line separator of Unicode inside the data stays.

    Raises:
        BrokenStreamError: An event is larger than `LARGEST_EVENT`.
    """
    reader = _Reader()
    for line in _lines(chunks):
        event = reader.line(line)
        if event is not None:
            yield event


class _Reader:
    def __init__(self) -> None:
        self._id = self._told_id = ""
        self._name = ""
        self._data: list[str] = []
        self._size = 0

    def line(self, line: bytes) -> ServerSentEvent | None:
        """Take one line; an empty one completes an event."""
        if not line:
            return self._complete()
        if line.startswith(b":"):
            return None
        field, _, value = line.decode(errors="replace").partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._size += len(line)
            if self._size > LARGEST_EVENT:
                raise BrokenStreamError("an event is too large")
            self._data.append(value)
        elif field == "event":
            self._name = value
        elif field == "id" and "\0" not in value:
            self._id = value
        return None

    def _complete(self) -> ServerSentEvent | None:
        name, data = self._name, self._data
        self._name, self._data, self._size = "", [], 0
        is_news = self._id != self._told_id
        self._told_id = self._id
        if data:
            return ServerSentEvent(name or "message", "\n".join(data), self._id)
        return ServerSentEvent("", "", self._id) if is_news else None


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Split at CRLF, LF and CR; a CR at the end of a chunk may be half of a CRLF."""
    rest = b""
    is_first = True
    for chunk in chunks:
        rest += chunk
        if is_first and len(rest) >= 3:
            rest, is_first = rest.removeprefix(b"\xef\xbb\xbf"), False
        start = 0
        for end in _LINE_END.finditer(rest):
            if end.group() == b"\r" and end.end() == len(rest):
                break
            yield rest[start : end.start()]
            start = end.end()
        rest = rest[start:]
        if len(rest) > LARGEST_EVENT:
            raise BrokenStreamError("a line is too long")
