"""How long the certificate of a host is valid, from cert-manager's Certificate or from the TLS Secret."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from kubecoder.models.manifest import Manifest
from kubecoder.models.pod import condition


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate of a workspace's host.

    Attributes:
        not_after: Its end, None while there is none.
        ready: Whether it is there and up to date.
        message: Why it isn't.
    """

    not_after: datetime | None
    ready: bool
    message: str = ""


def from_certificate(manifest: Manifest) -> Certificate:
    """Read cert-manager's Certificate."""
    ready = condition(manifest, "Ready")
    end = manifest.get("status", {}).get("notAfter", "")
    is_ready = ready.get("status") == "True"
    message = "" if is_ready else str(ready.get("message") or "not issued yet")
    return Certificate(datetime.fromisoformat(end).astimezone(UTC) if end else None, is_ready, message)


def from_secret(manifest: Manifest, now: datetime) -> Certificate:
    """Read a TLS Secret; its first certificate is the host's own."""
    encoded: Mapping[str, Any] = manifest.get("data") or {}
    try:
        first = x509.load_pem_x509_certificate(base64.b64decode(encoded["tls.crt"], validate=True))
    except KeyError:
        return Certificate(None, ready=False, message="the Secret has no tls.crt")
    except (ValueError, binascii.Error):
        return Certificate(None, ready=False, message="tls.crt in the Secret isn't a certificate")
    end = first.not_valid_after_utc
    return Certificate(end, ready=end > now, message="" if end > now else "expired")
