"""The server's side of a WebSocket, for scripts of the test server."""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass

from tests.unit.cluster.server import Incoming, Wire

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


@dataclass
class Peer:
    """A WebSocket after the handshake.

    Attributes:
        wire: The connection.
    """

    wire: Wire

    @classmethod
    def accept(cls, incoming: Incoming, wire: Wire, **headers: str) -> Peer:
        """Answer the handshake; headers replace the right ones."""
        accepted = hashlib.sha1((incoming.headers["sec-websocket-key"] + MAGIC).encode()).digest()
        right = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec_WebSocket_Accept": base64.b64encode(accepted).decode(),
            "Sec_WebSocket_Protocol": incoming.headers["sec-websocket-protocol"],
        }
        wire.head(101, **{**right, **headers})
        return cls(wire)

    def frame(self, code: int, payload: bytes, *, final: bool = True) -> None:
        size = len(payload)
        if size < 126:
            head = struct.pack("!BB", (0x80 if final else 0) | code, size)
        elif size < 65536:
            head = struct.pack("!BBH", (0x80 if final else 0) | code, 126, size)
        else:
            head = struct.pack("!BBQ", (0x80 if final else 0) | code, 127, size)
        self.wire.sock.sendall(head + payload)

    def send(self, channel: int, data: bytes) -> None:
        self.frame(BINARY, bytes((channel,)) + data)

    def close(self) -> None:
        self.frame(CLOSE, struct.pack("!H", 1000))

    def receive(self) -> tuple[int, bytes]:
        """Read one frame, which must be masked; raises ConnectionError at the end."""
        head = self.wire.reader.read(2)
        if len(head) < 2:
            raise ConnectionError
        assert head[1] & 0x80
        size = head[1] & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self.wire.reader.read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.wire.reader.read(8))
        key = self.wire.reader.read(4)
        masked = self.wire.reader.read(size)
        return head[0] & 0x0F, bytes(byte ^ key[index % 4] for index, byte in enumerate(masked))

    def messages(self) -> list[tuple[int, bytes]]:
        """Read (channel, data) until the other side closes stdin (channel 255, 0), which is left out."""
        found: list[tuple[int, bytes]] = []
        while True:
            code, payload = self.receive()
            if code == BINARY and payload == b"\xff\x00":
                return found
            if code == BINARY:
                found.append((payload[0], payload[1:]))
