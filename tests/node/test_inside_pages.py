"""What a page in the workspace's own Firefox reaches: of the user's dev server, and of names that DNS has rebound.

A rebound page is of the same origin as what it reads, so neither CORS nor the same-origin policy stands in its way.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.node import browsing
from tests.node.pair import API_PORT, DOOR_PORT, Pair, host
from tests.node.test_isolation import HOOKS_PORT

PYTHON = "/opt/kubecoder/bin/python"
STRANGER = "rebound.evil.test"
# Where code-server, ttyd, websockify, VNC and the agent's session listener would be if they had ports.
NOBODYS_PORTS = (8080, 7681, 6080, 6081, 5901)
OWN = f"http://127.0.0.1:{browsing.DEV_SERVER_PORT}/"
READ = (
    "/",
    "/oauth/",
    "/oauth/api/session",
    "/oauth/api/claude/tasks",
    "/oauth/api/claude/auth/token",
    "/oauth/ide/",
    "/oauth/terminal/",
    "/oauth/terminal/token",
    "/oauth/browser/vnc.html",
    "/api/claude/tasks",
    "/hooks/x/event",
)
SENT = ("/oauth/api/claude/tasks", "/oauth/api/claude/auth/token/regenerate", "/api/claude/tasks", "/hooks/x/event")
REFUSALS = {"redirect", "401", "403"}
# Firefox opens one WebSocket after the other.
OPENED = ("/oauth/terminal/ws", "/oauth/browser/websockify", "/oauth/ide/")


def targets(name: str, port: int) -> list[tuple[str, str]]:
    """All that a page may try at one listener."""
    address = f"{name}:{port}"
    return [
        *(("read", f"http://{address}{path}") for path in READ),
        *(("send", f"http://{address}{path}") for path in SENT),
        *(("open", f"ws://{address}{path}") for path in OPENED),
    ]


def everywhere(name: str) -> list[tuple[str, str]]:
    found = [target for port in (DOOR_PORT, API_PORT, HOOKS_PORT) for target in targets(name, port)]
    for port in NOBODYS_PORTS:
        found += [("read", f"http://{name}:{port}/"), ("open", f"ws://{name}:{port}/")]
    return found


def rebound(name: str, port: int, path: str) -> dict[str, Any]:
    return {"url": f"http://{name}:{port}{path}", "targets": targets(name, port)}


@pytest.fixture(scope="module")
def pages() -> dict[str, Any]:
    own = host("alice")
    return {
        "the dev server's": {"url": OWN, "targets": [*everywhere("127.0.0.1"), *everywhere(own)]},
        "a stranger's, at the door": rebound(STRANGER, DOOR_PORT, "/ping"),
        "a stranger's, at the API": rebound(STRANGER, API_PORT, "/health"),
        "a stranger's, at the hooks": rebound(STRANGER, HOOKS_PORT, "/"),
        "of the workspace's own name, at the door": rebound(own, DOOR_PORT, "/ping"),
    }


def of_tasks(pair: Pair) -> Any:
    cli = pair.cli.with_environment(KUBECODER_USER="alice")
    return [item["task_id"] for item in cli("task", "list", "-o", "json").expect().json()["tasks"]]


def test_no_page_in_the_workspace_reaches_more_than_sign_in_and_health(pair: Pair, pages: dict[str, Any]) -> None:
    token = pair.run("alice", "cat", "/home/dev/.kubecoder/api-token")
    tasks = of_tasks(pair)
    question = json.dumps({"pages": pages, "names": [STRANGER, host("alice")]})
    script = Path(browsing.__file__).read_text()
    found = json.loads(pair.run("alice", PYTHON, "-I", "-c", script, question))

    for name, page in pages.items():
        assert found[name]["url"] == page["url"]
        reached = list(zip(page["targets"], found[name]["reached"], strict=True))
        is_foreign = page["url"] == OWN  # of another origin than all it asks for, so that it can't even read refusals
        refusals = {"refused"} if is_foreign else {"refused", *REFUSALS}
        opened = [(way, url, result) for (way, url), result in reached if way != "send" and result not in refusals]
        assert opened == [], name
        assert is_foreign or REFUSALS & {result for _target, result in reached}, "it is the workspace that refuses"
        assert "sent" in {result for (way, _url), result in reached if way == "send"}, "requests do arrive"
    assert of_tasks(pair) == tasks
    assert pair.run("alice", "cat", "/home/dev/.kubecoder/api-token") == token
