"""Answers that come bit by bit: watches and logs."""

from __future__ import annotations

import http.client
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

CHUNK: Final = 65536
NETWORK_ERRORS: Final = (OSError, http.client.HTTPException, EOFError, ValueError, zlib.error)
"""All that sockets, ssl (its errors are OSErrors or ValueErrors), http.client and gzip raise."""


class BrokenConnectionError(Exception):
    """A request got no complete answer; its `__cause__` says why.

    Never leaves this package: callers get `UnreachableError`.

    Attributes:
        cause: The exception of the socket, of TLS or of the HTTP parser.
        sent: Whether the server may have acted on the request.
        reused: Whether the connection had served a request before (an idle one may be closed at any time).
    """

    def __init__(self, cause: Exception, *, sent: bool, reused: bool) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.sent = sent
        self.reused = reused


class Stream:
    """The body of an answer, read while it comes.

    Args:
        response: The answer; its headers have been read.
        sock: Its connection, which belongs to this stream.
    """

    def __init__(self, response: http.client.HTTPResponse, sock: socket.socket) -> None:
        self.status = response.status
        self.response = response
        self.sock = sock
        self._closed = False
        self._in_use = threading.Lock()

    def read(self) -> bytes:
        """Read all of it, as for the answer to a refused request; what broke off is left out."""
        try:
            return self.response.read()
        except NETWORK_ERRORS:
            return b""
        finally:
            self.close()

    def lines(self) -> Iterator[bytes]:
        """Yield lines, each with its newline; the last one may have none. Ends after `close`.

        Raises:
            BrokenConnectionError: The connection broke, or was silent for longer than the request's timeout.
        """
        rest = b""
        try:
            while chunk := self._chunk():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield line + b"\n"
            if rest:
                yield rest
        finally:
            self.close()

    def close(self) -> None:
        """Give the stream up, from any thread or signal handler; who reads it sees it end."""
        self._closed = True
        with suppress(*NETWORK_ERRORS):
            # The base class's method: that of an SSLSocket would take the TLS state away from under the reader.
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
        if not self._in_use.acquire(blocking=False):
            return  # a thread reads; it will see the end and come here itself
        try:
            self.response.close()
            self.sock.close()
        finally:
            self._in_use.release()

    def _chunk(self) -> bytes:
        with self._in_use:
            try:
                return b"" if self._closed else self.response.read1(CHUNK)
            except NETWORK_ERRORS as error:
                if self._closed:
                    return b""
                raise BrokenConnectionError(error, sent=True, reused=False) from error
