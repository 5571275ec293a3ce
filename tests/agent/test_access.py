"""Every listener, route, credential and forged header: who gets in.

The table of routes is compared with the applications' own, so that a new route
without a row here fails.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.routing import BaseRoute, Mount, Route

from agent import settings
from agent.app import api_app, session_app
from agent.workspace import Workspace
from tests.agent.conftest import ORIGIN, Agent, door_headers, environment
from tests.rigs.raw_http import Headers


@dataclass(frozen=True)
class Row:
    """A route, a request to it, and the answer to whoever is let in."""

    listener: str
    route: str
    method: str
    path: str
    status: int
    is_open: bool = False


NO_TASK = "1-00000000"
# Below /api/claude and /oauth/api/claude alike; what is asked for isn't there or malformed, so nothing happens.
TASK_ROUTES = (
    ("/audit", "GET", "/audit?limit=1", 200),
    ("/tasks", "GET", "/tasks", 200),
    ("/tasks", "POST", "/tasks", 400),
    ("/tasks/{task_id}", "GET", f"/tasks/{NO_TASK}", 404),
    ("/tasks/{task_id}", "DELETE", f"/tasks/{NO_TASK}", 404),
    ("/tasks/{task_id}/output", "GET", f"/tasks/{NO_TASK}/output", 404),
    ("/tasks/{task_id}/transcript", "GET", f"/tasks/{NO_TASK}/transcript", 404),
    ("/tasks/{task_id}/message", "POST", f"/tasks/{NO_TASK}/message", 400),
    ("/tasks/{task_id}/messages", "GET", f"/tasks/{NO_TASK}/messages", 404),
    ("/tasks/{task_id}/permissions", "GET", f"/tasks/{NO_TASK}/permissions", 404),
    ("/tasks/{task_id}/permissions/{request_id}", "POST", f"/tasks/{NO_TASK}/permissions/1", 400),
    ("/tasks/{task_id}/interrupt", "POST", f"/tasks/{NO_TASK}/interrupt", 404),
    ("/tasks/{task_id}/resume", "POST", f"/tasks/{NO_TASK}/resume", 404),
    ("/tasks/{task_id}/prepare-terminal", "POST", f"/tasks/{NO_TASK}/prepare-terminal", 404),
    ("/tasks/{task_id}/events", "GET", f"/tasks/{NO_TASK}/events", 404),
    ("/events", "GET", "/events?last_event_id=x", 400),
    ("/openapi.json", "GET", "/openapi.json", 200),
)
TASK_ROWS = tuple(
    Row(listener, prefix + route, method, prefix + path, status)
    for listener, prefix in (("api", "/api/claude"), ("session", "/oauth/api/claude"))
    for route, method, path, status in TASK_ROUTES
)
ROWS = (
    *TASK_ROWS,
    Row("api", "/health", "GET", "/health", 200, is_open=True),
    Row("api", "/ready", "GET", "/ready", 200, is_open=True),
    Row("api", "/metrics", "GET", "/metrics", 200),
    Row("api", "/api/claude/version", "GET", "/api/claude/version", 200),
    Row("session", "/", "GET", "/", 307),
    Row("session", "/oauth/", "GET", "/oauth/", 200),
    Row("session", "/oauth", "GET", "/oauth", 307),
    Row("session", "/oauth/ide", "GET", "/oauth/ide", 307),
    Row("session", "/oauth/terminal", "GET", "/oauth/terminal", 307),
    Row("session", "/oauth/browser", "GET", "/oauth/browser", 307),
    Row("session", "/oauth/api/session", "GET", "/oauth/api/session", 200),
    Row("session", "/oauth/api/access", "GET", "/oauth/api/access", 200),
    Row("session", "/oauth/api/folders", "GET", "/oauth/api/folders?start=..%2F", 200),
    Row("session", "/oauth/icon.svg", "GET", "/oauth/icon.svg?needs=3", 200),
    Row("session", "/oauth/api/metrics", "GET", "/oauth/api/metrics", 200),
    Row("session", "/oauth/api/services", "GET", "/oauth/api/services", 200),
    Row("session", "/oauth/api/services/{name}/restart", "POST", "/oauth/api/services/none/restart", 404),
    Row("session", "/oauth/api/github/status", "GET", "/oauth/api/github/status", 200),
    Row("session", "/oauth/api/github/identity", "POST", "/oauth/api/github/identity", 400),
    Row("session", "/oauth/api/github/ssh-key", "POST", "/oauth/api/github/ssh-key", 400),
    Row("session", "/oauth/api/github/ssh-key/delete", "POST", "/oauth/api/github/ssh-key/delete", 400),
    Row("session", "/oauth/api/github/clones", "GET", "/oauth/api/github/clones", 200),
    Row("session", "/oauth/api/github/clones", "POST", "/oauth/api/github/clones", 400),
    Row("session", "/oauth/api/github/clones/{clone_id}/cancel", "POST", "/oauth/api/github/clones/x/cancel", 404),
    Row("session", "/oauth/static/{path}", "GET", "/oauth/static/page.js", 200),
    Row("session", "/oauth/api/claude/version", "GET", "/oauth/api/claude/version", 200),
    Row("session", "/oauth/api/claude/auth/token", "GET", "/oauth/api/claude/auth/token", 200),
    Row(
        "session",
        "/oauth/api/claude/auth/token/regenerate",
        "POST",
        "/oauth/api/claude/auth/token/regenerate",
        200,
    ),
)
# No routes: refused like one to whoever isn't let in, 404 to whoever is.
NO_ROUTES = (
    Row("api", "", "GET", "/", 404),
    Row("api", "", "GET", "/health/", 404),
    Row("api", "", "GET", "/oauth/", 404),
    Row("api", "", "GET", "/oauth/api/session", 404),
    Row("api", "", "GET", "/oauth/api/metrics", 404),
    Row("api", "", "GET", "/api/claude/auth/token", 404),
    Row("api", "", "POST", "/api/claude/auth/token/regenerate", 404),
    Row("api", "", "GET", "/api/claude/../../health", 404),
    Row("session", "", "GET", "/health", 404),
    Row("session", "", "GET", "/ready", 404),
    Row("session", "", "GET", "/metrics", 404),
    Row("session", "", "GET", "/api/claude/version", 404),
    Row("session", "", "GET", "/api/claude/tasks", 404),
    Row("session", "", "GET", "/oauth/static/../index.html", 404),
    Row("session", "", "GET", "/oauth/static/..%2f..%2fserver.py", 404),
)

NOT_UTF8: Headers = [("Authorization", b"Bearer \xff\xfe\xe4")]


def credentials(agent: Agent) -> dict[str, tuple[Headers, dict[str, int]]]:
    """Return each credential with what every listener makes of it: 0 lets in, else the status of the refusal."""
    door = door_headers()
    return {
        "nothing": ([], {"api": 401, "session": 401}),
        "admin token": (agent.bearer(), {"api": 0, "session": 401}),
        "user token": (agent.bearer(agent.user_token), {"api": 0, "session": 401}),
        "wrong token": (agent.bearer("x" * 64), {"api": 401, "session": 401}),
        "empty token": ([("Authorization", "Bearer")], {"api": 401, "session": 401}),
        "token that isn't text": (NOT_UTF8, {"api": 401, "session": 401}),
        "basic password": ([("Authorization", "Basic YWxpY2U6eA==")], {"api": 401, "session": 401}),
        "two tokens": ([*agent.bearer(), *agent.bearer()], {"api": 401, "session": 401}),
        "door": (door, {"api": 401, "session": 0}),
        "door and token": ([*door, *agent.bearer()], {"api": 0, "session": 0}),
        "door, not on the list": (door_headers("mallory"), {"api": 401, "session": 403}),
        "door, login in capitals": (door_headers("ALICE"), {"api": 401, "session": 403}),
        "door, session over": (door_headers(expires=-timedelta(seconds=1)), {"api": 401, "session": 401}),
        "door without user": (door[1:], {"api": 401, "session": 401}),
        "door without times": (door[:3], {"api": 401, "session": 401}),
    }


# What a client may add to any request without getting further, or losing what it has.
HARMLESS: dict[str, Headers] = {
    "nothing": [],
    "identity of other proxies": [
        ("X-Auth-Request-User", "alice"),
        ("X-Auth-Request-Email", "alice@example.com"),
        ("Remote-User", "alice"),
        ("X-Forwarded-Preferred-Username", "alice"),
        ("X_Forwarded_User", "alice"),
        ("X.Forwarded.User", "alice"),
    ],
    "forwarding": [
        ("X-Forwarded-Host", "evil.test"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Uri", "/health"),
        ("X-Original-URL", "/health"),
        ("Forwarded", "host=evil.test;proto=http"),
    ],
    "method override": [("X-HTTP-Method-Override", "GET")],
    "cookie": [("Cookie", "__Host-kubecoder=forged")],
}
# The same in front of the door's headers: with two values nobody knows who it is.
SECOND_USER: Headers = [("X-Forwarded-User", "alice")]


def walk(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[str]:
    for route in routes:
        if isinstance(route, Mount):
            yield from walk(route.routes, prefix + route.path) if route.routes else [f"{prefix}{route.path}/{{path}}"]
        else:
            assert isinstance(route, Route)
            yield prefix + route.path


def test_every_route_of_the_applications_is_in_the_table(tmp_path: Path) -> None:
    workspace = Workspace.from_settings(settings.load(environment(tmp_path)))
    found = {("api", path) for path in walk(api_app(workspace).routes)}
    found |= {("session", path) for path in walk(session_app(workspace).routes)}
    assert found == {(row.listener, row.route) for row in ROWS}


@pytest.mark.parametrize("row", [*ROWS, *NO_ROUTES], ids=lambda row: f"{row.listener} {row.method} {row.path}")
def test_who_gets_in(shared_agent: Agent, row: Row) -> None:
    origin: Headers = [("Origin", ORIGIN)]
    for (name, (headers, verdicts)), (forged, more) in itertools.product(
        credentials(shared_agent).items(), HARMLESS.items()
    ):
        answer = send(shared_agent, row, [*headers, *more, *origin])
        refusal = 0 if row.is_open else verdicts[row.listener]
        assert answer == (refusal or row.status), f"{name}, forged: {forged}"


@pytest.mark.parametrize("row", [*ROWS, *NO_ROUTES], ids=lambda row: f"{row.listener} {row.method} {row.path}")
def test_a_forged_user_beside_the_real_one_shuts_the_session_out_and_means_nothing_to_the_api(
    shared_agent: Agent, row: Row
) -> None:
    headers = [*SECOND_USER, *door_headers(), ("Origin", ORIGIN)]
    refusal = 0 if row.is_open else 401
    assert send(shared_agent, row, headers) == (refusal or row.status)
    if row.listener == "api":
        assert send(shared_agent, row, [*headers, *shared_agent.bearer()]) == row.status


def send(agent: Agent, row: Row, headers: Headers) -> int:
    request = agent.api if row.listener == "api" else agent.session
    return request(row.method, row.path, headers).status


CHANGING = [row for row in ROWS if row.listener == "session" and row.method != "GET"]
FOREIGN: dict[str, Headers] = {
    "no origin at all": [],
    "a sibling host": [("Origin", "https://bob.dev.test"), ("Sec-Fetch-Site", "same-site")],
    "another site": [("Origin", "https://evil.test"), ("Sec-Fetch-Site", "cross-site")],
    "an opaque origin": [("Origin", "null")],
    "our name by http": [("Origin", "http://alice.dev.test")],
    "a typed address": [("Sec-Fetch-Site", "none")],
}


@pytest.mark.parametrize("row", CHANGING, ids=lambda row: f"{row.method} {row.path}")
@pytest.mark.parametrize("origin", FOREIGN)
def test_another_page_changes_nothing(shared_agent: Agent, row: Row, origin: str) -> None:
    before = shared_agent.user_token
    assert send(shared_agent, row, [*door_headers(), *FOREIGN[origin]]) == 403
    assert shared_agent.user_token == before


READABLE = {row.path for row in ROWS if row.method == "GET"}


@pytest.mark.parametrize("row", [row for row in CHANGING if row.path not in READABLE], ids=lambda row: row.path)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_safe_method_changes_nothing(shared_agent: Agent, row: Row, method: str) -> None:
    before = shared_agent.user_token
    assert shared_agent.session(method, row.path, door_headers()).status == 405
    assert shared_agent.user_token == before


@pytest.mark.parametrize("row", CHANGING, ids=lambda row: f"{row.method} {row.path}")
def test_a_form_is_refused(shared_agent: Agent, row: Row) -> None:
    headers = [*door_headers(), ("Origin", ORIGIN)]
    form = ("Content-Type", "application/x-www-form-urlencoded")
    assert shared_agent.session(row.method, row.path, [*headers, form], json_body={"a": "b"}).status == 415
    assert shared_agent.session(row.method, row.path, headers, json_body={}).status == row.status


@pytest.mark.parametrize("host", ["bob.dev.test", "127.0.0.1", "rebound.evil.test", "alice.dev.test:8443"])
def test_another_host_name_is_refused(shared_agent: Agent, host: str) -> None:
    answer = shared_agent.session("GET", "/oauth/api/session", door_headers(), host=host)
    assert (answer.status, answer.json()["code"]) == (403, "wrong_host")
