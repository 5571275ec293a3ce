"""What holds of the state for any evidence in any order."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from agent.claude import evidence as kinds
from agent.claude.evidence import Evidence, Launched, StatusSeen, Ticked
from agent.models import Activity, RequestKind, Source
from agent.tasks import state as states
from agent.tasks.state import State
from tests.unit.agent.tasks.timelines import Seen, Timeline, load, play

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*/*.txt"))
STEADY = [file for file in RECORDED if file.stem not in ("kill9", "hook_timeout", "empty_first", "unknown_command")]
HOOK_LAG, TRANSCRIPT_LAG, STATUS_LAG = 0.0, 0.4, 0.376
"""The transcript is read at most 400 ms late, the sessions file 376 ms (p95); hooks come at once."""

IDS = st.sampled_from(("a", "b", "c"))
AGENTS = st.sampled_from((None, None, "x", "y"))
TEXTS = st.sampled_from(("", "one", "two"))
INPUTS = st.sampled_from(({}, {"command": "x"}, {"questions": [{"question": "?"}]}, {"questions": [1]}, {"plan": 3}))
BACKGROUND = st.sampled_from(((), (), ("shell",), ("subagent", "subagent")))
WORDS = st.sampled_from(("idle", "busy", "waiting", "shell", "", "dreaming"))
WAITS = st.sampled_from(("", "permission prompt", "input needed", "dialog open"))
DECISIONS = st.sampled_from(("allow", "deny"))
ODD = st.sampled_from((float("nan"), float("inf"), float("-inf"), -1e18, 1e18))
TIMES = st.floats(0, 120, allow_nan=False)
FLAGS = st.booleans()
NUMBERS = st.none() | st.integers(0, 10)


def made(
    kind: type[Evidence], at: SearchStrategy[float], /, **values: SearchStrategy[object]
) -> SearchStrategy[Evidence]:
    return st.builds(kind, at=at, **values)


def any_evidence(at: SearchStrategy[float]) -> SearchStrategy[Evidence]:
    calls = {"prompt_id": IDS, "tool_use_id": IDS, "tool_name": st.sampled_from(("Bash", "Agent")), "agent_id": AGENTS}
    asking = {"request_id": IDS, "kind": st.sampled_from(RequestKind), "tool_name": calls["tool_name"]}
    return st.one_of(
        made(kinds.Launched, at, has_prompt=FLAGS),
        made(kinds.Exited, at, exit_code=NUMBERS, signal=NUMBERS),
        made(kinds.WatchBegan, at),
        made(kinds.Ticked, at),
        made(
            kinds.SessionStarted, at, session_id=IDS, how=st.sampled_from(("startup", "clear", "compact", "resume", ""))
        ),
        made(kinds.PromptSubmitted, at, prompt_id=IDS, text=TEXTS, is_notification=FLAGS),
        made(kinds.ToolStarted, at, tool_input=INPUTS, **calls),
        made(kinds.ToolEnded, at, failed=FLAGS, **calls),
        made(
            kinds.BatchEnded, at, prompt_id=IDS, tool_use_ids=st.sampled_from(((), ("a",), ("b", "c"))), agent_id=AGENTS
        ),
        made(kinds.SubagentStarted, at, agent_id=IDS, agent_type=TEXTS),
        made(kinds.SubagentStopped, at, agent_id=IDS, agent_type=TEXTS),
        made(kinds.TurnStopped, at, prompt_id=IDS, background=BACKGROUND),
        made(kinds.TurnFailed, at, prompt_id=IDS, error=TEXTS, message=TEXTS),
        made(kinds.Compacting, at, ended=FLAGS),
        made(kinds.Notified, at, kind=st.sampled_from(("idle_prompt", "permission_prompt")), message=TEXTS),
        made(kinds.SessionEnded, at, reason=st.sampled_from(("clear", "other", ""))),
        made(kinds.PermissionRequested, at, tool_input=INPUTS, prompt_id=IDS, agent_id=AGENTS, **asking),
        made(kinds.PermissionAnswered, at, request_id=IDS, decision=DECISIONS),
        made(kinds.PermissionWithdrawn, at, request_id=IDS),
        made(kinds.StatusSeen, at, status=WORDS, waiting_for=WAITS, session_id=IDS),
        made(kinds.StatusGone, at),
        made(
            kinds.UserLine, at, prompt_id=IDS, prompt_source=st.sampled_from(("typed", "queued", "system")), text=TEXTS
        ),
        made(kinds.Enqueued, at, text=TEXTS),
        made(kinds.Dequeued, at),
        made(kinds.Absorbed, at, text=TEXTS),
        made(kinds.TakenBack, at, text=TEXTS),
        made(kinds.InterruptMarked, at, for_tool_use=FLAGS, is_of_reply=FLAGS),
        made(kinds.AssistantLine, at, text=TEXTS, error=TEXTS),
        made(kinds.ToolResultLine, at, tool_use_id=IDS, is_error=FLAGS),
        made(kinds.PermissionDecided, at, tool_use_id=IDS, decision=DECISIONS),
        made(
            kinds.ScreenSeen,
            at,
            shows=st.sampled_from(("dialog", "retrying", "stalled", "quiet")),
            text=TEXTS,
            attempt=NUMBERS,
            attempts=NUMBERS,
        ),
    )


ANY_ORDER = st.lists(any_evidence(TIMES | ODD), max_size=40)
IN_ORDER = st.lists(any_evidence(TIMES), max_size=60).map(lambda pieces: sorted(pieces, key=lambda each: each.at))
LAUNCHES = st.builds(Launched, at=st.just(0.0), has_prompt=FLAGS)


def through(launched: Launched, pieces: list[Evidence]) -> list[State]:
    found = [states.begin(launched)]
    for piece in pieces:
        found.append(states.reduce(found[-1], piece))
    return found


def settled(launched: Launched, pieces: list[Evidence]) -> list[State]:
    """Take evidence as a live session does, with a tick whenever one is due."""
    found = [states.begin(launched)]
    for piece in pieces:
        found += ticked(found[-1], piece.at)
        found.append(states.reduce(found[-1], piece))
    return [*found, *ticked(found[-1], 1000.0)]


def ticked(state: State, until: float) -> list[State]:
    found: list[State] = []
    while (due := states.next_tick(state)) is not None and due <= until:
        assert len(found) < 100, "ticks for ever"
        state = states.reduce(state, Ticked(max(due, state.facts.now)))
        found.append(state)
    return found


def test_every_kind_of_evidence_is_tried() -> None:
    every = {kind for kind in vars(kinds).values() if isinstance(kind, type) and issubclass(kind, Evidence)}
    source = Path(__file__).read_text(encoding="utf-8")
    assert [kind.__name__ for kind in every - {Evidence} if f"kinds.{kind.__name__}" not in source] == []


@given(LAUNCHES, ANY_ORDER)
def test_nothing_makes_it_raise_and_it_is_always_the_same(launched: Launched, pieces: list[Evidence]) -> None:
    assert through(launched, pieces) == through(launched, pieces)
    for state in through(launched, pieces):
        states.next_tick(state)
        states.wants_screen(state, 60.0)


@given(LAUNCHES, ANY_ORDER)
def test_neither_since_nor_the_age_of_the_evidence_goes_back(launched: Launched, pieces: list[Evidence]) -> None:
    found = through(launched, pieces)
    for before, after in pairwise(found):
        assert after.since >= before.since
        assert after.evidence_at >= before.evidence_at
        if after.activity is before.activity:
            assert after.since == before.since


@given(LAUNCHES, ANY_ORDER)
def test_it_is_never_idle_while_a_request_is_open(launched: Launched, pieces: list[Evidence]) -> None:
    for state in through(launched, pieces):
        if state.pending:
            assert state.activity in (Activity.WAITING_PERMISSION, Activity.WAITING_QUESTION, Activity.WAITING_PLAN)


@given(LAUNCHES, IN_ORDER)
def test_idle_has_its_evidence(launched: Launched, pieces: list[Evidence]) -> None:
    for state in settled(launched, pieces):
        if state.activity is Activity.IDLE and state.facts.exited is None and state.source is not Source.HOOK:
            assert state.facts.word in ("idle", "") or state.facts.notice is not None
        if state.activity is Activity.IDLE and state.facts.exited is None:
            assert state.queued == 0
            assert state.facts.turn is None


@given(LAUNCHES, IN_ORDER)
def test_every_unknown_says_why(launched: Launched, pieces: list[Evidence]) -> None:
    for state in settled(launched, pieces):
        assert state.activity is not Activity.UNKNOWN or state.detail


@given(LAUNCHES, IN_ORDER)
def test_ticks_end(launched: Launched, pieces: list[Evidence]) -> None:
    assert states.next_tick(settled(launched, pieces)[-1]) is None


@given(LAUNCHES, ANY_ORDER)
def test_what_was_decided_of_a_request_stays(launched: Launched, pieces: list[Evidence]) -> None:
    decided: dict[str, tuple[object, object]] = {}
    for state in through(launched, pieces):
        for request in state.requests:
            if request.outcome is not None:
                known = decided.setdefault(request.request_id, (request.outcome, request.decision))
                assert known == (request.outcome, request.decision)


# On what the real one showed


@cache
def loaded(file: Path) -> Timeline:
    return load(file)


def end_of(timeline: Timeline) -> tuple[Activity, int, int]:
    """Return the state before the process ended, when nothing is under way any more."""
    alive = replace(timeline, seen=[each for each in timeline.seen if type(each.evidence).__name__ not in ENDS])
    state = play(alive, until=alive.end + 15)[-1].state
    return state.activity, state.queued, state.pending


ENDS = frozenset({"Exited", "SessionEnded", "StatusGone", "PermissionWithdrawn"})


@pytest.mark.parametrize("file", STEADY, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_hooks_told_twice_change_nothing(file: Path) -> None:
    timeline = loaded(file)
    twice = [
        again for each in timeline.seen for again in ([each, each] if each.evidence.source is Source.HOOK else [each])
    ]
    once, doubled = play(timeline), play(replace(timeline, seen=twice))
    assert [each.line for each in doubled] == [each.line for each in once]
    assert doubled[-1].state.requests == once[-1].state.requests


@pytest.mark.parametrize("file", STEADY, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_other_lags_end_in_the_same_state(file: Path) -> None:
    timeline = loaded(file)
    expected = end_of(timeline)
    for seed in range(3):
        assert end_of(replace(timeline, seen=lagging(timeline.seen, random.Random(seed)))) == expected


def lagging(seen: list[Seen], chance: random.Random) -> list[Seen]:
    """Give each source another lag within what was measured; each keeps its own order, as it does when it is read."""
    moved: list[Seen] = [seen[0]]
    latest: dict[Source, float] = {}
    for each in seen[1:]:
        at = each.at
        if isinstance(each.evidence, StatusSeen):
            at = each.evidence.at + chance.uniform(0.0, STATUS_LAG)
        elif each.evidence.source is Source.TRANSCRIPT:
            at = max(each.evidence.at, seen[0].at) + chance.uniform(0.0, TRANSCRIPT_LAG)
        at = latest[each.evidence.source] = max(at, latest.get(each.evidence.source, 0.0))
        moved.append(replace(each, at=at))
    return sorted(moved, key=lambda each: each.at)
