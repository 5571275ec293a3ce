"""Raw requests that pretend to have credentials: the door and the API open to none of them.

oauth2-proxy is the real one with the configuration that the manifests render, in front of a real agent.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.agent.conftest import HOST, running_agent
from tests.agent.door import Door, running_door
from tests.rigs.forged import API_PATHS, DOOR_PATHS, FORGED, ask, requests
from tests.rigs.github import GithubServer, StubGithub


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    directory = tmp_path_factory.mktemp("forged")
    with (
        GithubServer(StubGithub()) as server,
        running_agent(directory / "agent") as agent,
        running_door(directory / "door", agent, server, githubUsers=["alice"]) as door,
    ):
        yield door


def test_there_are_enough_of_them() -> None:
    assert len(FORGED) >= 30


def test_the_door_sends_all_of_them_to_the_sign_in_or_away(door: Door) -> None:
    opened = []
    for case, headers in requests(DOOR_PATHS, HOST):
        status, location = ask(door.address, case[0], headers, host=HOST)
        is_sign_in = status == 302 and location.startswith(f"{door.server.url}/login/oauth/authorize?")
        if not is_sign_in and status not in {400, 401, 403}:
            opened.append((*case, status, location))
    assert opened == []
    assert door.session_requests() == [], "the agent never saw one"


def test_the_api_refuses_all_of_them(door: Door) -> None:
    answers = {
        case: ask(door.agent.api_address, case[0], headers, host=HOST)[0] for case, headers in requests(API_PATHS, HOST)
    }
    assert {case: status for case, status in answers.items() if status not in {400, 401, 403}} == {}


def test_sign_in_and_health_are_open(door: Door) -> None:
    assert ask(door.address, "/ping", [], host=HOST) == (200, "")
    assert ask(door.address, "/oauth2/sign_in", [], host=HOST)[1].startswith(
        f"{door.server.url}/login/oauth/authorize?"
    )
    assert [ask(door.agent.api_address, path, [], host=HOST)[0] for path in ("/health", "/ready")] == [200, 200]
