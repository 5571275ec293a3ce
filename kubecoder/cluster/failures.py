"""Failures of the API and of the way to it, as errors that name the thing and the next step."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Mapping
from typing import Any

from kubecoder.errors import ApiError, UnreachableError

HINTS = {
    401: "the credentials in the kubeconfig are missing, wrong or expired: sign in to the cluster again, then try "
    "`kubectl auth whoami`",
    403: "ask a cluster admin for this permission; `kubecoder doctor` lists all that are needed",
    410: "list again: what was asked for is older than what the server keeps",
    413: "the object is too large for the API server",
    429: "the API server is overloaded: try again later or with a smaller --parallel",
    503: "the API server isn't ready: try again later",
}
REASON_HINTS = {
    "NoKindMatch": "the cluster doesn't serve this API: install what brings it, or switch off the option that needs it",
    "AlreadyExists": "somebody else has created it: look at it with kubectl before removing it",
}


def status_document(body: bytes) -> dict[str, Any] | None:
    """Parse an answer's body if it is a Kubernetes Status object, which every error of an API server is."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) and document.get("kind") == "Status" else None


def api_error(
    status: int, document: Mapping[str, Any] | None, *, subject: str, retry_after: float | None = None
) -> ApiError:
    """Turn an answer that isn't a success into the error to raise.

    Args:
        status: The HTTP status.
        document: The Status object of the answer, or None when the body isn't one.
        subject: The object or path that was asked for.
        retry_after: Seconds that the server asked to wait.
    """
    document = document or {}
    details = document.get("details") or {}
    reason = str(document.get("reason") or "")
    said = str(document.get("message") or f"HTTP {status} from something that isn't the API server")
    return ApiError(
        f"{subject}: {said}",
        status=status,
        reason=reason,
        causes=details.get("causes") or (),
        subject=subject,
        retry_after=retry_after,
        hint=REASON_HINTS.get(reason) or HINTS.get(status),
    )


def unreachable(error: BaseException, server: str) -> UnreachableError:
    """Turn a failure of the connection into the error to raise."""
    said, hint = _explain(error)
    return UnreachableError(f"no answer from {server}: {said}", hint=hint)


def _explain(error: BaseException) -> tuple[str, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate isn't trusted ({error.verify_message})",
            "check certificate-authority and tls-server-name of this context in the kubeconfig",
        )
    if isinstance(error, ssl.SSLError):
        return (
            f"the TLS handshake or connection failed ({getattr(error, 'reason', None) or error})",
            "check that the address is that of a Kubernetes API server, and the client certificate of the kubeconfig",
        )
    if isinstance(error, socket.gaierror):
        return (f"its name can't be resolved ({error.strerror})", "check the server's name and the network (VPN, DNS)")
    if isinstance(error, TimeoutError):
        return ("it took too long", "check the network (VPN, firewall), and that the API server is healthy")
    if isinstance(error, ConnectionRefusedError):
        return (
            "the connection was refused",
            "check that the cluster is running and that the context is the right one (--context)",
        )
    text = str(error) or type(error).__name__
    return (f"the connection broke ({text})", "try again; what was asked for may or may not have happened")
