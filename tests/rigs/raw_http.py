"""Requests as they are written: any path, any header, twice if wanted, over TCP, TLS or a Unix socket."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Headers = Sequence[tuple[str, str | bytes]]
SECONDS = 15


@dataclass(frozen=True)
class Answer:
    """The whole answer to one request."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Return all values of a header, joined; empty when it isn't there."""
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())

    def cookies(self) -> dict[str, str]:
        """Return the cookies that it sets."""
        values = [value for key, value in self.headers if key.lower() == "set-cookie"]
        return dict(value.partition(";")[0].split("=", 1) for value in values)

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SECONDS)
        self.sock.connect(str(self._path))


@dataclass(frozen=True)
class TlsAddress:
    """Where a TLS server listens, which serves several names.

    Attributes:
        address: `address:port`.
        name: The one that we want, which its certificate has to have.
        trust: Whose certificates are believed.
    """

    address: str
    name: str
    trust: ssl.SSLContext


class TlsConnection(http.client.HTTPConnection):
    """HTTP over TLS, by an address and a name."""

    def __init__(self, target: TlsAddress) -> None:
        super().__init__(target.address, timeout=SECONDS)
        self._target = target

    def connect(self) -> None:
        super().connect()
        self.sock = self._target.trust.wrap_socket(self.sock, server_hostname=self._target.name)


Target = str | Path | TlsAddress


def connect(target: Target) -> http.client.HTTPConnection:
    """Make a connection to `address:port`, to a TLS server or to a Unix socket."""
    if isinstance(target, TlsAddress):
        return TlsConnection(target)
    return UnixConnection(target) if isinstance(target, Path) else http.client.HTTPConnection(target, timeout=SECONDS)


def send(target: Target, method: str, path: str, headers: Headers = (), *, host: str, json_body: Any = None) -> Answer:
    """Send one request on a connection of its own.

    Args:
        target: `address:port`, a TLS server, or the path of a Unix socket.
        method: Any word.
        path: Goes out as it is, dots and all.
        headers: Go out as they are, in this order.
        host: The Host header.
        json_body: Sent as JSON, with its content type unless a header gives another.
    """
    connection = connect(target)
    body = b"" if json_body is None else json.dumps(json_body).encode()
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host)
        for name, value in headers:
            connection.putheader(name, value)
        if body and not any(name.lower() == "content-type" for name, _value in headers):
            connection.putheader("Content-Type", "application/json")
        if body or method not in {"GET", "HEAD"}:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        return Answer(response.status, tuple(response.getheaders()), response.read())
    finally:
        connection.close()
