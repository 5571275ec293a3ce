"""Forwarded ports, against a scripted kubelet; the real one is in tests/node."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

import pytest

from kubecoder.cluster import Cluster, portforward
from kubecoder.cluster.portforward import DATA, ERROR, Forward
from kubecoder.errors import ApiError, KubecoderError, UsageError
from tests.unit.cluster.server import Incoming, Script, Server, Wire, status
from tests.unit.cluster.websocket import BINARY, Peer

Serve = Callable[[Script], Server]
Connect = Callable[..., Cluster]
PORT = 6090


def kubelet(serve_pod: Callable[[Peer], Any]) -> Script:
    """Announce the port on both channels, as the kubelet does, then act as the pod."""

    def answer(incoming: Incoming, wire: Wire) -> None:
        peer = Peer.accept(incoming, wire)
        for channel in (DATA, ERROR):
            peer.send(channel, struct.pack("<H", PORT))
        serve_pod(peer)

    return answer


def echo(peer: Peer) -> None:
    while True:
        code, payload = peer.receive()
        if code == BINARY:
            peer.send(DATA, payload[1:])


def dial(forward: Forward) -> socket.socket:
    return socket.create_connection(("127.0.0.1", forward.port), timeout=20)


@pytest.fixture(autouse=True)
def no_thread_stays() -> Any:
    before = set(threading.enumerate())
    yield
    left = [each for each in set(threading.enumerate()) - before if each.name.startswith("kubecoder-forward")]
    assert left == []


def test_bytes_go_both_ways_over_connections_of_their_own(serve: Serve, connect: Connect) -> None:
    server = serve(kubelet(echo))
    with Forward(connect(server), "coder", "pod-1", PORT) as forward:
        for text in (b"one", b"two"):
            with dial(forward) as local:
                local.sendall(text)
                assert local.recv(10) == text

    assert [seen.target for seen in server.seen] == ["/api/v1/namespaces/coder/pods/pod-1/portforward?ports=6090"] * 2


def test_the_pods_end_is_the_local_end(serve: Serve, connect: Connect) -> None:
    def greet(peer: Peer) -> None:
        peer.send(DATA, b"hello and good bye")
        peer.close()

    with Forward(connect(serve(kubelet(greet))), "coder", "pod-1", PORT) as forward, dial(forward) as local:
        assert local.makefile("rb").read() == b"hello and good bye"


def test_an_answer_still_comes_when_the_local_side_has_finished_sending(serve: Serve, connect: Connect) -> None:
    def answer(peer: Peer) -> None:
        peer.receive()
        threading.Event().wait(0.1)
        peer.send(DATA, b"answer")
        peer.close()

    with Forward(connect(serve(kubelet(answer))), "coder", "pod-1", PORT) as forward, dial(forward) as local:
        local.sendall(b"question")
        local.shutdown(socket.SHUT_WR)
        assert local.makefile("rb").read() == b"answer"


def test_a_local_side_that_is_gone_isnt_waited_for_forever(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portforward, "LINGER_SECONDS", 0.1)
    ended = threading.Event()

    def wait(peer: Peer) -> None:
        try:
            peer.receive()
        except ConnectionError:
            ended.set()

    with Forward(connect(serve(kubelet(wait))), "coder", "pod-1", PORT) as forward:
        dial(forward).close()
        assert ended.wait(10)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            b"error forwarding port 6090 to pod abc: IPv4: dial tcp4 127.0.0.1:6090: connect: connection refused",
            "port 6090 of Pod coder/pod-1: nothing listens on that port",
        ),
        (b"network namespace is closed\n", "port 6090 of Pod coder/pod-1: network namespace is closed"),
    ],
)
def test_why_a_port_cant_be_reached_is_told(serve: Serve, connect: Connect, said: bytes, message: str) -> None:
    errors: list[KubecoderError] = []
    server = serve(kubelet(lambda peer: peer.send(ERROR, said)))

    with Forward(connect(server), "coder", "pod-1", PORT, on_error=errors.append) as forward, dial(forward) as local:
        assert local.recv(1) == b""

    assert [error.message for error in errors] == [message]


def test_a_pod_that_is_gone_is_told(serve: Serve, connect: Connect) -> None:
    errors: list[KubecoderError] = []
    told = threading.Event()
    server = serve(lambda _, wire: wire.reply(404, status(404, "NotFound", 'pods "pod-1" not found')))

    def tell(error: KubecoderError) -> None:
        errors.append(error)
        told.set()

    with Forward(connect(server), "coder", "pod-1", PORT, on_error=tell) as forward, dial(forward) as local:
        assert told.wait(20)
        assert local.recv(1) == b""

    assert isinstance(errors[0], ApiError)
    assert errors[0].status == 404


def test_a_broken_connection_is_told_and_ends_the_local_one(serve: Serve, connect: Connect) -> None:
    errors: list[KubecoderError] = []
    server = serve(kubelet(lambda peer: peer.wire.sock.shutdown(socket.SHUT_RDWR)))

    with Forward(connect(server), "coder", "pod-1", PORT, on_error=errors.append) as forward, dial(forward) as local:
        assert local.recv(1) == b""

    assert "closed the connection" in str(errors[0])


def test_closing_ends_open_connections_silently(
    serve: Serve, connect: Connect, capfd: pytest.CaptureFixture[str]
) -> None:
    errors: list[KubecoderError] = []
    forward = Forward(connect(serve(kubelet(echo))), "coder", "pod-1", PORT, on_error=errors.append)
    with dial(forward) as used, dial(forward) as unused:
        used.sendall(b"x")
        assert used.recv(1) == b"x"

        forward.close()

        assert used.recv(1) == b""
        assert unused.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        dial(forward)
    assert errors == []
    assert capfd.readouterr() == ("", "")


def test_a_port_that_is_taken_is_a_usage_error(serve: Serve, connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {taken} of this machine is in use"):
            Forward(connect(serve(kubelet(echo))), "coder", "pod-1", PORT, local_port=taken)
