"""Where requests of the session listener may come from."""

from __future__ import annotations

import pytest

from agent.access.origin import check_request, check_upgrade
from agent.errors import AgentError, ForeignOriginError, JsonOnlyError, WrongHostError

ORIGIN = "https://alice.dev.test"
HOST = (b"host", b"alice.dev.test")
SAME_SITE = (b"sec-fetch-site", b"same-origin")
OURS = (b"origin", ORIGIN.encode())
JSON = (b"content-type", b"application/json")
BODY = (b"content-length", b"2")
Headers = tuple[tuple[bytes, bytes], ...]


def refusal(method: str, *headers: tuple[bytes, bytes]) -> type[AgentError] | None:
    try:
        check_request(method, headers, origin=ORIGIN)
    except AgentError as error:
        return type(error)
    return None


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("site", [b"cross-site", b"same-site", b"none", b"same-origin"])
def test_a_safe_method_may_come_from_anywhere(method: str, site: bytes) -> None:
    assert refusal(method, HOST, (b"sec-fetch-site", site), (b"origin", b"https://evil.test")) is None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"])
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((), ForeignOriginError),
        ((SAME_SITE,), None),
        ((OURS,), None),
        ((SAME_SITE, OURS), None),
        (((b"sec-fetch-site", b"same-site"),), ForeignOriginError),
        (((b"sec-fetch-site", b"cross-site"), OURS), ForeignOriginError),
        (((b"sec-fetch-site", b"none"), OURS), ForeignOriginError),
        ((SAME_SITE, (b"sec-fetch-site", b"cross-site")), ForeignOriginError),
        ((SAME_SITE, (b"origin", b"https://bob.dev.test")), ForeignOriginError),
        (((b"origin", b"null"),), ForeignOriginError),
        (((b"origin", b"http://alice.dev.test"),), ForeignOriginError),
        (((b"origin", b"https://alice.dev.test:8443"),), ForeignOriginError),
        (((b"origin", b"https://alice.dev.test.evil.test"),), ForeignOriginError),
        ((OURS, (b"origin", b"https://evil.test")), ForeignOriginError),
        (((b"referer", b"https://alice.dev.test/"),), ForeignOriginError),
    ],
)
def test_a_change_must_come_from_our_own_page(method: str, headers: Headers, expected: type[AgentError] | None) -> None:
    assert refusal(method, HOST, *headers) is expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((BODY, JSON), None),
        ((BODY, (b"content-type", b"Application/JSON; charset=utf-8")), None),
        (((b"content-length", b"0"),), None),
        ((BODY,), JsonOnlyError),
        ((BODY, (b"content-type", b"text/plain")), JsonOnlyError),
        ((BODY, (b"content-type", b"application/x-www-form-urlencoded")), JsonOnlyError),
        ((BODY, (b"content-type", b"multipart/form-data; boundary=x")), JsonOnlyError),
        ((BODY, (b"content-type", b"application/jsonp")), JsonOnlyError),
        ((BODY, JSON, (b"content-type", b"text/plain")), JsonOnlyError),
        (((b"transfer-encoding", b"chunked"),), JsonOnlyError),
        (((b"transfer-encoding", b"chunked"), JSON), None),
    ],
)
def test_a_body_must_be_json(headers: Headers, expected: type[AgentError] | None) -> None:
    assert refusal("POST", HOST, SAME_SITE, *headers) is expected


@pytest.mark.parametrize(
    "hosts",
    [(), (b"bob.dev.test",), (b"127.0.0.1",), (b"alice.dev.test:443",), (b"alice.dev.test", b"alice.dev.test")],
)
def test_another_host_is_refused(hosts: tuple[bytes, ...]) -> None:
    assert refusal("GET", *((b"host", host) for host in hosts)) is WrongHostError


def test_a_host_in_capitals_is_the_same_host() -> None:
    assert refusal("GET", (b"Host", b"Alice.Dev.Test")) is None


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ((HOST, OURS), True),
        ((HOST,), False),
        ((HOST, SAME_SITE), False),
        ((HOST, (b"origin", b"https://bob.dev.test")), False),
        ((HOST, (b"origin", b"null")), False),
        ((HOST, OURS, OURS), False),
        (((b"host", b"bob.dev.test"), OURS), False),
    ],
)
def test_a_websocket_needs_exactly_our_origin(headers: Headers, allowed: bool) -> None:
    if allowed:
        check_upgrade(headers, origin=ORIGIN)
    else:
        with pytest.raises((ForeignOriginError, WrongHostError)):
            check_upgrade(headers, origin=ORIGIN)
