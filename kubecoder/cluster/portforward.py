"""A port on this machine that leads to a port of a pod."""

from __future__ import annotations

import errno
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from kubecoder.cluster import channels
from kubecoder.cluster.api import Cluster
from kubecoder.cluster.channels import Channels
from kubecoder.cluster.kinds import POD
from kubecoder.errors import ClusterError, KubecoderError, UsageError

log = logging.getLogger("kubecoder.cluster")

PROTOCOL: Final = "v4.channel.k8s.io"
DATA, ERROR = 0, 1
CHUNK: Final = 65536
LOOPBACK: Final = "127.0.0.1"
JOIN_SECONDS: Final = 2.0
LINGER_SECONDS: Final = 5.0
"""The protocol can't say that the local side has only finished sending, so what still comes is awaited this long."""


class Forward:
    """Listens on this machine's loopback and forwards each connection to a pod; a context manager.

    Args:
        cluster: Where the pod is.
        namespace: The pod's namespace.
        pod: The pod's name.
        port: The pod's port.
        local_port: The port here; 0 takes a free one.
        on_error: Told, from other threads, why a connection couldn't be forwarded.

    Attributes:
        port: The port here.

    Raises:
        UsageError: The local port can't be had.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        pod: str,
        port: int,
        *,
        local_port: int = 0,
        on_error: Callable[[KubecoderError], None] | None = None,
    ) -> None:
        self._cluster = cluster
        self._path = POD.path(namespace, pod, "portforward")
        self._subject = f"port {port} of Pod {namespace}/{pod}"
        self._remote = port
        self._on_error = on_error
        self._lock = threading.Lock()
        self._relays: set[_Relay] = set()
        self._closed = False
        self._listener = _listen(local_port)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name=f"kubecoder-forward-{self.port}", daemon=True)
        self._acceptor.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, end all connections and wait until their threads are gone."""
        with self._lock:
            self._closed = True
            relays = list(self._relays)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        for relay in relays:
            relay.interrupt()
        self._acceptor.join()
        self._listener.close()
        for relay in relays:
            relay.join()

    def _accept(self) -> None:
        while True:
            try:
                local, _ = self._listener.accept()
            except OSError:
                return
            relay = _Relay(local, self._subject, self._connect, self._report, self._end_of)
            with self._lock:
                if self._closed:
                    local.close()
                    return
                self._relays.add(relay)
            relay.start()

    def _connect(self) -> Channels:
        query = [("ports", str(self._remote))]
        return channels.connect(self._cluster, self._path, query, protocol=PROTOCOL, subject=self._subject)

    def _report(self, error: KubecoderError) -> None:
        if self._closed:  # then breaking is what was asked for
            return
        log.info("%s", error)
        if self._on_error is not None:
            self._on_error(error)

    def _end_of(self, relay: _Relay) -> None:
        with self._lock:
            self._relays.discard(relay)


class _Relay:
    """One forwarded connection: a thread for each direction."""

    def __init__(
        self,
        local: socket.socket,
        subject: str,
        connect: Callable[[], Channels],
        report: Callable[[KubecoderError], None],
        ended: Callable[[_Relay], None],
    ) -> None:
        self._local = local
        self._subject = subject
        self._connect = connect
        self._report = report
        self._when_ended = ended
        self._remote: Channels | None = None
        self._interrupted = False
        self._ended = threading.Event()
        self._received_at = 0.0
        self._thread = threading.Thread(target=self._run, name="kubecoder-forward-down", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def interrupt(self) -> None:
        """End both directions, from any thread."""
        self._interrupted = True
        with suppress(OSError):
            self._local.shutdown(socket.SHUT_RDWR)
        if self._remote is not None:
            self._remote.interrupt()

    def join(self) -> None:
        """Wait for the end; a thread that is still connecting ends by itself."""
        self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        try:
            with self._local, self._connect() as remote:
                self._remote = remote
                if not self._interrupted:
                    self._relay(remote)
        except KubecoderError as error:
            self._report(error)
        finally:
            self._when_ended(self)

    def _relay(self, remote: Channels) -> None:
        upward = threading.Thread(target=self._send, args=(remote,), name="kubecoder-forward-up", daemon=True)
        upward.start()
        try:
            self._receive(remote)
        except KubecoderError as error:
            self._report(error)
        finally:
            self._ended.set()
            self.interrupt()
            upward.join()

    def _receive(self, remote: Channels) -> None:
        announced: set[int] = set()
        for channel, data in remote.frames():
            if channel not in announced:  # the first message of each channel only repeats the port
                announced.add(channel)
            elif channel == ERROR:
                reason = _reason(data.decode(errors="replace"))
                raise ClusterError(f"{self._subject}: {reason}", hint="is the program in the pod running?")
            elif channel == DATA:
                self._received_at = time.monotonic()
                try:
                    self._local.sendall(data)
                except OSError:  # whoever connected here has gone
                    return

    def _send(self, remote: Channels) -> None:
        try:
            while data := self._local.recv(CHUNK):
                remote.send(DATA, data)
            while not self._ended.wait(LINGER_SECONDS):
                if time.monotonic() - self._received_at >= LINGER_SECONDS:
                    break
        except (OSError, KubecoderError) as error:
            log.debug("forwarded connection broke: %s", error)
        remote.interrupt()


def _reason(text: str) -> str:
    """Shorten the kubelet's message, which names network namespaces and both address families."""
    if "connection refused" in text:
        return "nothing listens on that port"
    return text.strip()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        taken = error.errno == errno.EADDRINUSE
        raise UsageError(
            f"port {port} of this machine " + ("is in use" if taken else f"can't be used ({error.strerror})"),
            hint="choose another one, as in 8000:3000; 0 takes a free one",
        ) from error
    return listener
