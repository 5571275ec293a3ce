"""The numbered channels that exec and port-forward speak, over one WebSocket (RFC 6455, client side)."""

from __future__ import annotations

import base64
import hashlib
import os
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlencode

from kubecoder.cluster.api import Cluster
from kubecoder.cluster.duplex import Duplex
from kubecoder.cluster.failures import unreachable
from kubecoder.cluster.stream import NETWORK_ERRORS
from kubecoder.cluster.transport import Request
from kubecoder.errors import ApiError, UnreachableError

MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FINAL: Final = 0x80
MASKED: Final = 0x80
CLOSED_CHANNEL: Final = 255
PING_SECONDS: Final = 30.0
"""Load balancers cut connections that are silent for a minute."""
LARGEST_FRAME: Final = 16 * 1024 * 1024


class Channels:
    """An open connection; one thread reads `frames`, any thread may send.

    Args:
        duplex: The connection after the handshake.
        server: URL of the API server, for errors.
    """

    def __init__(self, duplex: Duplex, server: str) -> None:
        self._duplex = duplex
        self._server = server
        self._buffer = bytearray()
        self._sending = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.interrupt()
        self._duplex.close()

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Yield (channel, data) as they come, and keep the connection alive meanwhile.

        Ends when the other side closes and after `interrupt`.

        Raises:
            UnreachableError: The connection broke.
        """
        message = b""
        try:
            while True:
                head, payload = self._frame()
                code = head & 0x0F
                if code == CLOSE:
                    with suppress(UnreachableError):
                        self._send(CLOSE, payload)
                    return
                if code == PING:
                    self._send(PONG, payload)
                elif code in (CONTINUATION, TEXT, BINARY):
                    message += payload
                    if head & FINAL:
                        if message:
                            yield message[0], message[1:]
                        message = b""
        except (*NETWORK_ERRORS, UnreachableError) as error:
            if self._closed:
                return
            if isinstance(error, UnreachableError):
                raise
            raise unreachable(error, self._server) from error

    def send(self, channel: int, data: bytes) -> None:
        """Send data on a channel.

        Raises:
            UnreachableError: The connection broke or was interrupted.
        """
        self._send(BINARY, bytes((channel,)) + data)

    def close_channel(self, channel: int) -> None:
        """Say that nothing more comes on a channel (protocol v5)."""
        self.send(CLOSED_CHANNEL, bytes((channel,)))

    def interrupt(self) -> None:
        """End it, from any thread or signal handler: `frames` ends, `send` fails."""
        self._closed = True
        self._duplex.interrupt()

    def _send(self, code: int, payload: bytes) -> None:
        size, key = len(payload), os.urandom(4)
        if size < 126:
            head = struct.pack("!BB", FINAL | code, MASKED | size)
        elif size < 65536:
            head = struct.pack("!BBH", FINAL | code, MASKED | 126, size)
        else:
            head = struct.pack("!BBQ", FINAL | code, MASKED | 127, size)
        try:
            with self._sending:
                self._duplex.send(head + key + mask(payload, key))
        except NETWORK_ERRORS as error:
            raise unreachable(error, self._server) from error

    def _frame(self) -> tuple[int, bytes]:
        head, size = self._take(2)
        size &= 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._take(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._take(8))
        if size > LARGEST_FRAME:
            raise EOFError("a frame of the answer is too large")
        return head, self._take(size)

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            data = self._duplex.receive(PING_SECONDS)
            if data is None:
                self._send(PING, b"")
            elif data:
                self._buffer += data
            else:
                raise EOFError("the server closed the connection")
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


def connect(cluster: Cluster, path: str, query: Sequence[tuple[str, str]], *, protocol: str, subject: str) -> Channels:
    """Upgrade a GET request.

    Args:
        cluster: Where to.
        path: Of the subresource.
        query: Its parameters; names may come twice.
        protocol: Kubernetes' name of the subprotocol.
        subject: What errors call the thing.

    Raises:
        ApiError: The server refused.
        UnreachableError: There was no answer.
    """
    key = base64.b64encode(os.urandom(16)).decode()
    upgrade = (
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Protocol", protocol),
    )
    request = Request("GET", f"{path}?{urlencode(query)}", accept="*/*", extra=upgrade)  # else the answer is 406
    stream = cluster.exchange.open(request, subject=subject)
    accepted = base64.b64encode(hashlib.sha1(key.encode() + MAGIC, usedforsecurity=False).digest()).decode()
    headers = stream.response.headers
    if (
        stream.status != 101
        or headers["Sec-WebSocket-Accept"] != accepted
        or headers["Sec-WebSocket-Protocol"] != protocol
    ):
        stream.close()
        raise ApiError(
            f"{subject}: the server doesn't speak {protocol}",
            status=stream.status,
            subject=subject,
            hint="Kubernetes 1.30 or newer is needed, and proxies on the way must let WebSockets pass",
        )
    return Channels(Duplex(stream), cluster.server)


def mask(payload: bytes, key: bytes) -> bytes:
    """Combine a payload with the key as RFC 6455 wants of clients."""
    size = len(payload)
    repeated = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(repeated, "little")).to_bytes(size, "little")
