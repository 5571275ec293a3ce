"""TLS, proxies and compression on real sockets."""

from __future__ import annotations

import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubecoder.cluster import Cluster
from kubecoder.errors import UnreachableError
from tests.rigs.certificates import Authority
from tests.unit.cluster.server import Incoming, Server, Wire, write_kubeconfig


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


def ok(incoming: Incoming, wire: Wire) -> None:
    wire.reply(200, {"path": incoming.path})


def connect(tmp_path: Path, url: str, authority: Authority, **parts: Any) -> Cluster:
    parts.setdefault("certificate-authority", str(authority.certificate_file))
    return Cluster.connect(str(write_kubeconfig(tmp_path / "kubeconfig", url, **parts)))


class Proxy:
    """An HTTP proxy that opens one tunnel at a time to wherever it is asked to, and remembers what it was asked."""

    def __init__(self, to: int, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.asked: list[str] = []
        self._to = to
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, client.makefile("rb") as reader:
                self.asked.append("".join(iter(lambda: reader.readline().decode(), "\r\n")))
                client.sendall(self._answer)
                if b"200" in self._answer:
                    self._pump(client)

    def _pump(self, client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._to)) as server:
            back = threading.Thread(target=self._copy, args=(server, client))
            back.start()
            self._copy(client, server)
            back.join()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


@pytest.fixture
def tls_server(authority: Authority) -> Iterator[Server]:
    with Server(ok, tls=authority.server_context("127.0.0.1", "kubernetes")) as server:
        yield server


def test_a_certificate_of_the_contexts_authority_is_trusted(
    tmp_path: Path, tls_server: Server, authority: Authority
) -> None:
    with connect(tmp_path, tls_server.url, authority) as cluster:
        for _ in range(3):
            assert cluster.request("GET", "/version") == {"path": "/version"}

    assert tls_server.connections == 1


def test_another_authority_is_refused_at_once(tmp_path: Path, tls_server: Server) -> None:
    other = Authority(tmp_path)

    with (
        connect(tmp_path, tls_server.url, other) as cluster,
        pytest.raises(UnreachableError, match="isn't trusted") as caught,
    ):
        cluster.request("GET", "/version")

    assert "certificate-authority" in str(caught.value.hint)
    assert (tls_server.connections, cluster.requests) == (1, 0)


def test_a_certificate_for_another_name_is_refused_unless_that_is_the_servers_name(
    tmp_path: Path, authority: Authority
) -> None:
    with Server(ok, tls=authority.server_context("kubernetes")) as server:
        with (
            connect(tmp_path, server.url, authority) as cluster,
            pytest.raises(UnreachableError, match="isn't trusted"),
        ):
            cluster.request("GET", "/version")

        with connect(tmp_path, server.url, authority, **{"tls-server-name": "kubernetes"}) as cluster:
            assert cluster.request("GET", "/version")


def test_verification_can_be_switched_off(tmp_path: Path, tls_server: Server) -> None:
    skip = {"insecure-skip-tls-verify": True, "certificate-authority": None}

    with connect(tmp_path, tls_server.url, Authority(tmp_path), **skip) as cluster:
        assert cluster.request("GET", "/version")


def test_a_client_certificate_is_shown(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.issue("client")
    user = {"client-certificate": str(certificate), "client-key": str(key)}

    with Server(ok, tls=authority.server_context("127.0.0.1", clients=True)) as server:
        with connect(tmp_path, server.url, authority, user=user) as cluster:
            assert cluster.request("GET", "/version")
            assert "authorization" not in server.seen[0].headers
        with connect(tmp_path, server.url, authority) as cluster, pytest.raises(UnreachableError):
            cluster.request("GET", "/version", retry=False)


def test_plain_http_where_tls_is_expected_is_explained(tmp_path: Path, authority: Authority) -> None:
    with Server(ok) as server:
        url = server.url.replace("http:", "https:")
        with connect(tmp_path, url, authority) as cluster, pytest.raises(UnreachableError, match="TLS") as caught:
            cluster.request("GET", "/version", retry=False)

    assert "Kubernetes API server" in str(caught.value.hint)


def test_a_name_that_doesnt_exist_is_explained(tmp_path: Path, authority: Authority) -> None:
    with (
        connect(tmp_path, "https://no-such-host.invalid:6443", authority) as cluster,
        pytest.raises(UnreachableError, match="can't be resolved") as caught,
    ):
        cluster.request("GET", "/version", retry=False)

    assert "DNS" in str(caught.value.hint)


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".example"])
def test_a_name_that_cant_exist_is_no_traceback(tmp_path: Path, authority: Authority, host: str) -> None:
    with connect(tmp_path, f"https://{host}:6443", authority) as cluster, pytest.raises(UnreachableError):
        cluster.request("GET", "/version", retry=False)


