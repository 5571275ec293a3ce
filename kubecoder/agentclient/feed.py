"""Events taken from a thread of their own, so that a person's keyboard and a deadline can be waited for besides."""

from __future__ import annotations

import os
import queue
import select
import threading
from types import TracebackType
from typing import Self

from agent.models import TaskEvent
from kubecoder.agentclient.events import EventStream

BACKLOG = 1000
"""More than these wait in the connection, and at last in the agent, which then tells of a gap."""
ROOM_SECONDS = 0.2
JOIN_SECONDS = 2.0


class Feed:
    """Reads a stream in a thread of its own; a context manager.

    Args:
        stream: What to read; closed at the end of the block.
    """

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream
        self._items: queue.Queue[TaskEvent | Exception] = queue.Queue(BACKLOG)
        self._readable, self._writable = os.pipe()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kubecoder-events", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def fileno(self) -> int:
        """Return a descriptor that is readable while an event waits."""
        return self._readable

    def take(self, timeout: float | None = None) -> TaskEvent | None:
        """Return the next event; None when none came in time.

        Args:
            timeout: Seconds; None waits for ever.

        Raises:
            KubecoderError: Why there are no more.
        """
        poll = select.poll()
        poll.register(self._readable, select.POLLIN)
        if not poll.poll(None if timeout is None else max(0.0, timeout) * 1000):
            return None
        os.read(self._readable, 1)
        item = self._items.get()
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        """End the thread and the stream."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._stream.close()
        self._thread.join(JOIN_SECONDS)
        if not self._thread.is_alive():  # else it ends with the process, and may still write
            os.close(self._readable)
            os.close(self._writable)

    def _run(self) -> None:
        try:
            for event in self._stream:
                if not self._put(event):
                    return
        except Exception as error:  # noqa: BLE001 - whoever takes the events gets it
            self._put(error)

    def _put(self, item: TaskEvent | Exception) -> bool:
        while not self._closed.is_set():
            try:
                self._items.put(item, timeout=ROOM_SECONDS)
            except queue.Full:
                continue
            os.write(self._writable, b"\0")
            return True
        return False
