"""A small HTTP server on loopback whose answers a test writes, down to the broken byte."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias
from urllib.parse import parse_qs, urlsplit

import yaml


@dataclass
class Incoming:
    """One request, as it came.

    Attributes:
        number: Counted from 1 over all connections.
        connection: Number of the connection, from 1.
        method: The HTTP method.
        target: Path and query.
        headers: Lower-case names.
        body: All of it.
    """

    number: int
    connection: int
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """The server's end of a connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.reader = sock.makefile("rb")

    def reply(self, status: int, document: Any = None, **headers: str) -> None:
        """Answer with JSON; header names are written with underscores."""
        self.raw(status, b"" if document is None else json.dumps(document).encode(), **headers)

    def raw(self, status: int, body: bytes, **headers: str) -> None:
        self.head(status, Content_Length=str(len(body)), **headers)
        self.sock.sendall(body)

    def zipped(self, document: Any) -> None:
        self.raw(200, gzip.compress(json.dumps(document).encode()), Content_Encoding="gzip")

    def head(self, status: int, **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items()), "", ""]
        self.sock.sendall("\r\n".join(lines).encode())

    def chunk(self, data: bytes) -> None:
        self.sock.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def events(self, *events: Mapping[str, Any], end: bool = True) -> None:
        """Answer as a watch does, one chunk each."""
        self.head(200, Transfer_Encoding="chunked")
        for event in events:
            self.chunk(json.dumps(event).encode() + b"\n")
        if end:
            self.chunk(b"")

    def reset(self) -> None:
        """Break the connection with an RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.sock.detach())


Script: TypeAlias = Callable[[Incoming, Wire], object]


@dataclass
class Server:
    """Runs a script for each request; a context manager that ends what it started.

    Attributes:
        script: Answers; may be replaced at any time.
        seen: The requests so far.
        connections: How many connections were made.
    """

    script: Script
    tls: ssl.SSLContext | None = None
    seen: list[Incoming] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._acceptor = threading.Thread(target=self._accept, name="test-server")
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Close all open connections."""
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(each, socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(sock, self.connections), name="test-connection")
                self._threads.append(thread)
                thread.start()

    def _serve(self, sock: socket.socket, connection: int) -> None:
        with self._lock:
            self._open.add(sock)
        try:
            with contextlib.suppress(OSError, ValueError):
                if self.tls is not None:
                    raw, sock = sock, self.tls.wrap_socket(sock, server_side=True)
                    with self._lock:
                        self._open.discard(raw)
                        self._open.add(sock)
                wire = Wire(sock)
                with wire.reader:
                    while (incoming := self._read(wire, connection)) is not None:
                        self.script(incoming, wire)
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def _read(self, wire: Wire, connection: int) -> Incoming | None:
        first = wire.reader.readline().decode().split()
        if len(first) != 3:
            return None
        headers: dict[str, str] = {}
        while line := wire.reader.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = wire.reader.read(int(headers.get("content-length", 0)))
        with self._lock:
            incoming = Incoming(len(self.seen) + 1, connection, first[0], first[1], headers, body)
            self.seen.append(incoming)
        return incoming


def write_kubeconfig(path: Path, server: str, *, user: Any = None, **cluster: Any) -> Path:
    """Write a kubeconfig with one context, `test`; parts that are None are left out."""
    given = {name: value for name, value in cluster.items() if value is not None}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server, **given}}],
        "users": [{"name": "tester", "user": dict(user or {"token": "secret-token"})}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "tester", "namespace": "coder"}}],
    }
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def status(code: int, reason: str = "", message: str = "", **details: Any) -> dict[str, Any]:
    """A Status object as the API server sends with every error."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
        "details": details,
    }
