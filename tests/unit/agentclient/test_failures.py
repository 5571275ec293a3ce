"""Every failure of the HTTP library and of the agent is an error that names the thing and shows no secret."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import httpx
import pytest

from kubecoder.agentclient.failures import is_gateway, refused, unreachable
from kubecoder.errors import AgentError, AgentUnreachableError, NotFoundError
from tests.unit.agentclient.conftest import refusal


def answer(status: int, document: object = None, **headers: str) -> httpx.Response:
    if document is None:
        return httpx.Response(status, headers=headers, text="<html>")
    return httpx.Response(status, headers=headers, json=document)


def request_errors(parent: type[httpx.RequestError] = httpx.RequestError) -> Iterator[type[httpx.RequestError]]:
    for child in parent.__subclasses__():
        yield child
        yield from request_errors(child)


@pytest.mark.parametrize("kind", list(dict.fromkeys(request_errors())))
def test_every_error_of_the_library_becomes_one_of_ours(kind: type[httpx.RequestError]) -> None:
    error = unreachable(kind("b'Bearer token-1'" if kind is httpx.LocalProtocolError else "it broke"), "john")
    assert error.exit_code == 6
    assert error.message.startswith("no answer from the agent of john: ")
    assert error.hint
    assert "token-1" not in error.message


def caused(cause: BaseException) -> httpx.ConnectError:
    error = httpx.ConnectError("it broke")
    error.__cause__ = cause
    return error


def test_a_certificate_that_is_not_trusted_says_so() -> None:
    cause = ssl.SSLCertVerificationError("no")
    cause.verify_message = "self-signed certificate"
    assert "isn't trusted (self-signed certificate)" in unreachable(caused(cause), "john").message


@pytest.mark.parametrize(
    ("cause", "said"),
    [(ssl.SSLError(), "the TLS handshake failed"), (ConnectionRefusedError(), "the connection was refused")],
)
def test_the_cause_below_the_library_is_named(cause: Exception, said: str) -> None:
    assert said in unreachable(caused(cause), "john").message


@pytest.mark.parametrize("code", ["task_not_found", "permission_not_found"])
def test_what_is_not_there_is_a_not_found_error(code: str) -> None:
    error = refused(answer(404, refusal(code, "no task x")), "john")
    assert isinstance(error, NotFoundError)
    assert error.message == "john: no task x"
    assert error.hint


def test_the_agents_own_words_and_hint_are_passed_on() -> None:
    error = refused(answer(409, refusal("not_signed_in", "Claude isn't signed in", hint="run claude")), "john")
    assert isinstance(error, AgentError)
    assert (error.status, error.code, error.message, error.hint) == (
        409,
        "not_signed_in",
        "john: Claude isn't signed in",
        "run claude",
    )


def test_a_refused_token_names_where_to_get_one() -> None:
    assert "Access page" in str(refused(answer(401, refusal("unauthorized")), "john").hint)


def test_a_route_that_an_older_agent_lacks_is_said_to_be_one() -> None:
    error = refused(answer(404, refusal("not_found")), "john")
    assert "older version" in str(error.hint)


def test_a_session_that_has_ended_is_said_in_the_agents_words() -> None:
    error = refused(answer(404, refusal("not_running", "Session is no longer running", hint="resume it")), "john")
    assert (error.message, error.hint, error.exit_code) == ("john: Session is no longer running", "resume it", 6)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_without_its_agent_is_no_answer(status: int) -> None:
    assert is_gateway(answer(status))
    assert isinstance(refused(answer(status), "john"), AgentUnreachableError)
    assert not is_gateway(answer(status, refusal("unavailable")))


def test_a_page_that_is_not_the_api_is_named_so() -> None:
    assert "something that isn't the Task API (200)" in refused(answer(200), "john").message
    assert "a redirect (302)" in refused(answer(302, location="https://x/"), "john").message
