"""Every failure of the way to the API becomes one of our errors, with a next step."""

from __future__ import annotations

import http.client
import inspect
import socket
import ssl
import zlib

import pytest

from kubecoder.cluster.failures import api_error, status_document, unreachable
from kubecoder.cluster.stream import NETWORK_ERRORS
from kubecoder.errors import ClusterError, UnreachableError
from tests.unit.cluster.server import status

SERVER = "https://10.0.0.1:6443"


def exceptions_of(*modules: object) -> list[type[BaseException]]:
    found = {
        value
        for module in modules
        for name, value in vars(module).items()
        if not name.startswith("_")
        if inspect.isclass(value) and issubclass(value, BaseException)
    }
    return sorted(found, key=lambda each: f"{each.__module__}.{each.__qualname__}")


@pytest.mark.parametrize("kind", exceptions_of(http.client, ssl, socket, zlib), ids=lambda kind: kind.__qualname__)
def test_no_exception_of_the_libraries_goes_uncaught(kind: type[BaseException]) -> None:
    """What is new in a Python version shows up here first."""
    assert issubclass(kind, NETWORK_ERRORS)


@pytest.mark.parametrize(
    ("error", "says", "hint"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "the connection was refused", "--context"),
        (ConnectionResetError(104, "Connection reset by peer"), "the connection broke", "try again"),
        (http.client.RemoteDisconnected("closed"), "the connection broke (closed)", "try again"),
        (http.client.IncompleteRead(b"", 3), "the connection broke", "try again"),
        (TimeoutError("timed out"), "took too long", "VPN"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known", "DNS"),
        (ssl.SSLError(1, "wrong version number"), "TLS", "Kubernetes API server"),
        (EOFError(), "the connection broke (EOFError)", "try again"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_unreachable_says_why_and_what_next(error: Exception, says: str, hint: str) -> None:
    made = unreachable(error, SERVER)

    assert isinstance(made, UnreachableError)
    assert SERVER in made.message
    assert says in made.message
    assert hint in str(made.hint)


def test_an_untrusted_certificate_names_the_keys_to_look_at() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"

    made = unreachable(error, SERVER)

    assert "self-signed certificate" in made.message
    assert "certificate-authority" in str(made.hint)


def test_a_status_object_becomes_an_error_with_subject_reason_and_causes() -> None:
    causes = [{"reason": "FieldValueInvalid", "message": "no", "field": "spec.replicas"}]
    document = status(422, "Invalid", 'Deployment "web" is invalid: no', causes=causes)

    error = api_error(422, document, subject="Deployment coder/web")

    assert str(error) == 'Deployment coder/web: Deployment "web" is invalid: no'
    assert (error.status, error.reason, error.causes) == (422, "Invalid", tuple(causes))
    assert isinstance(error, ClusterError)


def test_an_answer_of_something_else_is_told_apart() -> None:
    error = api_error(502, None, subject="Secret coder/s", retry_after=3)

    assert str(error) == "Secret coder/s: HTTP 502 from something that isn't the API server"
    assert error.retry_after == 3


@pytest.mark.parametrize("code", [401, 403, 410, 413, 429, 503])
def test_refusals_that_a_person_can_act_on_have_a_hint(code: int) -> None:
    assert api_error(code, status(code), subject="x").hint


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"kind": "Secret"}', b"\xff\xfe"])
def test_only_a_status_object_counts_as_one(body: bytes) -> None:
    assert status_document(body) is None
