"""What only the screen can tell, and when it is looked at."""

from __future__ import annotations

import pytest

from agent.claude.evidence import Launched, ScreenSeen
from agent.models import Activity, Source
from agent.tasks import state as states
from agent.tasks.state import State
from tests.unit.agent.tasks.steps import BEGUN, BUSY, DONE, At, launched, line, tool
from tests.unit.agent.tasks.timelines import Timeline, play


def play_screens(steps: list[At], screens: list[tuple[int, str, str]], until: int) -> State:
    shown = [ScreenSeen(BEGUN + ms / 1000, shows=shows, text=text) for ms, shows, text in screens]  # type: ignore[arg-type]
    return play(Timeline(seen=[step.seen for step in steps], screens=shown), until=BEGUN + until / 1000)[-1].state


def test_a_dialog_at_the_start_blocks_within_two_seconds() -> None:
    state = play_screens([launched()], [(500, "dialog", "Do you trust the files in this folder?")], until=2500)
    assert (state.activity, state.source) == (Activity.BLOCKED, Source.SCREEN)
    assert state.detail == "Do you trust the files in this folder?"


def test_a_dialog_that_only_the_screen_shows_blocks_behind_a_turn() -> None:
    assert play_screens(DONE, [(1600, "dialog", "Rewind")], until=4000).activity is Activity.BLOCKED


@pytest.mark.parametrize("shows", ["retrying", "stalled"])
def test_the_apis_trouble_shows_within_two_seconds(shows: str) -> None:
    assert play_screens(BUSY, [(1000, shows, "429")], until=3000).activity is Activity.RETRYING


def test_a_retry_ends_with_the_first_sign_of_an_answer() -> None:
    steps = [*BUSY, line(5000, "AssistantLine", text="at last")]
    assert (
        play_screens(steps, [(1000, "retrying", "429"), (4900, "quiet", "")], until=5100).activity is Activity.WORKING
    )


def test_a_retry_says_how_often() -> None:
    state = states.begin(Launched(BEGUN, has_prompt=True))
    for step in BUSY[1:]:
        state = states.reduce(state, step.seen.evidence)
    state = states.reduce(state, ScreenSeen(BEGUN + 3, "retrying", "429", attempt=3, attempts=10))
    assert state.detail == "429, attempt 3 of 10"


def test_the_screen_isnt_read_while_a_tool_runs() -> None:
    state = states.begin(Launched(BEGUN, has_prompt=True))
    for step in [*BUSY, tool(900, command="sleep 100")][1:]:
        state = states.reduce(state, step.seen.evidence)
    assert not any(states.wants_screen(state, BEGUN + seconds) for seconds in range(1, 60))
