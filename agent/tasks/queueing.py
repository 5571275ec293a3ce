"""Messages that wait inside Claude until the running turn has room or has ended."""

from __future__ import annotations

from dataclasses import replace

from agent.claude.evidence import Absorbed, Dequeued, Enqueued, Evidence, PromptSubmitted, TakenBack
from agent.models import Source
from agent.tasks.facts import (
    ANNOUNCED_SECONDS,
    KEPT_QUEUE,
    LAG_SECONDS,
    TAKING_SECONDS,
    TEXT_CHARACTERS,
    Facts,
    Queued,
    began,
    kept,
)


def announced(facts: Facts, seen: PromptSubmitted) -> Facts:
    """Note a message that UserPromptSubmit tells of; the transcript will tell of it too."""
    return replace(facts, queue=kept(facts.queue, Queued(shortened(seen.text), seen.at, announced=True), KEPT_QUEUE))


def forget_stale(facts: Facts, at: float) -> Facts:
    """Let go of what was thought to wait: a prompt was taken up at once by a Claude that had been idle for a while."""
    if facts.status is None or facts.word != "idle" or at - facts.status.at <= LAG_SECONDS:
        return facts
    return replace(facts, queue=tuple(each for each in facts.queue if at - each.at < LAG_SECONDS))


def enqueued(facts: Facts, seen: Enqueued) -> Facts:
    """Note a message that waits; one that was announced is the same."""
    if not is_of_this_launch(facts, seen):
        return facts
    text = shortened(seen.text)
    announced = [number for number, each in enumerate(facts.queue) if each.announced and each.text == text]
    if announced:
        confirmed = replace(facts.queue[announced[0]], announced=False)
        return replace(facts, queue=_without(facts.queue, announced[0], confirmed))
    return replace(facts, queue=kept(facts.queue, Queued(text, seen.at), KEPT_QUEUE))


def dequeued(facts: Facts, seen: Dequeued) -> Facts:
    """Take the oldest message out of the queue: the next turn begins with it."""
    if not is_of_this_launch(facts, seen):
        return facts
    return began(replace(facts, queue=facts.queue[1:], taken_at=seen.at), seen.at, Source.TRANSCRIPT)


def taken_until(facts: Facts) -> float | None:
    """Return until when the turn of a message that was taken is on its way; None when it has shown itself.

    Claude may say that it is idle after it has taken the message.
    """
    if facts.taken_at is None:
        return None
    shown_at = max(facts.worked_at, facts.marked.at if facts.marked else 0.0, facts.said.at if facts.said else 0.0)
    return None if shown_at > facts.taken_at else facts.taken_at + TAKING_SECONDS


def removed(facts: Facts, seen: Absorbed | TakenBack) -> Facts:
    """Take a message out of the queue; 2.1.330 tells twice that the running turn has absorbed one."""
    if not is_of_this_launch(facts, seen):
        return facts
    text = shortened(seen.text)
    for number, each in enumerate(facts.queue):
        if text in ("", each.text):
            return replace(facts, queue=_without(facts.queue, number))
    return facts


def _without(queue: tuple[Queued, ...], number: int, *instead: Queued) -> tuple[Queued, ...]:
    return (*queue[:number], *instead, *queue[number + 1 :])


def forget_announcements(facts: Facts) -> Facts:
    """Let go of messages that UserPromptSubmit alone told of: the transcript would tell of them too."""
    queue = tuple(each for each in facts.queue if not each.announced or facts.now - each.at < ANNOUNCED_SECONDS)
    return facts if queue == facts.queue else replace(facts, queue=queue)


def next_due(facts: Facts) -> float | None:
    """Return when an announcement that nothing confirms will be forgotten."""
    return min((each.at + ANNOUNCED_SECONDS for each in facts.queue if each.announced), default=None)


def is_of_this_launch(facts: Facts, seen: Evidence) -> bool:
    """Tell whether a line is newer than the launch: what waited inside an earlier process is lost."""
    return seen.at >= facts.launched_at - LAG_SECONDS


def shortened(text: str) -> str:
    """Return what is kept of a text, enough to know it again."""
    return text.strip()[:TEXT_CHARACTERS]
