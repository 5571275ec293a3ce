"""Numbered channels over a WebSocket: frames of all shapes, both directions at once, and how it ends."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecoder.cluster import Cluster, channels
from kubecoder.cluster.channels import Channels, mask
from kubecoder.errors import ApiError, UnreachableError
from tests.rigs.certificates import Authority
from tests.unit.cluster.server import Incoming, Script, Server, Wire, status, write_kubeconfig
from tests.unit.cluster.websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, Peer

Serve = Callable[[Script], Server]
Connect = Callable[..., Cluster]
PROTOCOL = "v5.channel.k8s.io"


def opened(cluster: Cluster) -> Channels:
    return channels.connect(cluster, "/exec", [("command", "a b"), ("command", "c")], protocol=PROTOCOL, subject="exec")


def talking(talk: Callable[[Peer], Any], **headers: str) -> Script:
    def answer(incoming: Incoming, wire: Wire) -> None:
        talk(Peer.accept(incoming, wire, **headers))

    return answer


def test_the_handshake_is_a_request_like_any_other(serve: Serve, connect: Connect) -> None:
    server = serve(talking(Peer.close))
    cluster = connect(server)

    with opened(cluster) as connection:
        assert list(connection.frames()) == []

    (seen,) = server.seen
    assert seen.target == "/exec?command=a+b&command=c"
    assert seen.headers["authorization"] == "Bearer secret-token"
    assert seen.headers["upgrade"] == "websocket"
    assert cluster.requests == 1


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 300_000])
def test_frames_of_every_length_go_both_ways(serve: Serve, connect: Connect, size: int) -> None:
    data = os.urandom(size)
    got: list[tuple[int, bytes]] = []

    def echo(peer: Peer) -> None:
        got.append(peer.receive())
        peer.send(1, data)
        peer.close()

    with opened(connect(serve(talking(echo)))) as connection:
        connection.send(0, data)
        assert list(connection.frames()) == [(1, data)]

    assert got == [(BINARY, b"\x00" + data)]


def test_a_message_may_come_in_several_frames_with_pings_between(serve: Serve, connect: Connect) -> None:
    answered: list[tuple[int, bytes]] = []
    done = threading.Event()

    def talk(peer: Peer) -> None:
        peer.frame(BINARY, b"\x01he", final=False)
        peer.frame(PING, b"there?")
        peer.frame(CONTINUATION, b"llo")
        answered.append(peer.receive())
        peer.close()
        answered.append(peer.receive())
        done.set()

    with opened(connect(serve(talking(talk)))) as connection:
        assert list(connection.frames()) == [(1, b"hello")]

    assert done.wait(10)
    assert answered == [(PONG, b"there?"), (CLOSE, b"\x03\xe8")]


def test_what_comes_with_the_handshake_isnt_lost(serve: Serve, connect: Connect) -> None:
    """The first frames may sit in the same packet as the headers."""

    def answer(incoming: Incoming, wire: Wire) -> None:
        real, packet = wire.sock, bytearray()
        wire.sock = type("Collector", (), {"sendall": lambda _, data: packet.extend(data)})()
        peer = Peer.accept(incoming, wire)
        peer.send(1, b"early")
        peer.close()
        wire.sock = real
        real.sendall(packet)

    with opened(connect(serve(answer))) as connection:
        assert list(connection.frames()) == [(1, b"early")]


def test_silence_is_filled_with_pings(serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "PING_SECONDS", 0.05)
    heard: list[int] = []

    def talk(peer: Peer) -> None:
        heard.extend(peer.receive()[0] for _ in range(2))
        peer.close()

    with opened(connect(serve(talking(talk)))) as connection:
        assert list(connection.frames()) == []

    assert heard == [PING, PING]


def test_a_connection_that_breaks_says_so(serve: Serve, connect: Connect) -> None:
    server = serve(talking(lambda peer: peer.wire.sock.shutdown(socket.SHUT_RDWR)))

    with opened(connect(server)) as connection, pytest.raises(UnreachableError, match="closed the connection"):
        list(connection.frames())


def test_a_frame_too_large_to_be_true_isnt_waited_for(serve: Serve, connect: Connect) -> None:
    huge = b"\x82\x7f" + (1 << 40).to_bytes(8, "big")
    server = serve(talking(lambda peer: peer.wire.sock.sendall(huge)))

    with opened(connect(server)) as connection, pytest.raises(UnreachableError, match="too large"):
        list(connection.frames())


def test_interrupting_ends_reading_in_another_thread_and_fails_sending(serve: Serve, connect: Connect) -> None:
    release = threading.Event()

    with opened(connect(serve(talking(lambda _: release.wait(10))))) as connection:
        interrupt = threading.Timer(0.1, connection.interrupt)
        interrupt.start()
        assert list(connection.frames()) == []
        interrupt.join()
        with pytest.raises(UnreachableError):
            connection.send(0, b"x" * 10_000_000)
    release.set()


def test_a_refused_handshake_is_the_api_servers_own_error(serve: Serve, connect: Connect) -> None:
    server = serve(lambda _, wire: wire.reply(403, status(403, "Forbidden", "may not exec")))

    with pytest.raises(ApiError, match="exec: may not exec") as caught:
        opened(connect(server))

    assert caught.value.status == 403


@pytest.mark.parametrize(
    "headers", [{"Sec_WebSocket_Accept": "wrong"}, {"Sec_WebSocket_Protocol": "v4.channel.k8s.io"}]
)
def test_a_server_that_doesnt_speak_the_protocol_is_named(
    serve: Serve, connect: Connect, headers: dict[str, str]
) -> None:
    with pytest.raises(ApiError, match="doesn't speak v5") as caught:
        opened(connect(serve(talking(lambda peer: None, **headers))))

    assert "1.30" in str(caught.value.hint)


def test_an_answer_that_isnt_an_upgrade_is_named(serve: Serve, connect: Connect) -> None:
    with pytest.raises(ApiError, match="doesn't speak"):
        opened(connect(serve(lambda _, wire: wire.reply(200, {}))))


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_one_thread_reads_while_another_cant_send(tmp_path: Path, tls: bool) -> None:
    """The server reads nothing until it has sent all, more than any buffer holds: whoever takes turns hangs."""
    authority = Authority(tmp_path)
    pieces = [os.urandom(30_000) for _ in range(150)]
    got: list[bytes] = []

    def talk(peer: Peer) -> None:
        for piece in pieces:
            peer.send(1, piece)
        got.extend(peer.receive()[1][1:] for _ in pieces)
        peer.close()

    def send_all(connection: Channels) -> None:
        for piece in pieces:
            connection.send(0, piece)

    with Server(talking(talk), tls=authority.server_context("127.0.0.1") if tls else None) as server:
        kubeconfig = tmp_path / "kubeconfig"
        write_kubeconfig(kubeconfig, server.url, **{"certificate-authority": str(authority.certificate_file)})
        with Cluster.connect(str(kubeconfig)) as cluster, opened(cluster) as connection:
            sender = threading.Thread(target=send_all, args=(connection,))
            sender.start()
            received = [data for _, data in connection.frames()]
            sender.join()

    assert received == pieces
    assert got == pieces


@given(payload=st.binary(max_size=70), key=st.binary(min_size=4, max_size=4))
def test_masking_is_what_the_standard_says(payload: bytes, key: bytes) -> None:
    assert mask(payload, key) == bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))
