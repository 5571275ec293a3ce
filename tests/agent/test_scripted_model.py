"""The scripted model as a server: what goes over the wire, and what its observer writes."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.demo.observer import prompts
from agent.demo.steps import write
from tests.rigs.model import Model, running_model
from tests.rigs.waiting import wait_until


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    with running_model(tmp_path_factory.mktemp("model")) as running:
        yield running


@pytest.fixture
def client(model: Model, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    headers = {"x-claude-code-session-id": request.node.name}
    with httpx.Client(base_url=model.address, headers=headers, trust_env=False, timeout=20) as opened:
        yield opened


def body(prompt: str, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}]
    return {"model": "claude-test", "max_tokens": 100, "messages": messages, "tools": [{"name": "Bash"}], **more}


def ends(model: Model, session: str) -> list[str]:
    """Return how the requests of a session ended."""
    seen = model.seen()
    numbers = {entry["number"] for entry in seen if entry.get("session_id") == session}
    return [entry["how"] for entry in seen if entry["event"] == "ended" and entry["number"] in numbers]


def test_it_streams_server_sent_events(client: httpx.Client) -> None:
    answer = client.post("/v1/messages?beta=true", json=body(write(["Hello."]), stream=True))
    assert answer.headers["content-type"].startswith("text/event-stream")
    names = [line.removeprefix("event: ") for line in answer.text.splitlines() if line.startswith("event: ")]
    assert names == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_it_answers_whole_messages(client: httpx.Client) -> None:
    message = client.post("/v1/messages", json=body(write(["Hello."]))).json()
    assert message["content"] == [{"type": "text", "text": "Hello."}]
    assert message["stop_reason"] == "end_turn"


def test_it_counts_tokens_and_answers_the_probe(client: httpx.Client) -> None:
    assert client.post("/v1/messages/count_tokens", json=body("x" * 400)).json()["input_tokens"] >= 100
    assert client.head("/").status_code == 200


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"model": "m", "messages": []}', b'{"model": 1}', b"\xff"])
def test_a_broken_request_is_a_400_in_the_public_shape(client: httpx.Client, content: bytes) -> None:
    answer = client.post("/v1/messages", content=content)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_what_it_does_not_serve_is_a_404_in_the_public_shape(client: httpx.Client) -> None:
    for answer in (client.get("/v1/models"), client.get("/v1/messages")):
        assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")


def test_an_error_carries_its_status_type_and_retry_after(client: httpx.Client) -> None:
    request = body(write([{"error": 429, "retry_after": 7, "message": "slow down"}, "Fine."]))
    answer = client.post("/v1/messages", json=request)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json()["error"] == {"type": "rate_limit_error", "message": "slow down"}
    assert client.post("/v1/messages", json=request).json()["content"][0]["text"] == "Fine."


def test_a_cut_resets_the_connection(client: httpx.Client, model: Model, request: pytest.FixtureRequest) -> None:
    wanted = body(write(["Partly.", {"cut": True}, "Whole."]), stream=True)
    with pytest.raises(httpx.TransportError):
        client.post("/v1/messages", json=wanted)
    assert "Whole." in client.post("/v1/messages", json=wanted).text
    assert ends(model, request.node.name) == ["reset", "complete"]


def test_a_broken_stream_has_an_error_event(client: httpx.Client) -> None:
    wanted = body(write(["Partly.", {"stream_error": "overloaded_error", "message": "busy"}]), stream=True)
    text = client.post("/v1/messages", json=wanted).text
    assert json.loads(text.split("event: error\ndata: ")[1])["error"] == {"type": "overloaded_error", "message": "busy"}


def test_silence_sends_no_headers(client: httpx.Client) -> None:
    wanted = body(write([{"silent": 30}, "Fine."]), stream=True)
    with pytest.raises(httpx.ReadTimeout):
        client.post("/v1/messages", json=wanted, timeout=0.5)
    assert "Fine." in client.post("/v1/messages", json=wanted).text


def test_it_sees_at_once_that_the_client_has_left(model: Model, request: pytest.FixtureRequest) -> None:
    session = request.node.name
    content = json.dumps(body(write(["Begun.", {"stall": 60}]), stream=True)).encode()
    host, port = model.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-claude-code-session-id: {session}\r\n"
        connection.sendall(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
        received = b""
        while b"Begun." not in received:
            received += connection.recv(65536)
    wait_until(lambda: ends(model, session) == ["left"], what="the end in the log", seconds=10)


def test_the_observer_tells_each_prompt_once_however_often_it_was_sent(
    client: httpx.Client, model: Model, request: pytest.FixtureRequest
) -> None:
    prompt = "Tabs\t, “quotes”, 🎉\n" + write([{"error": 529, "times": 2}, "Fine."])
    for _ in range(3):
        client.post("/v1/messages", json=body(prompt))
    seen = [entry for entry in model.seen() if entry.get("session_id") == request.node.name]
    assert len(seen) == 3
    assert prompts(seen) == [prompt]


def test_it_ends_on_sigterm_with_a_stream_open(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "agent.demo"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            address = json.loads(process.stdout.readline())["address"]
            wanted = body(write(["Begun.", {"stall": 60}]), stream=True)
            with httpx.stream("POST", f"{address}/v1/messages", json=wanted, trust_env=False) as answer:
                next(answer.iter_bytes())
                process.send_signal(signal.SIGTERM)
                assert process.wait(15) == 0
        finally:
            process.kill()
