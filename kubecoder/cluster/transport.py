"""HTTP to the API server: kept-alive connections for requests, and one of its own for each stream."""

from __future__ import annotations

import gzip
import http.client
import json
import select
import socket
import threading
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlencode, urlsplit

from kubecoder import __version__
from kubecoder.cluster import tally
from kubecoder.cluster.config import Access, Address, Headers
from kubecoder.cluster.stream import NETWORK_ERRORS, BrokenConnectionError, Stream

CONNECT_SECONDS: Final = 15.0
ANSWER_SECONDS: Final = 75.0
"""The API server itself gives up on a request after 60 seconds."""
USER_AGENT: Final = f"kubecoder/{__version__}"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    Attributes:
        method: `GET`, `PATCH`, …
        path: Path and query.
        body: JSON, or None.
        content_type: Of the body.
        accept: Media type wanted.
        compressed: Whether the answer may come gzipped: good for lists, slow for small things.
        extra: Further headers.
        timeout: Seconds of silence after which the answer is given up; None waits for ever.
    """

    method: str
    path: str
    body: bytes | None = None
    content_type: str = "application/json"
    accept: str = "application/json"
    compressed: bool = False
    extra: tuple[tuple[str, str], ...] = ()
    timeout: float | None = ANSWER_SECONDS

    def headers(self) -> Headers:
        """Give the headers, credentials apart."""
        headers = [("User-Agent", USER_AGENT), ("Accept", self.accept), *self.extra]
        headers.append(("Accept-Encoding", "gzip" if self.compressed else "identity"))
        return headers if self.body is None else [*headers, ("Content-Type", self.content_type)]


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer.

    Attributes:
        status: HTTP status.
        body: Decompressed.
        retry_after: Seconds of the `Retry-After` header, if it has one.
    """

    status: int
    body: bytes
    retry_after: float | None


def with_query(path: str, query: Mapping[str, str]) -> str:
    """Add the parameters that have a value."""
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def encode(body: object) -> bytes:
    """Encode a JSON value for the wire."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


class _Connection(http.client.HTTPConnection):
    """A connection to the API server, through the proxy where there is one."""

    def __init__(self, address: Address) -> None:
        proxy = urlsplit(address.proxy) if address.proxy else None
        super().__init__(
            (proxy.hostname or "") if proxy else address.host,
            (proxy.port or 80) if proxy else address.port,
            timeout=CONNECT_SECONDS,
        )
        self.address = address
        if proxy:
            self.set_tunnel(address.host, address.port, headers=_proxy_credentials(proxy.username, proxy.password))

    def connect(self) -> None:
        """Dial, ask the proxy, shake hands."""
        super().connect()
        _keep_alive(self.sock)
        tls = self.address.tls
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname=self.address.server_name)

    def is_stale(self) -> bool:
        """Tell whether the server has closed the idle connection (or said something out of turn)."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(0))


def _keep_alive(sock: socket.socket) -> None:
    """Let the kernel find out, within two minutes, that the other end of a quiet stream is gone."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):  # macOS has other names, and good defaults are not worth more code
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _proxy_credentials(user: str | None, password: str | None) -> dict[str, str]:
    if user is None:
        return {}
    pair = f"{unquote(user)}:{unquote(password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {b64encode(pair).decode()}"}


class Transport:
    """Sends requests and counts them; knows nothing of Kubernetes. Safe to use from many threads.

    Args:
        access: The server and the credentials.
    """

    def __init__(self, access: Access) -> None:
        self.access = access
        self.requests = 0
        self._count_lock = threading.Lock()
        self._idle: list[_Connection] = []

    def send(self, request: Request) -> Answer:
        """Send on an idle connection, or else on a new one, and read the whole answer.

        Raises:
            BrokenConnectionError: No complete answer came.
            ConfigError: The credentials had to be renewed, and that failed.
        """
        connection = self._take()
        reused = connection.sock is not None
        sent = False
        try:
            if not reused:
                connection.connect()
            connection.sock.settimeout(request.timeout)
            sent = True
            self._start(connection, request)
            response = connection.getresponse()
            body = response.read()
            if response.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
        except NETWORK_ERRORS as error:
            connection.close()
            raise BrokenConnectionError(error, sent=sent, reused=reused) from error
        except BaseException:  # Ctrl-C between request and answer: nobody else may read this answer as theirs
            connection.close()
            raise
        if connection.sock is not None:
            self._idle.append(connection)
        return Answer(response.status, body, retry_after(response))

    def open(self, request: Request) -> Stream:
        """Send on a connection of its own and leave the body to be read bit by bit.

        Raises:
            BrokenConnectionError: No answer came.
            ConfigError: The credentials had to be renewed, and that failed.
        """
        connection = _Connection(self.access.address)
        sent = False
        try:
            connection.connect()
            connection.sock.settimeout(request.timeout)
            sent = True
            sock = connection.sock
            self._start(connection, request)
            return Stream(connection.getresponse(), sock)
        except NETWORK_ERRORS as error:
            connection.close()
            raise BrokenConnectionError(error, sent=sent, reused=False) from error

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> _Connection:
        """Take the connection that was used last, so that surplus ones grow old and are closed by the server."""
        address = self.access.address
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if connection.address is address and not connection.is_stale():
                return connection
            connection.close()
        return _Connection(address)

    def _start(self, connection: _Connection, request: Request) -> None:
        self._count()
        connection.putrequest(request.method, connection.address.base_path + request.path, skip_accept_encoding=True)
        for name, value in request.headers() + self.access.headers():
            connection.putheader(name, value)
        if request.body is not None:
            connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body)

    def _count(self) -> None:
        with self._count_lock:
            self.requests += 1
        tally.count()


def retry_after(response: http.client.HTTPResponse) -> float | None:
    """Read the seconds of `Retry-After`; a date, which no API server sends, counts as nothing."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None
