"""A connection that one thread reads while another writes, with or without TLS."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from contextlib import suppress

from kubecoder.cluster.stream import CHUNK, NETWORK_ERRORS, Stream

HANDSHAKE_SECONDS = 0.1
"""TLS wants to read before it can write, and the other thread may be the one that reads."""


class Duplex:
    """Bytes in both directions over the connection of an answered upgrade request.

    OpenSSL's connections mustn't be read and written at the same time. So the socket doesn't block, the lock is held
    only for the moment of a call, and waiting is done by `poll`.

    Args:
        stream: The answer to the upgrade; its connection belongs to this object from now on.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._sock = stream.sock
        self._sock.settimeout(0)
        self._lock = threading.Lock()
        self._early = b""
        with suppress(BlockingIOError, ssl.SSLWantReadError):  # what came in one packet with the answer's headers
            self._early = stream.response.fp.read1(CHUNK) or b""

    def receive(self, timeout: float | None = None) -> bytes | None:
        """Wait for bytes; empty when the other side has closed, None when nothing came in time.

        Raises:
            OSError: The connection broke.
        """
        if self._early:
            early, self._early = self._early, b""
            return early
        while True:
            events = select.POLLIN
            with self._lock:
                try:
                    return self._sock.recv(CHUNK)
                except (BlockingIOError, ssl.SSLWantReadError):
                    pass
                except ssl.SSLWantWriteError:
                    events = select.POLLOUT
            if not self._wait(events, timeout):
                return None

    def send(self, data: bytes) -> None:
        """Send all of it; only one thread may send at a time.

        Raises:
            OSError: The connection broke.
        """
        rest = memoryview(data)
        while rest:
            events, timeout = select.POLLOUT, None
            with self._lock:
                try:
                    rest = rest[self._sock.send(rest) :]
                    continue
                except (BlockingIOError, ssl.SSLWantWriteError):
                    pass
                except ssl.SSLWantReadError:
                    events, timeout = select.POLLIN, HANDSHAKE_SECONDS
            self._wait(events, timeout)

    def interrupt(self) -> None:
        """Wake whoever reads or writes, from any thread: reads end, writes fail."""
        with suppress(*NETWORK_ERRORS):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Free the connection; only when no other thread uses it any more."""
        self._stream.close()

    def _wait(self, events: int, timeout: float | None) -> bool:
        poll = select.poll()
        poll.register(self._sock, events)
        return bool(poll.poll(None if timeout is None else timeout * 1000))