def test_a_proxy_is_asked_for_a_tunnel_with_its_credentials(
    tmp_path: Path, tls_server: Server, authority: Authority
) -> None:
    proxy = Proxy(tls_server.port)
    settings = {"proxy-url": f"http://me:p%40ss@127.0.0.1:{proxy.port}", "tls-server-name": "kubernetes"}
    try:
        with connect(tmp_path, "https://api.example:6443", authority, **settings) as cluster:
            monkey = cluster.request("GET", "/version")
            assert monkey == {"path": "/version"}
    finally:
        proxy.close()

    (asked,) = proxy.asked
    assert asked.startswith("CONNECT api.example:6443 HTTP/1.")
    assert f"Proxy-Authorization: Basic {b64encode(b'me:p@ss').decode()}" in asked
    assert "secret-token" not in asked


def test_a_proxy_that_refuses_is_explained(tmp_path: Path, authority: Authority) -> None:
    proxy = Proxy(0, b"HTTP/1.1 403 Forbidden\r\n\r\n")
    settings = {"proxy-url": f"http://127.0.0.1:{proxy.port}"}
    try:
        with (
            connect(tmp_path, "https://api.example:6443", authority, **settings) as cluster,
            pytest.raises(UnreachableError, match="403"),
        ):
            cluster.request("GET", "/version", retry=False)
    finally:
        proxy.close()


def test_compressed_answers_are_asked_for_only_where_they_help(tmp_path: Path, authority: Authority) -> None:
    def answer(incoming: Incoming, wire: Wire) -> None:
        zipped = incoming.headers["accept-encoding"] == "gzip"
        wire.zipped({"zipped": True}) if zipped else wire.reply(200, {"zipped": False})

    with Server(answer) as server, connect(tmp_path, server.url, authority) as cluster:
        assert cluster.request("GET", "/a", compressed=True) == {"zipped": True}
        assert cluster.request("GET", "/b") == {"zipped": False}


@pytest.mark.parametrize("body", [b"no gzip at all", b"\x1f\x8b\x08\x00 broken", b""], ids=["none", "broken", "empty"])
def test_a_broken_compressed_answer_is_a_broken_connection(tmp_path: Path, authority: Authority, body: bytes) -> None:
    with (
        Server(lambda _, wire: wire.raw(200, body, Content_Encoding="gzip")) as server,
        connect(tmp_path, server.url, authority) as cluster,
        pytest.raises(UnreachableError if body else Exception),
    ):
        cluster.request("GET", "/a", compressed=True, retry=False)


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/9.9 what\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    ],
)
def test_what_isnt_http_is_no_traceback(tmp_path: Path, authority: Authority, garbage: bytes) -> None:
    def answer(_: Incoming, wire: Wire) -> None:
        wire.sock.sendall(garbage)
        wire.sock.shutdown(socket.SHUT_RDWR)

    with (
        Server(answer) as server,
        connect(tmp_path, server.url, authority) as cluster,
        pytest.raises(Exception, match=r"the connection broke|isn't JSON"),
    ):
        cluster.request("GET", "/a", retry=False)


def test_old_certificates_without_newer_extensions_are_trusted(authority: Authority, tmp_path: Path) -> None:
    """Python 3.13 would refuse the CAs of many clusters; no other client does."""
    with connect(tmp_path, "https://127.0.0.1:1", authority) as cluster:
        tls = cluster.exchange.access.address.tls

    assert tls is not None
    assert not tls.verify_flags & ssl.VERIFY_X509_STRICT
