"""A scripted agent on loopback, and clients whose waiting takes no time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from kubecoder.agentclient import AgentClient
from kubecoder.agentclient.reach import UrlReach
from kubecoder.agentclient.transport import Transport
from tests.unit.cluster.server import Script, Server

TOKEN = "token-0123456789abcdef0123456789abcdef"
TASK_ID = "1764075600-0a1b2c3d"


def task(**fields: Any) -> dict[str, Any]:
    """A task as the agent sends it."""
    return {
        "task_id": TASK_ID,
        "prompt": "say hello",
        "status": "running",
        "activity": "working",
        "created_at": 1764075600.5,
        "session_id": "11111111-2222-4333-8444-555555555555",
        "workdir": "/home/dev",
        "tmux_session": f"claude-{TASK_ID}",
        "permission_mode": "default",
        "idle_timeout_seconds": 1800,
        **fields,
    }


def refusal(code: str, error: str = "no", **more: Any) -> dict[str, Any]:
    """An error in the agent's one shape."""
    return {"error": error, "code": code, **more}


@pytest.fixture
def serve() -> Iterator[Callable[[Script], Server]]:
    """Start servers by their scripts; they end with the test."""
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(Server(script))


@pytest.fixture
def pauses() -> list[float]:
    """Every wait of the clients so far."""
    return []


@pytest.fixture
def connect(pauses: list[float]) -> Iterator[Callable[..., AgentClient]]:
    """Make clients of a server; they end with the test."""
    with ExitStack() as stack:

        def make(server: Server, **options: Any) -> AgentClient:
            reach = UrlReach(server.url, TOKEN)
            transport = Transport(reach, sleep=pauses.append, **options)
            return stack.enter_context(AgentClient(reach, transport=transport))

        yield make


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    yield
    assert [each for each in threading.enumerate() if each.name.startswith("kubecoder-events")] == []
