"""What a conversation does, concluded from the facts.

`idle` needs everything at once: the turn's end by a hook, the sessions file that says so too for longer
than the gap between two queued turns, nothing that waits inside Claude, no request, no dialog. What
contradicts itself for longer than one source lags behind another is `unknown`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.claude.evidence import StatusSeen
from agent.models import Activity, RequestKind, Source
from agent.tasks import interruptions, queueing, words
from agent.tasks.facts import (
    BACKGROUND_SECONDS,
    CONTRADICTION_SECONDS,
    DIALOG_SECONDS,
    ENDING_SECONDS,
    FIRST_PROMPT_SECONDS,
    LAG_SECONDS,
    QUEUE_SECONDS,
    READ_SECONDS,
    SETTLE_SECONDS,
    START_SECONDS,
    End,
    Ending,
    Facts,
    Request,
    Tool,
)
from agent.tasks.requests import AGENT_TOOLS

WAITING = {
    RequestKind.PERMISSION: Activity.WAITING_PERMISSION,
    RequestKind.QUESTION: Activity.WAITING_QUESTION,
    RequestKind.PLAN: Activity.WAITING_PLAN,
}
ASKING_TOOLS = {"AskUserQuestion": RequestKind.QUESTION, "ExitPlanMode": RequestKind.PLAN}
ENDED = {
    Ending.DONE: Activity.IDLE,
    Ending.FRESH: Activity.IDLE,
    Ending.FAILED: Activity.FAILED,
    Ending.INTERRUPTED: Activity.STOPPED,
}
KNOWN_WORDS = frozenset({"", "idle", "busy", "shell", "waiting"})
SCREEN_SECONDS = 3.0
"""A retry on the screen counts for so long; while one is shown, the screen is read every second."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """An activity and what it is concluded from.

    Attributes:
        since: When what it is concluded from happened; None for the newest evidence.
        until: When the mere passing of time changes it.
    """

    activity: Activity
    source: Source
    detail: str = ""
    since: float | None = None
    until: float | None = None


def conclude(facts: Facts, before: Activity) -> Conclusion:
    """Say what the conversation does.

    Args:
        facts: What is known.
        before: What it did by the last conclusion.
    """
    if facts.exited is not None:
        activity = before if before.is_done else Activity.UNKNOWN
        return Conclusion(activity, Source.PROCESS, words.exit_of(facts.exited), since=facts.exited.at)
    conclusion = _asked(facts) or _starting(facts) or _ending(facts) or _waiting(facts) or _going_on(facts)
    if before.needs_person and conclusion.activity is Activity.WORKING:
        # A dialog was closed, but it isn't sure yet that anything follows.
        if _may_be_over(facts):
            return replace(conclusion, activity=before)
        if (until := _withdrawn_until(facts)) is not None and facts.now < until:
            return replace(conclusion, activity=before, until=until)
    if before is Activity.WAITING_BACKGROUND and conclusion.activity is Activity.WORKING and _is_at_rest(facts):
        # What ran in the background is over, but it isn't sure yet that no turn follows.
        return replace(conclusion, activity=before)
    return conclusion


def _is_at_rest(facts: Facts) -> bool:
    """Tell whether no turn runs and none is on its way."""
    is_awaited = bool(facts.queue) or queueing.taken_until(facts) is not None
    return facts.turn is None and facts.word in interruptions.OVER and not is_awaited


def _may_be_over(facts: Facts) -> bool:
    """Tell whether the sessions file says that no turn runs, and since after the last one has begun."""
    return facts.turn is None or (facts.word in interruptions.OVER and not interruptions.is_contradicted(facts))


def _withdrawn_until(facts: Facts) -> float | None:
    """Return until when the end of the turn may be told whose dialog somebody has refused; None when it was told.

    Claude ends a hook that waits only with the turn, or with itself.
    """
    withdrawn = [each for each in facts.requests if each.outcome == "withdrawn" and each.agent_id is None]
    withdrawn_at = max((each.closed_at or 0.0 for each in withdrawn), default=0.0)
    status_at = facts.status.at if facts.status is not None else 0.0
    return withdrawn_at + LAG_SECONDS if withdrawn_at > max(facts.worked_at, status_at) else None


# Something waits for a person


def _asked(facts: Facts) -> Conclusion | None:
    requests = [request for request in facts.open_requests if not _is_out_of_hand(request)]
    if not requests:
        return None
    first = requests[0]
    detail = words.several(words.call(first.tool_name, first.tool_input), len(requests))
    return Conclusion(WAITING[first.kind], Source.HOOK, detail, since=first.opened_at)


def _is_out_of_hand(request: Request) -> bool:
    """Tell whether a subagent's request is answered, whose dialog nothing but the hook has shown.

    That its tool runs is told only when the tool ends.
    """
    return request.answered_at is not None and request.agent_id is not None and not request.has_dialog


def _waiting(facts: Facts) -> Conclusion | None:
    """Tell a dialog that the sessions file shows and no open request explains."""
    status = facts.status
    if status is None or status.status != "waiting":
        return None
    if status.waiting_for == "dialog open":
        return Conclusion(Activity.BLOCKED, status.source, words.dialog(facts), since=status.at)
    closed_at = max((each.closed_at or 0.0 for each in facts.requests if each.outcome != "withdrawn"), default=0.0)
    moved_at = max(facts.worked_at, closed_at)
    if moved_at > status.at and facts.now < moved_at + LAG_SECONDS:
        # What the hooks tell is newer: the file will follow.
        return None
    withdrawn_at = max((each.closed_at or 0.0 for each in facts.requests), default=0.0)
    until = max(status.at, moved_at, withdrawn_at, facts.watched_since or 0.0) + DIALOG_SECONDS
    if facts.now >= until:
        return Conclusion(Activity.BLOCKED, status.source, words.dialog(facts), since=status.at)
    withdrawn = [each for each in facts.requests if each.has_dialog and (each.closed_at or 0.0) >= status.at]
    if withdrawn:
        # Somebody said no, or the hook's time is over: then the dialog stays.
        last = withdrawn[-1]
        detail = words.call(last.tool_name, last.tool_input)
        return Conclusion(WAITING[last.kind], status.source, detail, since=status.at, until=until)
    # The hook that asks is on its way.
    tool = _newest(facts.main_tools)
    kind = ASKING_TOOLS.get(tool.name, RequestKind.PERMISSION) if tool else RequestKind.PERMISSION
    if status.waiting_for == "input needed":
        kind = RequestKind.QUESTION
    detail = words.call(tool.name, tool.tool_input) if tool else status.waiting_for
    return Conclusion(WAITING[kind], status.source, detail, since=status.at, until=until)


def _newest(tools: tuple[Tool, ...]) -> Tool | None:
    return max(tools, key=lambda tool: tool.at, default=None)


def _screen_dialog(facts: Facts, since: float) -> Conclusion | None:
    """Tell a dialog that only the screen shows, as long as nothing newer speaks against it."""
    screen = facts.screen
    if screen is None or screen.shows != "dialog" or screen.at < since:
        return None
    return Conclusion(Activity.BLOCKED, Source.SCREEN, screen.text, since=screen.at)


# The process


def _starting(facts: Facts) -> Conclusion | None:
    if facts.started_at is not None:
        return None
    if dialog := _screen_dialog(facts, facts.launched_at):
        return dialog
    watched_since = facts.watched_since or 0.0
    until = max(facts.launched_at, watched_since) + START_SECONDS
    if facts.now < until:
        source = Source.AGENT if watched_since else Source.PROCESS
        return Conclusion(Activity.STARTING, source, since=facts.launched_at, until=until)
    return Conclusion(Activity.UNKNOWN, Source.PROCESS, "Claude runs, but shows nothing of itself", since=until)


def _ending(facts: Facts) -> Conclusion | None:
    """Tell a session that said its end and lives on."""
    ending = facts.ending
    if ending is None:
        return None
    until = ending.at + ENDING_SECONDS
    revived = facts.status is not None and facts.status.at > ending.at
    if facts.now < until or revived or facts.worked_at > until:
        return None
    return Conclusion(
        Activity.UNKNOWN, ending.source, "the session said that it ends, but its process is still there", since=until
    )


# The turn


def _going_on(facts: Facts) -> Conclusion:
    if facts.word not in KNOWN_WORDS and facts.turn is None:
        assert facts.status is not None
        said = f"the sessions file says {facts.word!r}, which nobody knows"
        return Conclusion(Activity.UNKNOWN, Source.SESSIONS_FILE, said, since=facts.status.at)
    if facts.turn is not None:
        return _working(facts)
    if facts.end is not None:
        return _after(facts, facts.end)
    return _without_history(facts)


def _working(facts: Facts) -> Conclusion:
    assert facts.turn is not None
    if interruptions.is_contradicted(facts):
        until = interruptions.contradicted_at(facts)
        if facts.now >= until:
            said = f"a turn has begun, but the sessions file says {facts.word} since before"
            return Conclusion(Activity.UNKNOWN, Source.SESSIONS_FILE, said, since=until)
        return Conclusion(Activity.WORKING, facts.turn.source, words.work(facts), until=until)
    if retry := _retrying(facts):
        return retry
    return Conclusion(Activity.WORKING, facts.turn.source, words.work(facts))


def _retrying(facts: Facts) -> Conclusion | None:
    screen = facts.screen
    if screen is None or screen.shows not in ("retrying", "stalled") or screen.at <= facts.moved_at:
        return None
    until = screen.at + SCREEN_SECONDS
    if facts.now >= until:
        return None
    return Conclusion(Activity.RETRYING, Source.SCREEN, words.retry(screen), since=screen.at, until=until)


def _after(facts: Facts, end: End) -> Conclusion:
    """Tell what is left behind a turn that has ended."""
    status = facts.status
    if status is None or not status.status:
        return _without_status(facts, end)
    if status.status == "shell" or (status.status == "busy" and end.background):
        return _background(facts, end)
    if status.status != "idle":
        # It was busy before the end and will say idle, or goes on: a user's own hook can demand that.
        return Conclusion(Activity.WORKING, status.source, words.work(facts))
    if (until := queueing.taken_until(facts)) is not None and facts.now < until:
        return Conclusion(Activity.WORKING, Source.TRANSCRIPT, "takes the next message", until=until)
    if facts.queue:
        return _queued(facts, max(end.at, status.at, facts.queue[-1].at))
    if end.background:
        until = max(end.at, status.at, facts.agent_stopped_at) + BACKGROUND_SECONDS
        if facts.now < until:
            return _background(facts, end, until)
    return _settled(facts, end)


def _background(facts: Facts, end: End, until: float | None = None) -> Conclusion:
    background = end.background or ("shell",)
    return Conclusion(Activity.WAITING_BACKGROUND, end.source, words.background(facts, background), end.at, until)


def _queued(facts: Facts, since: float) -> Conclusion:
    until = since + QUEUE_SECONDS
    if facts.now < until:
        return Conclusion(Activity.WORKING, Source.TRANSCRIPT, "takes the next message", until=until)
    said = "a message waits inside Claude, but the sessions file says that nothing goes on"
    return Conclusion(Activity.UNKNOWN, Source.TRANSCRIPT, said, since=until)


def _settled(facts: Facts, end: End) -> Conclusion:
    """Tell the end of a turn once it is sure that no other begins by itself."""
    status = facts.status
    assert status is not None
    since = max(end.at, status.at)
    if dialog := _screen_dialog(facts, since):
        return dialog
    until = _settles_at(facts, since)
    if status.at < end.at and end.how is not Ending.FRESH and not _is_idle_of(end, status):
        # An idle from before the end says nothing about what comes behind it.
        until = max(until, end.at + CONTRADICTION_SECONDS)
    if facts.now < until or facts.status_read_at is None:
        has_worked = bool(facts.seen_prompts) or end.how is not Ending.FRESH
        activity = Activity.WORKING if has_worked else Activity.STARTING
        return Conclusion(activity, end.source, until=until)
    return Conclusion(ENDED[end.how], end.source, words.ending(facts, end), since=since)


def _is_idle_of(end: End, status: StatusSeen) -> bool:
    """Tell whether the idle came with an ending that is told later.

    Claude doesn't wait for StopFailure's hook, and the transcript marks an interruption 200 ms afterwards.
    """
    return end.how in (Ending.FAILED, Ending.INTERRUPTED) and 0 < end.began_at < status.at


def _settles_at(facts: Facts, since: float) -> float:
    read_at = facts.status_read_at
    return max(since + SETTLE_SECONDS, read_at + READ_SECONDS if read_at is not None else 0.0)


def _without_status(facts: Facts, end: End) -> Conclusion:
    until = end.at + CONTRADICTION_SECONDS
    if facts.now < until:
        activity = Activity.STARTING if end.how is Ending.FRESH else Activity.WORKING
        return Conclusion(activity, end.source, until=until)
    notice = facts.notice
    if notice is not None and notice.kind == "idle_prompt" and notice.at > end.at and not facts.queue:
        return Conclusion(ENDED[end.how], notice.source, words.ending(facts, end), since=notice.at)
    said = "the turn has ended, but there is no sessions file that says what goes on"
    return Conclusion(Activity.UNKNOWN, end.source, said, since=until)


def _without_history(facts: Facts) -> Conclusion:
    """Tell what goes on while no turn and no end of one has been seen."""
    status = facts.status
    if status is None or not status.status:
        if facts.watched_since is not None:
            said = "the agent has just come back, and the sessions file says nothing yet"
            return Conclusion(Activity.UNKNOWN, Source.AGENT, said, since=facts.watched_since)
        return Conclusion(Activity.STARTING, Source.HOOK)
    if status.status == "idle" and (facts.has_prompt or facts.watched_since is None):
        return _first_prompt(facts)
    return _by_status(facts, status)


def _by_status(facts: Facts, status: StatusSeen) -> Conclusion:
    """Conclude from the sessions file, the transcript and the screen alone: hooks were missed."""
    if status.status == "shell":
        return Conclusion(Activity.WAITING_BACKGROUND, status.source, "1 shell", since=status.at)
    if status.status != "idle":
        return Conclusion(Activity.WORKING, status.source, since=status.at)
    watched_since = facts.watched_since or 0.0
    if dialog := _screen_dialog(facts, max(status.at, watched_since)):
        return dialog
    if facts.queue:
        return _queued(facts, max(status.at, watched_since))
    until = _settles_at(facts, max(status.at, watched_since))
    if facts.now < until or facts.status_read_at is None:
        said = "the agent has just come back and looks whether anything goes on"
        return Conclusion(Activity.UNKNOWN, Source.AGENT, said, since=watched_since, until=until)
    return _by_transcript(facts, status.at)


def _first_prompt(facts: Facts) -> Conclusion:
    assert facts.status is not None
    since = max(facts.status.at, facts.started_at or 0.0, facts.watched_since or 0.0)
    if dialog := _screen_dialog(facts, facts.launched_at):
        return dialog
    until = since + FIRST_PROMPT_SECONDS
    if facts.now < until:
        detail = "takes the first prompt" if facts.has_prompt else ""
        return Conclusion(Activity.STARTING, Source.SESSIONS_FILE, detail, until=until)
    if facts.queue:
        return _queued(facts, until)
    if not facts.has_prompt:
        return Conclusion(Activity.IDLE, Source.SESSIONS_FILE, since=until)
    said = "Claude began no turn with the first prompt"
    return Conclusion(Activity.STOPPED, Source.SESSIONS_FILE, said, since=until)


def _by_transcript(facts: Facts, since: float) -> Conclusion:
    """Tell how the last turn ended by the last words of the transcript."""
    said, marked = facts.said, facts.marked
    if marked is not None and (said is None or marked.at >= said.at):
        return Conclusion(Activity.STOPPED, Source.TRANSCRIPT, words.INTERRUPTED, since=since)
    if said is not None and said.error:
        return Conclusion(Activity.FAILED, Source.TRANSCRIPT, said.error, since=since)
    return Conclusion(Activity.IDLE, Source.SESSIONS_FILE, since=since)


def is_silent(facts: Facts) -> bool:
    """Tell whether only the model's API can be what a working conversation waits for."""
    return all(tool.name in AGENT_TOOLS for tool in facts.main_tools)
