"""GitHub's routes of a real agent, with git and ssh-keygen in a home of the test's own."""

from __future__ import annotations

import json
from typing import Any

from tests.agent.conftest import Agent, door_headers

GITHUB = "/oauth/api/github"
ALICE = {"name": "Alice", "email": "alice@example.com"}
NOBODY = {"name": "", "email": ""}


def call(agent: Agent, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    headers = [*door_headers(), ("Sec-Fetch-Site", "same-origin")]
    answer = agent.session(method, path, headers, json_body=body)
    return answer.status, json.loads(answer.body)


def test_identity_and_key_go_round_and_are_audited(agent: Agent) -> None:
    status, state = call(agent, "GET", f"{GITHUB}/status")
    assert (status, state["identity"], "ssh_key" in state) == (200, NOBODY, False)
    status, state = call(agent, "POST", f"{GITHUB}/identity", {**ALICE, "seen": NOBODY})
    assert (status, state["identity"]) == (200, ALICE)
    status, error = call(agent, "POST", f"{GITHUB}/identity", {**ALICE, "name": "Bob", "seen": NOBODY})
    assert (status, error["code"]) == (409, "changed")
    status, state = call(agent, "POST", f"{GITHUB}/ssh-key", {"comment": "alice"})
    key = state["ssh_key"]
    assert (status, key["public_key"].split()[2]) == (200, "alice")
    status, error = call(agent, "POST", f"{GITHUB}/ssh-key", {"comment": "again"})
    assert (status, error["code"]) == (409, "key_exists")
    assert call(agent, "GET", f"{GITHUB}/status")[1]["ssh_key"] == key
    status, state = call(agent, "POST", f"{GITHUB}/ssh-key/delete", {"fingerprint": key["fingerprint"]})
    assert (status, "ssh_key" in state) == (200, False)
    assert call(agent, "POST", "/oauth/api/claude/auth/token/regenerate", {})[0] == 200
    _, audit = call(agent, "GET", "/oauth/api/claude/audit?limit=10")
    assert [entry["action"] for entry in audit["entries"]] == [
        "token.rotate",
        "ssh_key.delete",
        "ssh_key.make",
        "git.identity",
        "sign_in",
    ]
    assert {entry["who"] for entry in audit["entries"]} == {"alice"}
    private = "PRIVATE KEY"
    assert private not in json.dumps(audit) + "".join(agent.process.log_lines())
