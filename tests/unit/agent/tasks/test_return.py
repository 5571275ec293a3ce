"""What is concluded after the agent has come back to a session that ran on without it."""

from __future__ import annotations

import pytest

from agent.models import Activity
from tests.unit.agent.tasks.steps import At, ask, final, launched, line, status, up

BACK = line(60000, "WatchBegan")


@pytest.mark.parametrize(
    ("history", "activity"),
    [
        ([line(59000, "AssistantLine", text="done")], "idle"),
        ([line(58000, "AssistantLine", text="par"), line(58500, "InterruptMarked")], "stopped"),
        ([line(59000, "AssistantLine", error="rate_limit")], "failed"),
        ([line(59000, "Enqueued", text="waits")], "unknown"),
    ],
    ids=["answered", "interrupted", "failed", "a message waits"],
)
def test_an_agent_that_comes_back_concludes_from_the_transcript(history: list[At], activity: str) -> None:
    steps = [launched(), *history, BACK, status(60030, "idle", changed=59100)]
    assert final(steps, until=64000).activity.value == activity


@pytest.mark.parametrize(
    ("word", "waiting_for", "activity"),
    [
        ("busy", "", "working"),
        ("shell", "", "waiting_background"),
        ("waiting", "permission prompt", "blocked"),
        ("waiting", "dialog open", "blocked"),
    ],
)
def test_an_agent_that_comes_back_concludes_from_the_sessions_file(word: str, waiting_for: str, activity: str) -> None:
    steps = [launched(), BACK, status(60030, word, waiting_for, changed=50000)]
    assert final(steps, until=62000).activity.value == activity


def test_an_agent_that_comes_back_says_nothing_before_it_has_looked() -> None:
    state = final([launched(), up(), BACK], until=60020)
    assert (state.activity, state.detail != "") == (Activity.UNKNOWN, True)


def test_a_request_that_is_asked_again_after_the_agent_came_back_can_be_answered() -> None:
    asked = ask(60500, command="x")
    waiting = status(60030, "waiting", "permission prompt", changed=50000)
    state = final([launched(), BACK, waiting, asked], until=62000)
    assert (state.activity, state.pending) == (Activity.WAITING_PERMISSION, 1)


def test_a_request_that_was_answered_while_the_agent_was_away_expires() -> None:
    state = final([launched(), BACK, status(60030, "busy", changed=59000), ask(60500, command="x")], until=64000)
    assert (state.activity, state.requests[0].outcome) == (Activity.WORKING, "expired")


def test_lines_of_an_earlier_launch_wait_no_more() -> None:
    old = line(10, "Enqueued", happened=-60000, text="lost with its process")
    state = final([launched(prompt=False), old, up(), status(350, "idle")], until=2000)
    assert (state.activity, state.queued) == (Activity.IDLE, 0)
