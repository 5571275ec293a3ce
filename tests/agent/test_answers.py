"""What the listeners answer: one shape for every failure, the page, redirects, and logs without secrets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.agent.conftest import ORIGIN, Agent, door_headers
from tests.rigs.raw_http import Answer, Headers
from tests.rigs.waiting import wait_until

STATIC = Path(__file__).parent.parent.parent / "agent" / "static"
SECRET_QUERY = "code=oauth-code-from-github"


def failures(agent: Agent) -> dict[str, tuple[Answer, int, str]]:
    door = door_headers()
    return {
        "api without token": (agent.api("GET", "/api/claude/tasks"), 401, "unauthorized"),
        "api without route": (agent.api("GET", "/nowhere", agent.bearer()), 404, "not_found"),
        "api with another method": (
            agent.api("DELETE", "/api/claude/version", agent.bearer()),
            405,
            "method_not_allowed",
        ),
        "probe with another method": (agent.api("POST", "/health"), 405, "method_not_allowed"),
        "session without sign-in": (agent.session("GET", "/oauth/"), 401, "not_signed_in"),
        "session of somebody else": (agent.session("GET", "/oauth/", door_headers("mallory")), 403, "not_admitted"),
        "session without route": (agent.session("GET", "/oauth/nowhere", door), 404, "not_found"),
        "session without static file": (agent.session("GET", "/oauth/static/nothing.js", door), 404, "not_found"),
        "session with another method": (
            agent.session("DELETE", "/oauth/", [*door, ("Origin", ORIGIN)]),
            405,
            "method_not_allowed",
        ),
        "static with another method": (
            agent.session("POST", "/oauth/static/page.js", [*door, ("Origin", ORIGIN)]),
            405,
            "method_not_allowed",
        ),
        "session from elsewhere": (agent.session("POST", "/oauth/", door), 403, "foreign_origin"),
        "session under another name": (agent.session("GET", "/", door, host="bob.dev.test"), 403, "wrong_host"),
        "session with text": (
            agent.session(
                "POST", "/oauth/", [*door, ("Origin", ORIGIN), ("Content-Type", "text/plain")], json_body="text"
            ),
            415,
            "json_only",
        ),
    }


def test_every_failure_has_the_same_shape(shared_agent: Agent) -> None:
    for name, (answer, status, code) in failures(shared_agent).items():
        assert answer.status == status, name
        assert answer.header("Content-Type") == "application/json", name
        assert answer.header("Cache-Control") == "no-store", name
        body = answer.json()
        assert body["code"] == code, name
        assert body["error"], name
        assert set(body) <= {"error", "code", "hint"}, name


def test_who_is_signed_in_and_what_is_installed(agent: Agent) -> None:
    answer = agent.session("GET", "/oauth/api/session", door_headers(groups="acme,acme:dev")).json()
    assert (answer["workspace"], answer["user"], answer["email"]) == ("alice", "alice", "alice@example.com")
    assert answer["parts"] == []
    assert answer["signed_in_at"] < answer["expires_at"]


def test_the_page_is_static_accessible_and_has_nothing_inline(shared_agent: Agent) -> None:
    answer = shared_agent.session("GET", "/oauth/", door_headers())
    assert answer.body == (STATIC / "index.html").read_bytes()
    page = answer.text
    assert '<html lang="en">' in page
    assert 'role="status"' in page
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|style=", page)
    used = set(re.findall(r'element\("([a-z]+)"\)', (STATIC / "page.js").read_text()))
    assert used <= set(re.findall(r'id="([a-z-]+)"', page))
    assert "innerHTML" not in (STATIC / "page.js").read_text()
    for address in re.findall(r'(?:src|href)="(/oauth/static/[^"]+)"', page):
        assert shared_agent.session("GET", address, door_headers()).status == 200, address


def test_browsers_are_told_to_be_strict(shared_agent: Agent) -> None:
    for path in ("/", "/oauth/", "/oauth/static/page.js", "/oauth/api/session", "/oauth/nowhere"):
        answer = shared_agent.session("GET", path, door_headers())
        policy = answer.header("Content-Security-Policy")
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'self'" in policy
        assert answer.header("X-Content-Type-Options") == "nosniff"
        assert answer.header("Cross-Origin-Resource-Policy") == "same-origin"


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/", "/oauth/"),
        ("/oauth", "/oauth/"),
        ("/oauth/ide?folder=/home/dev&b", "/oauth/ide/?folder=/home/dev&b"),
        ("/oauth/terminal?arg=t1", "/oauth/terminal/?arg=t1"),
        ("/oauth/browser", "/oauth/browser/"),
    ],
)
def test_addresses_without_the_slash_lead_on(shared_agent: Agent, path: str, location: str) -> None:
    headers: Headers = [*door_headers(), ("X-Forwarded-Host", "evil.test")]
    answer = shared_agent.session("GET", path, headers)
    assert (answer.status, answer.header("Location")) == (307, location)


def test_a_token_is_shown_and_renewed_by_the_session_alone(agent: Agent) -> None:
    door: Headers = [*door_headers(), ("Origin", ORIGIN)]
    shown = agent.session("GET", "/oauth/api/claude/auth/token", door).json()["token"]
    assert agent.api("GET", "/api/claude/version", agent.bearer(shown)).status == 200
    renewed = agent.session("POST", "/oauth/api/claude/auth/token/regenerate", door).json()["token"]
    assert agent.api("GET", "/api/claude/version", agent.bearer(shown)).status == 401
    assert agent.api("GET", "/api/claude/version", agent.bearer(renewed)).status == 200
    (agent.state_directory / "api-token").write_text("")
    answer = agent.session("GET", "/oauth/api/claude/auth/token", door)
    assert (answer.status, answer.json()["code"]) == (503, "unavailable")


def requests_in(agent: Agent) -> list[dict[str, Any]]:
    return [entry for entry in agent.log() if entry["message"] == "request"]


def test_the_log_is_json_and_holds_no_token_and_no_query(agent: Agent) -> None:
    agent.api("GET", f"/api/claude/version?{SECRET_QUERY}", agent.bearer())
    agent.api("GET", f"/api/claude/version?token={agent.admin_token}", agent.bearer("wrong" * 10))
    agent.session("GET", f"/oauth/ide?{SECRET_QUERY}", [*door_headers(), ("Cookie", "__Host-kubecoder=cookie-value")])
    agent.session("POST", "/oauth/api/claude/auth/token/regenerate", [*door_headers(), ("Origin", ORIGIN)])
    # An answer is logged once it was sent.
    wait_until(lambda: len(requests_in(agent)) >= 4, what="four lines", seconds=10)
    text = agent.process.log.read_text()
    for secret in (agent.admin_token, agent.user_token, SECRET_QUERY, "cookie-value", "wrongwrong"):
        assert secret not in text
    requests = requests_in(agent)
    assert [(entry["listener"], entry["status"], entry["caller"]) for entry in requests] == [
        ("api", 200, "admin"),
        ("api", 401, None),
        ("session", 307, "alice"),
        ("session", 200, "alice"),
    ]
    assert requests[1]["refusal"].startswith("unauthorized")
    assert not [entry for entry in requests if entry["path"] in {"/health", "/ready"}]
