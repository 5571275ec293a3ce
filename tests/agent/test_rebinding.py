"""What a page in the workspace's own browser can do at the agent's API, which listens on a port.

Chromium resolves a stranger's name to this machine, as after DNS rebinding, so that the page is of the same origin as
the API: neither CORS nor the same-origin policy stands in its way, and it may set nearly any header. The session
listener has no port, so no page gets to it at all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.agent.conftest import Agent, door_headers
from tests.rigs import Unavailable, chromium

REBOUND = "rebound.evil.test"
OPEN_PATHS = ("/health", "/ready")
CLOSED = (
    ("GET", "/"),
    ("GET", "/oauth/"),
    ("GET", "/oauth/api/session"),
    ("GET", "/oauth/api/claude/auth/token"),
    ("POST", "/oauth/api/claude/auth/token/regenerate"),
    ("GET", "/api/claude/version"),
    ("GET", "/api/claude/tasks"),
    ("POST", "/api/claude/tasks"),
    ("GET", "/api/claude/events"),
)

FETCH = """
async ([method, path, headers]) => {
  const body = method === "POST" ? "{}" : undefined;
  const answer = await fetch(path, {method, headers, body, credentials: "include"});
  return answer.status;
}
"""


@pytest.fixture(scope="module")
def rebound(shared_agent: Agent) -> Iterator[Page]:
    """A page of the stranger's origin on the API's own port."""
    with contextlib.ExitStack() as stack:
        try:
            browser = stack.enter_context(chromium.browser(f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"))
        except Unavailable as reason:
            pytest.skip(str(reason))
        page = browser.new_page()
        answer = page.goto(f"http://{REBOUND}:{shared_agent.api_address.rpartition(':')[2]}/health")
        assert answer is not None
        assert answer.status == 200, "the name leads to the agent, so what follows is refused by the agent"
        yield page


@pytest.mark.parametrize("claim", ["nobody", "the signed-in person", "a wrong token"])
def test_a_rebound_page_gets_nothing_but_health(rebound: Page, claim: str) -> None:
    headers = {
        "nobody": {},
        "the signed-in person": dict(door_headers()),
        "a wrong token": {"Authorization": f"Bearer {'x' * 64}"},
    }[claim]
    answers = {(method, path): rebound.evaluate(FETCH, [method, path, headers]) for method, path in CLOSED}
    assert answers == dict.fromkeys(CLOSED, 401)
    assert [rebound.evaluate(FETCH, ["GET", path, headers]) for path in OPEN_PATHS] == [200, 200]


def test_the_token_is_all_that_the_page_lacks(rebound: Page, shared_agent: Agent) -> None:
    headers = dict(shared_agent.bearer())
    assert rebound.evaluate(FETCH, ["GET", "/api/claude/version", headers]) == 200
