"""The events of an agent, followed for as long as somebody listens: what breaks is mended, what is lost is said."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpx
from pydantic import ValidationError

from agent.models import TaskEvent
from kubecoder.agentclient import sse
from kubecoder.agentclient.patience import PATIENCE_SECONDS
from kubecoder.agentclient.reach import Endpoint
from kubecoder.agentclient.transport import Call, Transport
from kubecoder.cluster.pods import NoPodError, StoppedError
from kubecoder.errors import AgentError, AgentUnreachableError, KubecoderError, UnreachableError

SILENCE_SECONDS = 40.0
"""The agent says something at least every 15 s; a longer silence is a connection that nobody has closed."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
KINDS = frozenset({"task", "permission", "message", "transcript", "gap"})

_MAY_COME_BACK = (httpx.RequestError, sse.BrokenStreamError, AgentUnreachableError, NoPodError, UnreachableError)


class EventStream:
    """Iterates over events, across broken connections and restarts of the agent; one thread reads it.

    The first event is a gap, and so is any after which something may be missing: whoever follows a task reads at
    a gap what there is, and needs no other way to begin.

    Args:
        transport: Sends the requests.
        path: Whose events.
        on_trouble: Told once when the connection is lost, with the reason.
        on_recovery: Told when it is back.
        patience: Seconds without any connection after which the iteration gives up.
    """

    def __init__(
        self,
        transport: Transport,
        path: str,
        *,
        on_trouble: Callable[[str], None] = lambda _: None,
        on_recovery: Callable[[], None] = lambda: None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._transport = transport
        self._path = path
        self._on_trouble = on_trouble
        self._on_recovery = on_recovery
        self._patience = patience
        self._last_id = ""
        self._closed = threading.Event()
        self._response: httpx.Response | None = None
        self._used: Endpoint | None = None
        self._lost_at: float | None = None
        self._pause = FIRST_PAUSE

    def __iter__(self) -> Iterator[TaskEvent]:
        """Yield events until `close`.

        Raises:
            AgentUnreachableError: The agent stayed away for too long.
            KubecoderError: It refused: the task isn't there, the token isn't valid.
        """
        while not self._closed.is_set():
            try:
                yield from self._connection()
                self._lose("the agent ended the stream")
            except _MAY_COME_BACK as error:
                if self._closed.is_set():
                    return
                self._recover_from(error)
            except AgentError as error:
                if not self._has_new_token(error):
                    raise
            self._closed.wait(self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def close(self) -> None:
        """End the iteration, from any thread."""
        self._closed.set()
        response = self._response
        stream = response.extensions.get("network_stream") if response is not None else None
        connection = stream.get_extra_info("socket") if stream is not None else None
        if connection is not None:
            with contextlib.suppress(OSError):
                # The base class's method: that of an SSLSocket would take the TLS state away from under the reader.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def _connection(self) -> Iterator[TaskEvent]:
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity", "Cache-Control": "no-store"}
        if self._last_id:
            headers["Last-Event-ID"] = self._last_id
        call = Call("GET", self._path, headers=headers, seconds=SILENCE_SECONDS)
        self._used = self._transport.reach.endpoint(self._used)
        with self._transport.stream(call, self._used) as response:
            self._response = response
            try:
                if self._closed.is_set():
                    return
                if not response.headers.get("content-type", "").startswith("text/event-stream"):
                    raise AgentError(f"{self._transport.reach.name} answered something that isn't a stream of events")
                self._found()
                if not self._last_id:
                    yield self._gap()
                for event in sse.events(response.iter_raw()):
                    self._last_id = event.id
                    yield from self._parsed(event)
            finally:
                self._response = None

    def _parsed(self, event: sse.ServerSentEvent) -> Iterator[TaskEvent]:
        if event.name not in KINDS:  # of a newer agent
            return
        try:
            yield TaskEvent.model_validate_json(event.data)
        except ValidationError:
            # Whoever reads anew gets an error that says more.
            yield self._gap()

    @staticmethod
    def _gap() -> TaskEvent:
        return TaskEvent(kind="gap", at=time.time())

    def _found(self) -> None:
        self._pause = FIRST_PAUSE
        if self._lost_at is not None:
            self._lost_at = None
            self._on_recovery()

    def _lose(self, reason: str) -> None:
        if self._lost_at is None and not self._closed.is_set():
            self._lost_at = time.monotonic()
            self._on_trouble(reason)

    def _recover_from(self, error: Exception) -> None:
        if isinstance(error, httpx.RequestError):
            error = self._transport.failure(error)
        self._lose(error.message if isinstance(error, KubecoderError) else str(error))
        assert self._lost_at is not None
        if isinstance(error, StoppedError) or time.monotonic() - self._lost_at > self._patience:
            raise error

    def _has_new_token(self, error: AgentError) -> bool:
        """Whether the refused token has been rotated meanwhile."""
        return error.status == 401 and self._transport.reach.endpoint(self._used) != self._used
