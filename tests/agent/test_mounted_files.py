"""Mounted files are read at each use, and `/ready` says what is wrong with them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable

import pytest

from tests.agent.conftest import Agent, door_headers
from tests.agent.volume import Volume
from tests.rigs.waiting import wait_until


def status(agent: Agent, user: str = "alice", groups: str = "") -> int:
    return agent.session("GET", "/oauth/api/session", door_headers(user, groups=groups)).status


def test_a_changed_list_counts_at_the_next_request(agent: Agent) -> None:
    volume = Volume(agent.admission_file.parent)
    volume.write({"admission.json": json.dumps({"users": ["alice", "bob"]})})
    assert [status(agent, user) for user in ("alice", "bob", "carol")] == [200, 200, 403]
    volume.write({"admission.json": json.dumps({"users": ["bob"], "org": "acme", "team": "dev"})})
    assert [status(agent, user) for user in ("alice", "bob")] == [403, 200]
    assert [status(agent, "alice", groups) for groups in ("acme", "acme,acme:dev", "other:dev")] == [403, 200, 403]


@pytest.mark.parametrize("content", ["", "{", "{}", '{"users": []}', '{"users": ["alice"], "team": "dev"}'])
def test_a_broken_list_admits_nobody(agent: Agent, content: str) -> None:
    agent.admission_file.write_text(content)
    answer = agent.session("GET", "/oauth/api/session", door_headers())
    assert (answer.status, answer.json()["code"]) == (503, "unavailable")
    agent.admission_file.unlink()
    assert status(agent) == 503
    agent.admission_file.write_text('{"users": ["alice"]}')
    assert status(agent) == 200


def test_a_rotated_admin_token_counts_at_the_next_request(agent: Agent) -> None:
    agent.admin_token_file.write_text("f" * 64)
    assert agent.api("GET", "/api/claude/version", agent.bearer()).status == 401
    assert agent.api("GET", "/api/claude/version", agent.bearer("f" * 64)).status == 200


def failing_checks(agent: Agent) -> set[str]:
    answer = agent.api("GET", "/ready")
    checks = {check["name"]: check["ok"] for check in answer.json()["checks"]}
    assert answer.status == (200 if all(checks.values()) else 503)
    return {name for name, ok in checks.items() if not ok}


def remove_home(agent: Agent) -> None:
    shutil.rmtree(agent.state_directory)
    agent.state_directory.write_text("in the way")


FAULTS: dict[str, tuple[Callable[[Agent], object], set[str]]] = {
    "home": (remove_home, {"home", "user-token"}),
    "session socket": (lambda agent: agent.session_socket.unlink(), {"session-socket"}),
    "allow-list": (lambda agent: agent.admission_file.write_text("{}"), {"allow-list"}),
    "admin token": (lambda agent: agent.admin_token_file.write_text("short"), {"admin-token"}),
    "user token": (lambda agent: (agent.state_directory / "api-token").unlink(), {"user-token"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_ready_is_true_for_reasons(agent: Agent, fault: str) -> None:
    assert failing_checks(agent) == set()
    cause, expected = FAULTS[fault]
    cause(agent)
    wait_until(lambda: failing_checks(agent) == expected, what=f"/ready notices: {fault}", seconds=5)
    assert agent.api("GET", "/health").status == 200


def test_ready_leaves_nothing_in_the_home(agent: Agent) -> None:
    before = sorted(agent.state_directory.iterdir())
    assert failing_checks(agent) == set()
    assert sorted(agent.state_directory.iterdir()) == before
