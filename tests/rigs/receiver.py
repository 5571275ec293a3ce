"""An HTTPS server that takes webhooks, answers as a test wants, and keeps what came."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from tests.rigs.certificates import Authority
from tests.rigs.waiting import wait_until

DROP = 0
"""Instead of a status: the connection is reset without an answer."""
ENDLESS = -200
"""Instead of a status: 200, and a body that never ends."""
DRIP_SECONDS = 0.05


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        name: Whom the client asked for in TLS; empty when it asked for an address.
    """

    at: float
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    name: str


@dataclass
class Receiver:
    """A running server.

    Attributes:
        port: Of every address that it listens on.
        calls: What came, oldest first.
        plan: For a path without its query: the statuses of the answers to come; then it is 200.
        location: Where its redirects lead.
    """

    port: int
    calls: list[Call] = field(default_factory=list)
    plan: dict[str, list[int]] = field(default_factory=dict)
    location: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Return the address of a path."""
        return f"https://{host}:{self.port}{path}"

    def of(self, path: str) -> list[Call]:
        """Return what came to a path, whatever the query."""
        return [call for call in list(self.calls) if call.path.partition("?")[0] == path]

    def wait(self, path: str, count: int = 1, seconds: float = 30) -> list[Call]:
        """Wait until so many requests came to a path."""
        wait_until(lambda: len(self.of(path)) >= count, what=f"{count} requests to {path}", seconds=seconds, every=0.02)
        return self.of(path)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver
    names: dict[int, str]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Leave out what clients do that give up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def _receiver(self) -> Receiver:
        return cast("_Server", self.server).receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = getattr(self.connection, "asked_name", "")
        receiver = self._receiver
        receiver.calls.append(Call(time.monotonic(), self.path, dict(self.headers), body, name))
        planned = receiver.plan.get(self.path.partition("?")[0], [])
        self._answer(planned.pop(0) if planned else 200)

    def _answer(self, status: int) -> None:
        self.close_connection = True
        if status == DROP:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(abs(status))
        if 300 <= status < 400:
            self.send_header("Location", self._receiver.location)
        if status == ENDLESS:
            self.end_headers()
            while not self._receiver.stopping.wait(DRIP_SECONDS):
                self.wfile.write(b"x" * 1000)
            return
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def running_receiver(authority: Authority, *names: str, host: str = "127.0.0.1", port: int = 0) -> Iterator[Receiver]:
    """Run a server until the end of the block.

    Args:
        authority: Who signs its certificate.
        names: What the certificate is for.
        host: What it listens on.
        port: 0 takes a free one.
    """
    context = authority.server_context(*names)
    context.sni_callback = _note_name
    with _Server((host, port), _Handler) as server:
        server.receiver = Receiver(server.server_address[1])
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.receiver
        finally:
            server.receiver.stopping.set()
            server.shutdown()
            thread.join(10)


def _note_name(connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
    connection.asked_name = name or ""  # type: ignore[union-attr]
