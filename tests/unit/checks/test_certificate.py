"""The certificate that a host shows, with the host played on loopback."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kubecoder.checks import outside
from tests.fleets import user

HOST = "john.dev.example.com"


def write_certificate(directory: Path, host: str, days: float) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=90))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    )
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = directory / f"{host}-{days}.pem"
    file.write_bytes(certificate + private)
    return file


@contextmanager
def serving(file: Path) -> Iterator[tuple[str, int]]:
    """Shake hands once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            accepted, _ = server.accept()
            with accepted, suppress(OSError), context.wrap_socket(accepted, server_side=True) as secured:
                secured.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()
        thread.join()


@pytest.mark.parametrize(
    ("shown", "days", "is_trusted", "result", "evidence"),
    [
        (HOST, 60.5, True, "pass", f"{HOST}: valid for 60 more days"),
        (HOST, 5.5, True, "warn", f"{HOST}: valid for 5 more days"),
        (HOST, -1, True, "fail", f"{HOST}: certificate has expired"),
        (HOST, 60.5, False, "fail", f"{HOST}: self-signed certificate"),
        ("other.example.com", 60.5, True, "fail", f"{HOST}: Hostname mismatch"),
    ],
)
def test_the_certificate_that_the_host_shows(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shown: str,
    days: float,
    is_trusted: bool,
    result: str,
    evidence: str,
) -> None:
    file = write_certificate(tmp_path, shown, days)
    trusting = ssl.create_default_context(cafile=str(file) if is_trusted else None)
    monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
    connect = socket.create_connection
    with serving(file) as address:
        monkeypatch.setattr(socket, "create_connection", lambda _, timeout: connect(address, timeout=timeout))

        found = outside.certificate(user("john"))

    assert found.outcome == result
    assert found.evidence.startswith(evidence)


def test_a_host_that_is_not_reachable_from_here_is_a_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", refuse)

    found = outside.certificate(user("john"))

    assert (found.outcome, found.evidence) == ("skip", f"{HOST} isn't reachable from here: Connection refused")


def test_without_tls_there_is_no_certificate() -> None:
    assert outside.certificate(user("john", ingress={"tls": {"enabled": False}})).evidence == "ingress.tls is off"
