"""Where a request of the session listener may come from.

The door has no such check: a page on a sibling host of the same domain can send POSTs
and open WebSockets with the victim's cookie, whatever SameSite says.
"""

from __future__ import annotations

from agent.access.headers import Headers, collect
from agent.errors import ForeignOriginError, JsonOnlyError, WrongHostError

SAFE_METHODS = frozenset({"GET", "HEAD"})


def check_request(method: str, headers: Headers, *, origin: str) -> None:
    """Check an HTTP request of the session listener.

    Raises:
        WrongHostError: Its Host isn't the workspace's own.
        ForeignOriginError: It may change state and comes from another page, or doesn't say from where.
        JsonOnlyError: It has a body that isn't JSON.
    """
    values = collect(headers)
    _check_host(values, origin)
    if method in SAFE_METHODS:
        return
    site = values.get(b"sec-fetch-site")
    source = values.get(b"origin")
    if site is not None and site != [b"same-origin"]:
        raise ForeignOriginError("the request comes from another site")
    if source is not None and source != [origin.encode()]:
        raise ForeignOriginError("the request comes from another origin")
    if site is None and source is None:
        raise ForeignOriginError("the request doesn't say where it comes from")
    if _has_body(values) and not _is_json(values):
        raise JsonOnlyError("the body must be application/json")


def check_upgrade(headers: Headers, *, origin: str) -> None:
    """Check a WebSocket handshake; browsers send Origin with it, and no Sec-Fetch headers.

    Raises:
        WrongHostError: Its Host isn't the workspace's own.
        ForeignOriginError: Its Origin isn't exactly ours.
    """
    values = collect(headers)
    _check_host(values, origin)
    if values.get(b"origin") != [origin.encode()]:
        raise ForeignOriginError("the WebSocket comes from another origin")


def _check_host(values: dict[bytes, list[bytes]], origin: str) -> None:
    host = origin.partition("://")[2]
    found = values.get(b"host", [])
    if len(found) != 1 or found[0].lower() != host.encode():
        raise WrongHostError("this workspace doesn't answer under that name", hint=f"its name is {host}")


def _has_body(values: dict[bytes, list[bytes]]) -> bool:
    return b"transfer-encoding" in values or values.get(b"content-length", [b"0"]) != [b"0"]


def _is_json(values: dict[bytes, list[bytes]]) -> bool:
    found = values.get(b"content-type", [])
    return len(found) == 1 and found[0].split(b";", 1)[0].strip().lower() == b"application/json"
