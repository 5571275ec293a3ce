import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kubecoder.status.certificate import Certificate, from_certificate, from_secret

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def pem(end: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "john.dev.example.com")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = builder.not_valid_before(end - timedelta(days=90)).not_valid_after(end).sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM)


def secret(data: dict[str, bytes]) -> dict[str, Any]:
    return {"data": {key: base64.b64encode(value).decode() for key, value in data.items()}}


def test_a_secrets_first_certificate_is_read() -> None:
    end = NOW + timedelta(days=30)

    assert from_secret(secret({"tls.crt": pem(end) + pem(end + timedelta(days=900))}), NOW) == Certificate(
        end, ready=True
    )


def test_an_expired_certificate_is_not_ready() -> None:
    end = NOW - timedelta(days=1)

    assert from_secret(secret({"tls.crt": pem(end)}), NOW) == Certificate(end, ready=False, message="expired")


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ({}, "the Secret has no tls.crt"),
        (secret({"tls.key": b"x"}), "the Secret has no tls.crt"),
        (secret({"tls.crt": b"not a certificate"}), "tls.crt in the Secret isn't a certificate"),
        ({"data": {"tls.crt": "%%%"}}, "tls.crt in the Secret isn't a certificate"),
    ],
)
def test_a_secret_without_a_certificate_says_so(manifest: dict[str, Any], message: str) -> None:
    assert from_secret(manifest, NOW) == Certificate(None, ready=False, message=message)


def test_cert_managers_own_word_is_taken() -> None:
    ready = {"type": "Ready", "status": "True"}
    issued = {"status": {"notAfter": "2026-03-01T00:00:00Z", "conditions": [ready]}}
    pending = {"status": {"conditions": [{**ready, "status": "False", "message": "Issuing certificate"}]}}

    assert from_certificate(issued) == Certificate(datetime(2026, 3, 1, tzinfo=UTC), ready=True)
    assert from_certificate(pending) == Certificate(None, ready=False, message="Issuing certificate")
    assert from_certificate({}) == Certificate(None, ready=False, message="not issued yet")
