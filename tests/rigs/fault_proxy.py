"""An HTTP proxy between the command line and a real API server that breaks things exactly where a test says."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias
from urllib.parse import urlsplit

import yaml

from tests.rigs.control_plane import ADMIN, ControlPlane

HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
NOT_FORWARDED = HOP_BY_HOP | {"host", "authorization"}


@dataclass
class Seen:
    """One request that came by.

    Attributes:
        number: Counted from 1 in the order of arrival.
        method: The HTTP method.
        path: Path and query.
        status: What the command line was answered; None while it waits, and when it got a reset.
        forwarded: Whether the API server got it.
    """

    number: int
    method: str
    path: str
    status: int | None = None
    forwarded: bool = False

    @property
    def writes(self) -> bool:
        """Whether it can change something."""
        return self.method not in {"GET", "HEAD"}


Matcher: TypeAlias = Callable[[Seen], bool]


@dataclass
class Fault:
    """What to do with requests that match.

    Attributes:
        matches: Which requests.
        times: For how many of them.
        status: Answer with this instead of forwarding; None forwards.
        retry_after: Seconds of the answer's `Retry-After`.
        message: The answer's Status message; None makes it an answer that isn't the API server's.
        delay: Seconds to wait before anything else.
        reset_before: Break the connection instead of forwarding.
        act: Called just before the connection is broken.
        reset_after: Forward, then break the connection instead of answering.
    """

    matches: Matcher
    times: int = 1
    status: int | None = None
    retry_after: int | None = None
    message: str | None = ""
    delay: float = 0.0
    reset_before: bool = False
    reset_after: bool = False
    act: Callable[[], object] | None = None


class FaultProxy:
    """Plain HTTP on loopback for the command line; TLS and the bearer token for the API server.

    Args:
        plane: The real API server.
        directory: Where the kubeconfig is written.
        user: Whose token the API server sees.

    Attributes:
        kubeconfig: Points at this proxy; holds no credentials.
        seen: All requests since the start or the last `forget`.
    """

    def __init__(self, plane: ControlPlane, directory: Path, *, user: str = ADMIN) -> None:
        self.kubeconfig = directory / "fault-proxy.kubeconfig"
        self.seen: list[Seen] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._address = urlsplit(plane.url).netloc
        self._tls = ssl.create_default_context(cafile=str(plane.ca_file))
        self._token = plane.tokens[user]
        self._user = user
        self._sockets: set[socket.socket] = set()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="fault-proxy")

    def __enter__(self) -> Self:
        self._write_kubeconfig()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        with self._lock:
            for each in self._sockets:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        self._server.server_close()  # joins the threads of all connections

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def is_idle(self) -> bool:
        """Whether no connection is open: what a killed command line had in flight has reached the API server."""
        with self._lock:
            return not self._sockets

    def forget(self) -> None:
        """Start to count from 1 again and drop all faults."""
        with self._lock:
            self.seen.clear()
            self._faults.clear()

    def inject(self, fault: Fault) -> Fault:
        """Add a fault; of several that match a request, the one added first acts."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def answer(
        self,
        status: int,
        matches: Matcher = lambda seen: True,
        *,
        times: int = 1,
        retry_after: int | None = None,
        message: str | None = "etcdserver: leader changed",
    ) -> Fault:
        """Answer with a failure instead of forwarding."""
        return self.inject(Fault(matches, times, status=status, retry_after=retry_after, message=message))

    def reset_before(self, matches: Matcher, *, times: int = 1) -> Fault:
        """Break the connection before the API server hears of the request."""
        return self.inject(Fault(matches, times, reset_before=True))

    def reset_after(self, matches: Matcher, *, times: int = 1) -> Fault:
        """Let the API server act, and break the connection instead of answering."""
        return self.inject(Fault(matches, times, reset_after=True))

    def slow(self, seconds: float, matches: Matcher = lambda seen: True, *, times: int = 1) -> Fault:
        """Wait before forwarding."""
        return self.inject(Fault(matches, times, delay=seconds))

    def before(self, number: int, act: Callable[[], object]) -> Fault:
        """Call `act` (which kills the process, say) when request `number` arrives; it is never forwarded."""
        return self.inject(Fault(lambda seen: seen.number == number, act=act, reset_before=True))

    def after(self, number: int, act: Callable[[], object]) -> Fault:
        """Call `act` when the API server has acted on request `number`; the answer is never passed on."""
        return self.inject(Fault(lambda seen: seen.number == number, act=act, reset_after=True))

    def _arrived(self, method: str, path: str) -> tuple[Seen, Fault | None]:
        """Number a request and find what is to be done with it."""
        with self._lock:
            seen = Seen(len(self.seen) + 1, method, path)
            self.seen.append(seen)
            fault = next((each for each in self._faults if each.times > 0 and each.matches(seen)), None)
            if fault is not None:
                fault.times -= 1
            return seen, fault

    def _connect(self) -> http.client.HTTPSConnection:
        connection = http.client.HTTPSConnection(self._address, context=self._tls, timeout=400)
        connection.connect()
        self._track(connection.sock)
        return connection

    def _track(self, sock: socket.socket) -> None:
        with self._lock:
            self._sockets.add(sock)

    def _untrack(self, sock: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(sock)

    def _write_kubeconfig(self) -> None:
        name = self._user
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "users": [{"name": name, "user": {}}],
            "contexts": [{"name": name, "context": {"cluster": "test", "user": name}}],
        }
        self.kubeconfig.write_text(yaml.safe_dump(document, sort_keys=False))


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent when a command line was killed; that is what this proxy is for."""
        if not isinstance(sys.exception(), (OSError, http.client.HTTPException)):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    """One connection of the command line, with one of its own to the API server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.upstream: http.client.HTTPSConnection | None = None
        self.server.proxy._track(self.connection)

    def finish(self) -> None:
        self.server.proxy._untrack(self.connection)
        if self.upstream is not None:
            self.server.proxy._untrack(self.upstream.sock)
            self.upstream.close()
        super().finish()

    def log_message(self, format: str, *arguments: object) -> None:
        """Stay silent: `FaultProxy.seen` has it all."""

    def handle_request(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen, fault = self.server.proxy._arrived(self.command, self.path)
        if fault is None:
            self._pass_on(self._forward(seen, body), seen)
            return
        time.sleep(fault.delay)
        if fault.reset_before:
            self._break(fault)
        elif fault.status is not None:
            self._refuse(seen, fault, fault.status)
        else:
            response = self._forward(seen, body)
            if fault.reset_after:
                response.read()
                self._break(fault)
            else:
                self._pass_on(response, seen)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_request  # noqa: N815 - http.server names them

    def _forward(self, seen: Seen, body: bytes) -> http.client.HTTPResponse:
        if self.upstream is None:
            self.upstream = self.server.proxy._connect()
        headers = {name: value for name, value in self.headers.items() if name.lower() not in NOT_FORWARDED}
        headers["Authorization"] = f"Bearer {self.server.proxy._token}"
        self.upstream.request(self.command, self.path, body or None, headers)
        seen.forwarded = True
        return self.upstream.getresponse()

    def _pass_on(self, response: http.client.HTTPResponse, seen: Seen) -> None:
        seen.status = response.status
        self.send_response_only(response.status)
        for name, value in response.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        if not response.chunked:
            body = response.read()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while piece := response.read1(65536):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def _refuse(self, seen: Seen, fault: Fault, status: int) -> None:
        seen.status = status
        document = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": fault.message}
        body = b"something went wrong" if fault.message is None else json.dumps(document).encode()
        self.send_response_only(status)
        if fault.retry_after is not None:
            self.send_header("Retry-After", str(fault.retry_after))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _break(self, fault: Fault) -> None:
        if fault.act is not None:
            fault.act()
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.proxy._untrack(self.connection)
        os.close(self.connection.detach())  # with that linger: an RST, also to whoever still reads
