"""Whatever is sent to the API: 4xx in the one shape of errors, never 500, and nothing of it in the log."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.agent.conftest import Agent, running_agent

THOROUGH = settings.get_profile("thorough") is settings.default
CASES = 2500 if THOROUGH else 250
"""Of each of four tests: 10,000 or 1,000 in all."""
NO_TASK = "1-00000000"
MEBIBYTE = 1024**2
NO_LOGIN = dict.fromkeys(
    ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK"), ""
)
RELAXED = settings(max_examples=CASES, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Client:
    """One kept-alive connection with the admin's token."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._connection = http.client.HTTPConnection(agent.api_address, timeout=15)

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        """Send a request; give the status and the parsed answer."""
        token = {"Authorization": f"Bearer {self._agent.admin_token}"}
        self._connection.request(method, path, body, {**token, **headers})
        response = self._connection.getresponse()
        content = response.read()
        return response.status, json.loads(content) if content else None

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """An agent that can launch nothing: what is valid is refused for want of a login."""
    directory = tmp_path_factory.mktemp("agent")
    with running_agent(directory, settings={"CLAUDE": "/bin/true"}, more_environment=NO_LOGIN) as running:
        yield running


@pytest.fixture(scope="module")
def client(agent: Agent) -> Iterator[Client]:
    made = Client(agent)
    yield made
    made.close()


def check_refusal(status: int, answer: Any) -> None:
    assert 400 <= status < 500, (status, answer)
    assert isinstance(answer["error"], str)
    assert answer["error"]
    assert isinstance(answer["code"], str)
    assert set(answer) <= {"error", "code", "hint"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = (
    *("prompt", "workdir", "name", "model", "permission_mode", "timeout_seconds", "idle_timeout_seconds"),
    *("webhook", "max_retries", "allow_commands", "decision", "reason", "answers", "remember"),
)
bodies = st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=6)
POSTS = (
    "/tasks",
    f"/tasks/{NO_TASK}/message",
    f"/tasks/{NO_TASK}/permissions/1",
    f"/tasks/{NO_TASK}/resume",
    f"/tasks/{NO_TASK}/interrupt",
)


@RELAXED
@given(st.sampled_from(POSTS), bodies | json_values)
@example("/tasks", {"prompt": "x", "workdir": "../" * 50})
@example("/tasks", {"prompt": "x", "workdir": "/proc/self/root/../../nowhere"})
@example("/tasks", {"prompt": "x", "workdir": "a\0b"})
@example("/tasks", {"prompt": "x", "permission_mode": "bypassPermissions"})
@example("/tasks", {"prompt": "x", "model": "--dangerously-skip-permissions"})
@example("/tasks", {"prompt": "x", "webhook": "http://169.254.169.254/"})
@example("/tasks", {"prompt": "valid, so that only the login is missing"})
def test_any_json_is_refused_in_the_one_shape(client: Client, path: str, body: Any) -> None:
    check_refusal(*client.send("POST", f"/api/claude{path}", json.dumps(body).encode()))


@RELAXED
@given(st.sampled_from(POSTS), st.binary(min_size=1, max_size=300))
@example("/tasks", b"\xff\xfe{}")
@example("/tasks", b"[" * 100_000)
@example("/tasks", b'{"prompt": "x", "prompt": 1')
@example("/tasks", b'{"timeout_seconds": 1e999, "prompt": "x"}')
def test_any_bytes_are_refused_in_the_one_shape(client: Client, path: str, body: bytes) -> None:
    check_refusal(*client.send("POST", f"/api/claude{path}", body))


@RELAXED
@given(
    st.sampled_from(["GET", "POST", "DELETE"]),
    st.text(min_size=1, max_size=60),
    st.sampled_from(["", "/output", "/events"]),
)
@example("GET", "..", "")
@example("DELETE", "../../etc/passwd", "")
@example("GET", "1-00000000/../../../api-token", "")
@example("GET", "1-00000000\0", "/output")
def test_any_id_is_refused_in_the_one_shape(client: Client, method: str, task_id: str, suffix: str) -> None:
    status, answer = client.send(method, f"/api/claude/tasks/{quote(task_id, safe='')}{suffix}")
    check_refusal(status, answer)


@RELAXED
@given(
    st.sampled_from(["status", "activity", "limit", "cursor", "tail", "last_event_id", "task_id"]),
    st.text(min_size=1, max_size=40),
    st.sampled_from(["/tasks", f"/tasks/{NO_TASK}/output", "/audit"]),
)
def test_any_query_is_answered_or_refused_in_the_one_shape(client: Client, name: str, value: str, path: str) -> None:
    status, answer = client.send("GET", f"/api/claude{path}?{name}={quote(value)}")
    if status != 200:
        check_refusal(status, answer)


def test_a_body_over_a_mebibyte_is_refused(client: Client) -> None:
    body = json.dumps({"prompt": "x" * MEBIBYTE}).encode()
    status, answer = client.send("POST", "/api/claude/tasks", body)
    check_refusal(status, answer)
    assert (status, answer["code"]) == (413, "body_too_large")


def test_a_missing_login_is_told_before_anything_is_launched(client: Client, agent: Agent) -> None:
    status, answer = client.send("POST", "/api/claude/tasks", b'{"prompt": "hello"}')
    assert (status, answer["code"]) == (409, "not_signed_in")
    assert "sign in" in answer["hint"]
    assert client.send("GET", "/api/claude/tasks") == (200, {"tasks": []})


def test_what_is_sent_is_in_no_log(client: Client, agent: Agent) -> None:
    secret = "the-prompt-that-nobody-may-read"
    client.send("POST", "/api/claude/tasks", json.dumps({"prompt": secret}).encode())
    client.send("POST", "/api/claude/tasks", json.dumps({"prompt": 1, "model": secret}).encode())
    client.send("GET", f"/api/claude/tasks?cursor={secret}")
    text = Path(agent.process.log).read_text()
    assert secret not in text
    assert agent.admin_token not in text
    assert agent.user_token not in text
