"""Changes of objects as the API server reports them: one streamed answer, closable from any thread."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from kubecoder.cluster.failures import api_error
from kubecoder.cluster.stream import BrokenConnectionError, Stream
from kubecoder.models.manifest import Manifest

IDLE_SECONDS = 150.0
"""Bookmarks come about once a minute; a watch that was silent for this long is taken for dead."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One change.

    Attributes:
        type: `ADDED`, `MODIFIED` or `DELETED`; bookmarks are used up here and never shown.
        object: The object after the change (before it, when deleted).
    """

    type: str
    object: Manifest


class Watch:
    """The events of one watch request, as an iterator.

    The iteration ends when the server ends the stream, when the connection breaks or stays silent, and after `close`:
    go on with a new watch from `resource_version`. An answer 410 (reason `Expired` or `Gone`) is raised as `ApiError`,
    from the start or in the middle: list again, then watch from the list's version.

    Args:
        stream: The answer, one JSON document a line.
        resource_version: Where the watch starts.
        subject: What is watched, for errors.
    """

    def __init__(self, stream: Stream, *, resource_version: str, subject: str) -> None:
        self._stream = stream
        self._subject = subject
        self.resource_version = resource_version

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the watch; a thread that waits for the next event sees the iteration end."""
        self._stream.close()

    def __iter__(self) -> Iterator[WatchEvent]:
        try:
            for line in self._stream.lines():
                event = self._event(line)
                if event is not None:
                    yield event
        except BrokenConnectionError:
            return
        finally:
            self.close()

    def _event(self, line: bytes) -> WatchEvent | None:
        try:
            document: dict[str, Any] = json.loads(line)
        except ValueError:  # a connection that broke in the middle of an event
            return None
        found = document["object"]
        if document["type"] == "ERROR":
            raise api_error(int(found.get("code") or 500), found, subject=self._subject)
        self.resource_version = found["metadata"]["resourceVersion"]
        return None if document["type"] == "BOOKMARK" else WatchEvent(document["type"], found)
