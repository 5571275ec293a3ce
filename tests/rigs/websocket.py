"""A WebSocket client of a few lines: what a page sends to open one, and whole frames both ways."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import struct
from collections.abc import Iterator, Mapping

from tests.rigs.raw_http import Target, connect

_BINARY, _CLOSE, _PING = 0x2, 0x8, 0x9
_WITH_MASK = 0x80


class RefusedError(Exception):
    """The server answered something else than 101; the text is its first line."""


class WebSocket:
    """An open one."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._bytes = connection.makefile("rb")

    def send(self, content: bytes) -> None:
        """Send one binary message of less than 64 KiB."""
        length = (
            bytes([_WITH_MASK | len(content)])
            if len(content) < 126
            else struct.pack(">BH", _WITH_MASK | 126, len(content))
        )
        # A mask of zeros leaves the content as it is.
        self._connection.sendall(bytes([0x80 | _BINARY]) + length + bytes(4) + content)

    def be_patient(self, seconds: float) -> None:
        """Wait longer for each message."""
        self._connection.settimeout(seconds)

    def receive(self) -> bytes:
        """Return the content of the next message that fits into one frame, empty for a closing one.

        Raises:
            TimeoutError: None came.
            EOFError: The connection has ended.
        """
        kind, content = self._frame()
        while kind == _PING:
            kind, content = self._frame()
        return b"" if kind == _CLOSE else content

    def _frame(self) -> tuple[int, bytes]:
        first, length = self._read(2)
        if length == 126:
            (length,) = struct.unpack(">H", self._read(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self._read(8))
        return first & 0x0F, self._read(length)

    def _read(self, length: int) -> bytes:
        content = self._bytes.read(length)
        if len(content) < length:
            raise EOFError("the connection has ended")
        return content


def _connected(address: Target) -> socket.socket:
    connection = connect(address)
    connection.connect()
    assert connection.sock is not None
    return connection.sock


@contextlib.contextmanager
def opened(
    address: Target, path: str, *, host: str, headers: Mapping[str, str], protocol: str = "tty"
) -> Iterator[WebSocket]:
    """Open a WebSocket until the end of the block.

    Args:
        address: Where the server listens.
        path: With its query.
        host: The Host header.
        headers: What else the page's browser sends, such as Origin.
        protocol: The subprotocol.

    Raises:
        RefusedError: The server doesn't switch protocols.
    """
    key = base64.b64encode(os.urandom(16)).decode()
    upgrade = {"Host": host, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    lines = {**upgrade, "Sec-WebSocket-Key": key, "Sec-WebSocket-Protocol": protocol, **headers}
    with _connected(address) as connection:
        request = [f"GET {path} HTTP/1.1", *(f"{header}: {value}" for header, value in lines.items())]
        connection.sendall("\r\n".join([*request, "", ""]).encode())
        opening = WebSocket(connection)
        status = opening._bytes.readline().decode().strip()
        if " 101 " not in f"{status} ":
            raise RefusedError(status)
        while opening._bytes.readline().strip():
            pass
        yield opening
