"""The state of a conversation: a pure function of the evidence, whatever order it comes in."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from agent.claude.evidence import Evidence, Launched, Ticked
from agent.models import Activity, Source
from agent.tasks import interruptions, queueing, requests
from agent.tasks.activity import Conclusion, conclude, is_silent
from agent.tasks.facts import ENDING_SECONDS, KEPT_EVIDENCE, STALE_SECONDS, Facts, Request, kept
from agent.tasks.learning import learn

__all__ = ["Request", "State", "begin", "next_tick", "reduce", "wants_screen"]

LOOK_SECONDS = 1.0
"""How often the screen is read while only it can tell; a retry is shown within twice as long."""
START_LOOK_SECONDS = 0.5
IDENTITY = ("session_id", "prompt_id", "tool_use_id", "request_id", "agent_id", "text", "kind", "tool_use_ids")
IDENTITY_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class State:
    """What a conversation does, and how that is known.

    Attributes:
        activity: What it does.
        since: When that began, in Unix seconds.
        source: What the conclusion rests on.
        evidence_at: When the newest evidence of any kind happened.
        detail: In words for a person: the tool, the error, the dialog's text.
        requests: Asked of a person, the oldest first; those that are over stay for a while.
        queued: How many messages wait inside Claude.
        facts: What all this is concluded from.
        due: When the mere passing of time changes something.
    """

    activity: Activity
    since: float
    source: Source
    evidence_at: float
    detail: str
    requests: tuple[Request, ...]
    queued: int
    facts: Facts
    due: float | None

    @property
    def pending(self) -> int:
        """How many requests still wait for somebody."""
        return len(self.facts.open_requests)


def begin(launched: Launched) -> State:
    """Return the state of a session that was just started."""
    facts = Facts(launched_at=launched.at, now=launched.at, has_prompt=launched.has_prompt)
    conclusion = conclude(facts, Activity.STARTING)
    return State(
        activity=conclusion.activity,
        since=launched.at,
        source=conclusion.source,
        evidence_at=launched.at,
        detail=conclusion.detail,
        requests=(),
        queued=0,
        facts=facts,
        due=_due(facts, conclusion),
    )


def reduce(state: State, evidence: Evidence) -> State:
    """Return the state after one more piece of evidence; never raises, whatever comes in whatever order."""
    if not math.isfinite(evidence.at):
        return state
    recent = state.facts.recent
    if evidence.source is Source.HOOK:
        key = _key(evidence)
        if key in recent:
            return state
        recent = kept(recent, key, KEPT_EVIDENCE)
    # A tick is the clock itself, also where it was set back.
    now = evidence.at if isinstance(evidence, Ticked) else max(state.facts.now, evidence.at)
    facts = learn(replace(state.facts, now=now, recent=recent), evidence)
    conclusion = conclude(facts, state.activity)
    since = state.since
    if conclusion.activity is not state.activity:
        begun = conclusion.since if conclusion.since is not None else facts.now
        since = max(state.since, min(begun, facts.now))
    is_seen = evidence.source is not Source.AGENT
    return State(
        activity=conclusion.activity,
        since=since,
        source=conclusion.source,
        evidence_at=max(state.evidence_at, evidence.at) if is_seen else state.evidence_at,
        detail=conclusion.detail,
        requests=facts.requests,
        queued=len(facts.queue),
        facts=facts,
        due=_due(facts, conclusion),
    )


def _key(evidence: Evidence) -> tuple[object, ...]:
    identity = (getattr(evidence, name, None) for name in IDENTITY)
    short = (each[:IDENTITY_CHARACTERS] if isinstance(each, str) else each for each in identity)
    return (type(evidence).__name__, evidence.at, *short)


def _due(facts: Facts, conclusion: Conclusion) -> float | None:
    if facts.exited is not None:
        return None
    if facts.status is not None and facts.status_read_at is None:
        return facts.status.at
    times = [conclusion.until, requests.next_due(facts), interruptions.next_due(facts), queueing.next_due(facts)]
    if facts.ending is not None:
        times.append(facts.ending.at + ENDING_SECONDS)
    return min((time for time in times if time is not None and time > facts.now), default=None)


def next_tick(state: State) -> float | None:
    """Return when `Ticked` should come, in Unix seconds; it may be past, and then at once."""
    return state.due


def wants_screen(state: State, now: float) -> bool:
    """Tell whether the screen should be read: while only it can tell a dialog, a retry, or that there is none."""
    facts = state.facts
    seen_at = facts.screen.at if facts.screen is not None else facts.launched_at
    match state.activity:
        case _ if facts.exited is not None:
            return False
        case Activity.STARTING:
            return now - seen_at >= START_LOOK_SECONDS
        case Activity.BLOCKED | Activity.UNKNOWN:
            return now - seen_at >= LOOK_SECONDS
        case Activity.WORKING | Activity.RETRYING:
            return is_silent(facts) and now - max(seen_at, facts.moved_at) >= LOOK_SECONDS
        case Activity.IDLE | Activity.STOPPED | Activity.FAILED:
            # Once behind each turn: not every menu is in the sessions file.
            return seen_at < state.since
        case _:
            undetermined = [each for each in facts.open_requests if each.agent_id is None and not each.has_dialog]
            opened_at = min((each.opened_at for each in undetermined), default=math.inf)
            return now - max(seen_at, opened_at) >= STALE_SECONDS / 2
