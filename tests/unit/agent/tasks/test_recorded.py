"""The state on what the real Claude Code showed, in both versions, on a machine with more work than cores.

`recorded/<version>/<what happens>.txt`; `pytest --update-golden` rewrites what is expected at each file's end.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from agent.claude.evidence import PermissionAnswered, PermissionRequested, PermissionWithdrawn, StatusSeen
from agent.tasks import state as states
from agent.tasks.state import Request, State
from tests.unit.agent.tasks.timelines import Shown, Timeline, lines, load, play

RECORDED = Path(__file__).parent / "recorded"
FILES = sorted(RECORDED.glob("*/*.txt"))


@cache
def played(file: Path) -> tuple[Timeline, list[Shown], list[tuple[float, State]]]:
    """Play a file once: the timeline, what was shown, and every state in between."""
    timeline = load(file)
    states_between: list[tuple[float, State]] = []
    shown = play(timeline, watch=lambda at, state: states_between.append((at, state)))
    return timeline, shown, states_between


every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")


def test_both_versions_were_recorded() -> None:
    assert {file.parent.name for file in FILES} == {"2.1.330", "2.1.197"}
    assert len(FILES) > 100


@every_file
def test_a_recorded_session_is_shown_as_it_was(file: Path, pytestconfig: pytest.Config) -> None:
    _, played_now, _ = played(file)
    shown = lines(played_now)
    if pytestconfig.getoption("--update-golden"):
        kept = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("= ")]
        file.write_text("".join(f"{line}\n" for line in [*kept, *(f"= {line}" for line in shown)]), encoding="utf-8")
    assert shown == load(file).expected


@every_file
def test_nothing_is_done_while_the_model_works(file: Path) -> None:
    timeline, shown, _ = played(file)
    for begun, ended in timeline.model_works():
        assert [each.line for each in during(shown, begun, ended) if each.state.activity.is_done] == []


def during(shown: list[Shown], begun: float, ended: float) -> list[Shown]:
    """Return what was said in a span."""
    ends = [*(each.at for each in shown[1:]), float("inf")]
    return [each for each, end in zip(shown, ends, strict=True) if each.at < ended and end > begun]


@every_file
def test_an_open_dialog_is_never_called_work(file: Path) -> None:
    timeline, shown, _ = played(file)
    for begun, ended in dialogs(timeline):
        wrong = [each for each in during(shown, begun, ended) if not each.state.activity.needs_person]
        assert [each.line for each in wrong if each.state.facts.exited is None] == []


def dialogs(timeline: Timeline) -> list[tuple[float, float]]:
    """Return the spans in which the agent had seen that Claude waits, until the first sign that it may not any more."""
    statuses = [each for each in timeline.seen if isinstance(each.evidence, StatusSeen)]
    spans = []
    for each, following in zip(statuses, [*statuses[1:], None], strict=True):
        assert isinstance(each.evidence, StatusSeen)
        if each.evidence.status == "waiting":
            ended = following.evidence.at if following else timeline.end
            signs = [at for at, what in timeline.done if what[0].isupper() and at > each.at]
            answers = [other.at for other in timeline.seen if other.at > each.at and is_answer(other.evidence)]
            spans.append((each.at, min([ended, *signs, *answers])))
    return [(begun, ended) for begun, ended in spans if ended > begun]


def is_answer(evidence: object) -> bool:
    return isinstance(evidence, PermissionAnswered | PermissionWithdrawn)


@every_file
def test_a_request_is_shown_at_once_until_it_is_answered(file: Path) -> None:
    timeline, _, states_between = played(file)
    asked = {
        each.evidence.request_id: each.at for each in timeline.seen if isinstance(each.evidence, PermissionRequested)
    }
    for request_id, at in asked.items():
        seen = [
            (moment, state.activity)
            for moment, state in states_between
            if any(is_waited_for(request) for request in state.requests if request.request_id == request_id)
        ]
        assert seen, f"{request_id} was never open"
        assert seen[0][0] == at
        assert all(activity.value.startswith("waiting_") for _, activity in seen)


def is_waited_for(request: Request) -> bool:
    """Tell whether somebody is; of a subagent's request nothing but the answer shows the end."""
    return request.is_open and not (request.agent_id is not None and request.answered_at is not None)


@every_file
def test_every_request_gets_an_outcome(file: Path) -> None:
    _, shown, _ = played(file)
    assert [request for request in shown[-1].state.requests if request.outcome is None] == []


@every_file
def test_no_tick_is_asked_for_in_vain(file: Path) -> None:
    timeline, _, states_between = played(file)
    for _, state in states_between:
        due = states.next_tick(state)
        assert state.facts.exited is None or due is None
        if due is not None and state.facts.status_read_at is not None:
            assert due > state.facts.now
    looks_possible = 40 * (timeline.end + 1 - timeline.seen[0].at)
    assert len(states_between) < looks_possible, "the agent would look more often than it sleeps"
