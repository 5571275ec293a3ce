"""The hook listener on a real socket: who may send what, whatever they know."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from agent.hooks.app import BODY_BYTES
from tests.agent.hook_listener import KEY
from tests.agent.hooking import SECONDS, HookRig, request
from tests.rigs.processes import ProcessSet
from tests.rigs.raw_http import send

VERBS = ("event", "permission", "withdrawn")
REQUEST_ID = ("X-Request-Id", "a1b2c3d4")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HookRig]:
    directory = tmp_path_factory.mktemp("listener")
    with ProcessSet(directory / "logs") as processes:
        rig = HookRig(directory, processes)
        rig.start()
        yield rig


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "path", ["/hooks/{wrong}/", "/hooks//", "/hooks/", "/hooks/..%2f{key}/", "/hooks/{key}/../{wrong}/"]
)
def test_without_the_key_no_route_is_there(shared: HookRig, verb: str, path: str) -> None:
    wrong = KEY[:-1] + "0"
    answer = shared.post(path.format(key=KEY, wrong=wrong) + verb, json.loads(request()), [REQUEST_ID])
    assert (answer.status, answer.json()["code"]) == (404, "not_found")
    assert KEY not in answer.text


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "host", ["localhost:{port}", "127.0.0.1", "127.0.0.1:1", "evil.test:{port}", "127.0.0.1:{port}.evil.test", ""]
)
def test_another_host_is_refused_with_the_right_key_too(shared: HookRig, verb: str, host: str) -> None:
    name = host.format(port=shared.port) or "\t"
    answer = shared.post(f"/hooks/{KEY}/{verb}", json.loads(request()), [REQUEST_ID], name)
    assert answer.status in (400, 403)
    if answer.status == 403:
        assert answer.json()["code"] == "wrong_host"


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "header", [("Origin", "http://127.0.0.1"), ("Origin", "null"), ("Sec-Fetch-Site", "same-origin")]
)
def test_a_page_is_refused_with_the_right_key_too(shared: HookRig, verb: str, header: tuple[str, str]) -> None:
    answer = shared.post(f"/hooks/{KEY}/{verb}", json.loads(request()), [REQUEST_ID, header])
    assert (answer.status, answer.json()["code"]) == (403, "foreign_origin")


@pytest.mark.parametrize("verb", VERBS)
def test_headers_that_name_somebody_mean_nothing(shared: HookRig, verb: str) -> None:
    named = [("X-Forwarded-User", "alice"), ("Authorization", "Bearer x"), ("X-Forwarded-Host", shared.address)]
    answer = shared.post(f"/hooks/wrong/{verb}", json.loads(request()), [REQUEST_ID, *named])
    assert answer.status == 404


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_other_methods_are_refused(shared: HookRig, verb: str, method: str) -> None:
    assert send(shared.address, method, f"/hooks/{KEY}/{verb}", host=shared.address).status == 405


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe", b"[" * 100_000], ids=str)
def test_what_is_no_json_object_is_refused(shared: HookRig, verb: str, body: bytes) -> None:
    status, answer = raw(shared, verb, body)
    assert status == 400
    assert json.loads(answer)["code"] == "invalid_body"


@pytest.mark.parametrize("request_id", ["", "x", "A1B2C3D4", "../../etc", "a" * 65, "a1b2c3d4/.."])
@pytest.mark.parametrize("verb", ["permission", "withdrawn"])
def test_a_malformed_request_id_is_refused(shared: HookRig, verb: str, request_id: str) -> None:
    answer = shared.post(f"/hooks/{KEY}/{verb}", json.loads(request()), [("X-Request-Id", request_id)])
    assert (answer.status, answer.json()["code"]) == (400, "invalid_body")


@pytest.mark.parametrize(
    "payload", [{}, {"tool_name": "Bash"}, {"tool_name": 1, "tool_input": {}}, {"tool_name": "Bash", "tool_input": []}]
)
def test_a_request_for_no_tool_is_refused(shared: HookRig, payload: dict[str, Any]) -> None:
    answer = shared.post(f"/hooks/{KEY}/permission", payload, [REQUEST_ID])
    assert (answer.status, answer.json()["code"]) == (400, "invalid_body")


def test_an_event_is_answered_at_once_with_nothing_to_do(shared: HookRig) -> None:
    answer = shared.post(f"/hooks/{KEY}/event", {"hook_event_name": "Stop"})
    assert (answer.status, answer.json()) == (200, {})


@pytest.mark.parametrize("path", [f"/hooks/{KEY}/event", "/hooks/wrong/event"])
def test_no_connection_is_kept_that_could_break_under_the_next_hook(shared: HookRig, path: str) -> None:
    answer = shared.post(path, {"hook_event_name": "Stop"})
    assert answer.header("Connection") == "close"


def test_a_bug_of_ours_is_told_to_the_log_and_not_to_claude(shared: HookRig) -> None:
    answer = shared.post(f"/hooks/{KEY}/event", {"fail": True})
    assert (answer.status, answer.json()["code"]) == (500, "internal")
    assert "a bug" not in answer.text


def test_a_body_without_end_is_cut_off(shared: HookRig) -> None:
    assert raw(shared, "event", b" " * (BODY_BYTES + 1))[0] == 413


def raw(rig: HookRig, verb: str, body: bytes) -> tuple[int, bytes]:
    """Post bytes as they are."""
    head = (
        f"POST /hooks/{KEY}/{verb} HTTP/1.1\r\nHost: {rig.address}\r\nX-Request-Id: a1b2c3d4\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode()
    received = b""
    with socket.create_connection(("127.0.0.1", rig.port), timeout=SECONDS) as connection:
        connection.sendall(head + body)
        while piece := connection.recv(65536):
            received += piece
    answer_head, _, answer = received.partition(b"\r\n\r\n")
    return int(answer_head.split(b" ")[1]), answer
