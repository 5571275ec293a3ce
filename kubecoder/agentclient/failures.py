"""Failures of an agent and of the way to it, as errors that name the thing and the next step."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import httpx
from pydantic import ValidationError

from agent.models import ErrorBody
from kubecoder.errors import AgentError, AgentUnreachableError, KubecoderError, NotFoundError

HINTS = {
    "unauthorized": "take a current token from the dashboard's Access page",
    "task_not_found": "kubecoder task list",
    "permission_not_found": "kubecoder task status ID shows what is asked",
}
ADDRESS_HINT = "KUBECODER_URL is the workspace's own address, such as https://john.dev.company.com"
GATEWAY_STATUSES = frozenset({502, 503, 504})
"""What a gateway answers while the agent behind it can't be reached."""


def error_body(response: httpx.Response) -> ErrorBody | None:
    """Return what the agent says about a failure; None when something else has answered."""
    try:
        return ErrorBody.model_validate_json(response.content)
    except ValidationError:
        return None


def is_gateway(response: httpx.Response) -> bool:
    """Tell whether a gateway answers in place of the agent."""
    return response.status_code in GATEWAY_STATUSES and error_body(response) is None


def refused(response: httpx.Response, workspace: str) -> KubecoderError:
    """Turn an answer that isn't a success into the error to raise."""
    status, body = response.status_code, error_body(response)
    if body is None:
        return _foreign(response, workspace)
    hint = body.hint or HINTS.get(body.code)
    if body.code in ("task_not_found", "permission_not_found"):
        return NotFoundError(f"{workspace}: {body.error}", hint=hint)
    if status == 404 and body.code == "not_found":
        return AgentError(
            f"the agent of {workspace} doesn't know this request",
            status=status,
            code=body.code,
            hint="it is an older version; `kubecoder deploy` with a newer image brings a newer one",
        )
    return AgentError(f"{workspace}: {body.error}", status=status, code=body.code, hint=hint)


def unreachable(error: Exception, workspace: str) -> AgentUnreachableError:
    """Turn a failure of the connection into the error to raise; nothing of a request is in it."""
    said, hint = _explain(error)
    return AgentUnreachableError(f"no answer from the agent of {workspace}: {said}", hint=hint)


def strange(workspace: str) -> AgentError:
    """Return the error for an answer whose content isn't what the API promises."""
    return AgentError(
        f"{workspace} answered something that this version doesn't understand",
        hint="`kubecoder version` shows yours; a newer agent needs a newer kubecoder",
    )


def _foreign(response: httpx.Response, workspace: str) -> AgentError:
    status = response.status_code
    if status in GATEWAY_STATUSES:
        return AgentUnreachableError(
            f"no answer from the agent of {workspace}: the gateway says {status}",
            status=status,
            hint="kubecoder status shows whether the workspace is up",
        )
    what = "a redirect" if response.is_redirect else "something that isn't the Task API"
    return AgentError(f"{workspace} answered with {what} ({status})", status=status, hint=ADDRESS_HINT)


def _explain(error: Exception) -> tuple[str, str]:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"its certificate isn't trusted ({cause.verify_message})",
                "SSL_CERT_FILE names further authorities",
            )
        if isinstance(cause, ssl.SSLError):
            return (f"the TLS handshake failed ({getattr(cause, 'reason', None) or 'no reason given'})", ADDRESS_HINT)
        if isinstance(cause, ConnectionRefusedError):
            return ("the connection was refused", "is the workspace up? `kubecoder status`")
    if isinstance(error, httpx.TimeoutException):
        return ("it took too long", "check the network, and that the workspace is up: `kubecoder status`")
    if isinstance(error, httpx.ConnectError):
        return (f"no connection ({error})", "check the address and the network (VPN, DNS)")
    if isinstance(error, httpx.ProxyError):
        return ("the proxy refused", "check HTTPS_PROXY and NO_PROXY")
    # Only the kind: a protocol error of the library may quote a header.
    return (f"the connection broke ({type(error).__name__})", "try again; what was asked for may have happened")


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
