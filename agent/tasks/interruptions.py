"""Ends of turns that no hook tells: somebody pressed Esc, or the prompt never became a turn."""

from __future__ import annotations

from agent.models import Source
from agent.tasks import queueing
from agent.tasks.facts import (
    ABANDON_SECONDS,
    CONTRADICTION_SECONDS,
    INTERRUPT_SECONDS,
    READ_SECONDS,
    End,
    Ending,
    Facts,
    ended,
)

OVER = frozenset({"idle", "shell"})
"""What the sessions file says when no turn runs; `shell`: only a shell in the background does."""


def judged(facts: Facts) -> Facts:
    """End the running turn when the sessions file has said for long enough that none runs."""
    due = next_due(facts)
    if due is None or due > facts.now or facts.turn is None or facts.status is None:
        return facts
    if is_contradicted(facts):
        at = max(facts.turn.began_at, facts.worked_at)
        return ended(facts, End(Ending.INTERRUPTED, at, Source.SESSIONS_FILE))
    background = ("shell",) if facts.word == "shell" else ()
    words = "the compaction ended early" if facts.compacting_since is not None else ""
    return ended(facts, End(Ending.INTERRUPTED, facts.status.at, Source.SESSIONS_FILE, background, words))


def next_due(facts: Facts) -> float | None:
    """Return when the running turn will be known to be over; None when it seems to run."""
    if facts.turn is None or facts.status is None or facts.word not in OVER:
        return None
    if is_contradicted(facts):
        return max(facts.turn.began_at, facts.worked_at) + ABANDON_SECONDS
    if facts.status_read_at is None:
        return None
    due = max(facts.status.at + INTERRUPT_SECONDS, facts.status_read_at + READ_SECONDS)
    return max(due, queueing.taken_until(facts) or due)


def is_contradicted(facts: Facts) -> bool:
    """Tell whether the sessions file has said that no turn runs since before one began."""
    if facts.turn is None or facts.status is None or facts.word not in OVER:
        return False
    return facts.status.at <= max(facts.turn.began_at, facts.worked_at)


def contradicted_at(facts: Facts) -> float:
    """Return from when on the contradiction is more than one source's lag."""
    assert facts.turn is not None
    return max(facts.turn.began_at, facts.worked_at) + CONTRADICTION_SECONDS
