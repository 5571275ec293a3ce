"""Requests for a person's decision: which call each is about, and what became of it.

A request names no call, and nothing tells that it was answered; so each is joined with the PreToolUse
before it, and its end is taken from whatever shows it first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from agent.claude.evidence import (
    BatchEnded,
    InterruptMarked,
    PermissionAnswered,
    PermissionDecided,
    PermissionRequested,
    PermissionWithdrawn,
    StatusSeen,
    ToolEnded,
    ToolResultLine,
    ToolStarted,
)
from agent.models import Decision
from agent.tasks.facts import (
    CONFIRM_ENDED_SECONDS,
    CONFIRM_SECONDS,
    KEPT_REQUESTS,
    STALE_SECONDS,
    Facts,
    Outcome,
    Request,
    Tool,
)

AGENT_TOOLS = frozenset({"Agent", "Task"})
"""Calls that run a subagent; while one is open, the subagent runs in the foreground."""
BEFORE_SECONDS = 1.0
"""The sessions file may say waiting before the waiting hook has started, on a busy machine 700 ms before."""


def opened(facts: Facts, seen: PermissionRequested) -> Facts:
    """Take a request in; the same one again, after the agent's restart, changes nothing."""
    if any(request.request_id == seen.request_id for request in facts.requests):
        return facts
    request = Request(
        request_id=seen.request_id,
        kind=seen.kind,
        tool_name=seen.tool_name,
        tool_input=seen.tool_input,
        tool_use_id=None,
        agent_id=seen.agent_id,
        opened_at=seen.at,
    )
    taken = {each.tool_use_id for each in facts.requests}
    about = _call(request, tuple(tool for tool in facts.tools if tool.tool_use_id not in taken))
    if about is not None:
        request = replace(request, tool_use_id=about.tool_use_id)
    return _with_dialogs(replace(facts, requests=(*_forget(facts.requests), request)))


def _forget(requests: tuple[Request, ...]) -> tuple[Request, ...]:
    """Let the oldest requests go that are over; clients have their outcomes."""
    over = [request for request in requests if request.outcome is not None]
    forgotten = {request.request_id for request in over[: max(0, len(requests) + 1 - KEPT_REQUESTS)]}
    return tuple(request for request in requests if request.request_id not in forgotten)


def _call(request: Request, tools: tuple[Tool, ...]) -> Tool | None:
    """Find the call that a request is about: the oldest with the same input; else the only one of the same tool."""
    same = [tool for tool in tools if tool.name == request.tool_name and tool.agent_id == request.agent_id]
    exact = [tool for tool in same if tool.tool_input == request.tool_input]
    if exact:
        return exact[0]
    return same[0] if len(same) == 1 else None


def tool_started(facts: Facts, seen: ToolStarted) -> Facts:
    """Join a call that is told late with the request that is about it."""
    tool = Tool(seen.tool_use_id, seen.tool_name, seen.tool_input, seen.agent_id, seen.at)
    for request in facts.open_requests:
        if request.tool_use_id is None and request.opened_at >= seen.at and _call(request, (tool,)):
            return _changed(facts, replace(request, tool_use_id=seen.tool_use_id))
    return facts


def answered(facts: Facts, seen: PermissionAnswered) -> Facts:
    """Note that our answer was handed to the hook; whether it counts is still to be seen."""
    return _each(
        facts,
        lambda request: request.request_id == seen.request_id and request.is_open and request.answered_at is None,
        lambda request: replace(
            request,
            answered_at=seen.at,
            decision=seen.decision,
            was_alone=[tool.tool_use_id for tool in facts.main_tools] == [request.tool_use_id],
        ),
    )


def withdrawn(facts: Facts, seen: PermissionWithdrawn) -> Facts:
    """Note that Claude has ended the hook; of an answer that counted it wouldn't."""
    return _each(
        facts,
        lambda request: request.request_id == seen.request_id and request.is_open,
        lambda request: _over(request, "withdrawn", seen.at, "deny"),
    )


def decided(facts: Facts, seen: PermissionDecided) -> Facts:
    """Note that Claude took our answer."""
    decision: Decision = "deny" if seen.decision == "deny" else "allow"
    known = any(request.tool_use_id == seen.tool_use_id for request in facts.requests)
    return _each(
        facts,
        lambda request: (
            request.outcome is None
            and (
                request.tool_use_id == seen.tool_use_id
                or (not known and request.tool_use_id is None and request.decision == decision)
            )
        ),
        lambda request: _over(request, "applied", seen.at, decision),
    )


def tool_ended(facts: Facts, seen: ToolEnded) -> Facts:
    """Note that a tool ran: whoever was asked has allowed it, and the transcript tells who."""

    def close(request: Request) -> Request:
        if request.answered_at is None or request.decision == "deny":
            return _over(request, "terminal", seen.at, "allow")
        return replace(request, closed_at=request.closed_at or seen.at, ended_at=seen.at)

    facts = _decision_learned(facts, (seen.tool_use_id,), "allow")
    return _each(
        facts, lambda request: _is_about(request, seen.tool_use_id, seen.tool_name, seen.agent_id, seen.at), close
    )


def _decision_learned(facts: Facts, tool_use_ids: tuple[str, ...], decision: Decision) -> Facts:
    """Note what somebody at the keyboard decided, where only the end of the dialog had shown that they did."""
    requests = tuple(
        replace(request, decision=decision)
        if request.outcome == "terminal" and request.decision is None and request.tool_use_id in tool_use_ids
        else request
        for request in facts.requests
    )
    return facts if requests == facts.requests else replace(facts, requests=requests)


def _is_about(request: Request, tool_use_id: str, tool_name: str, agent_id: str | None, at: float) -> bool:
    if request.tool_use_id is not None:
        return request.tool_use_id == tool_use_id
    return request.tool_name == tool_name and request.agent_id == agent_id and request.opened_at <= at


def batch_ended(facts: Facts, seen: BatchEnded) -> Facts:
    """Note that all calls of a message have results; those that didn't run were refused."""

    def is_in_it(request: Request) -> bool:
        if request.tool_use_id is not None:
            return request.tool_use_id in seen.tool_use_ids
        return request.agent_id == seen.agent_id and request.opened_at <= seen.at

    def close(request: Request) -> Request:
        if request.answered_at is None:
            return _over(request, "terminal", seen.at, "deny")
        if request.decision == "deny":
            return _over(request, "applied", seen.at, "deny")
        return replace(request, closed_at=request.closed_at or seen.at, ended_at=request.ended_at or seen.at)

    facts = _decision_learned(facts, seen.tool_use_ids, "deny")
    return _each(facts, is_in_it, close)


def result_seen(facts: Facts, seen: ToolResultLine) -> Facts:
    """Note a result: had our answer counted, the line before it would have said so.

    But of a tool that we allowed and that somebody then interrupted, no line says so; that the turn went on
    behind the dialog does, or the mark of the interruption, which is the next line.
    """

    def close(request: Request) -> Request:
        is_allowed = request.decision == "allow" and request.answered_at is not None
        if seen.is_error and is_allowed and _went_on(facts, request):
            return _over(request, "applied", seen.at, "allow")
        if seen.is_error and is_allowed and request.was_alone and request.ended_at is None:
            return replace(request, closed_at=request.closed_at or seen.at, refused_at=seen.at)
        return _over(request, "terminal", seen.at, "deny" if seen.is_error else "allow")

    return _each(facts, lambda request: request.tool_use_id == seen.tool_use_id, close)


def interrupted(facts: Facts, seen: InterruptMarked) -> Facts:
    """Note whether the tool that we allowed ran when somebody pressed Esc."""
    outcome: Outcome = "applied" if seen.is_of_reply else "terminal"
    decision: Decision = "allow" if seen.is_of_reply else "deny"
    return _each(
        facts,
        lambda request: request.refused_at is not None and request.refused_at <= seen.at,
        lambda request: _over(request, outcome, seen.at, decision),
    )


def _went_on(facts: Facts, request: Request) -> bool:
    """Tell whether the sessions file showed a running turn behind the dialog."""
    if request.closed_at is None or facts.status is None:
        return False
    return facts.word == "busy" or facts.status.at > request.closed_at


def turn_ended(facts: Facts, at: float, agent_id: str | None = None) -> Facts:
    """Close what a turn or subagent had asked for and whose answer was missed.

    Whose answer a tool ran by that has just ended, the transcript tells, which is written behind the turn's end.
    """

    def close(request: Request) -> Request:
        if request.answered_at is not None and (request.ended_at or request.refused_at):
            return request
        outcome: Outcome = "terminal" if request.answered_at is None else "applied"
        return _over(request, outcome, at, request.decision)

    return _each(facts, lambda request: request.agent_id == agent_id and request.opened_at < at, close)


def expired(facts: Facts, at: float, *, also_agents: bool = True) -> Facts:
    """Close everything that is still open: the session ends, or is cleared."""
    return _each(
        facts,
        lambda request: also_agents or request.agent_id is None,
        lambda request: _over(request, "applied" if request.closed_at is not None else "expired", at, request.decision),
    )


def status_seen(facts: Facts, before: StatusSeen | None, seen: StatusSeen) -> Facts:
    """Join the sessions file's dialog with the requests, or note that it is gone."""
    if seen.status == "waiting":
        return _with_dialogs(facts)
    if before is None or before.status != "waiting":
        return facts

    def close(request: Request) -> Request:
        # A dialog that was gone before our answer was handed over was answered by somebody else.
        if request.answered_at is not None and request.answered_at <= seen.at:
            return replace(request, closed_at=seen.at)
        if seen.status == "busy":
            return _over(request, "terminal", seen.at, None)
        return _over(request, "withdrawn", seen.at, "deny")

    return _each(facts, lambda request: request.is_open and request.has_dialog and request.opened_at < seen.at, close)


def _with_dialogs(facts: Facts) -> Facts:
    """Mark the requests whose dialog the sessions file shows.

    While the main conversation runs a subagent in the foreground, the dialog is the subagent's;
    one in the background gets none as long as its hook waits.
    """
    status = facts.status
    if status is None or status.status != "waiting":
        return facts
    by_subagent = bool(facts.main_tools) and all(tool.name in AGENT_TOOLS for tool in facts.main_tools)

    def is_shown(request: Request) -> bool:
        if not request.is_open or request.has_dialog:
            return False
        is_shown_there = request.agent_id is None or by_subagent
        return is_shown_there and status.at >= request.opened_at - BEFORE_SECONDS

    # Several dialogs are one to the sessions file: it says waiting until the last is answered.
    others = any(request.has_dialog and request.is_open for request in facts.requests)
    return _each(
        facts,
        lambda request: is_shown(request) or (others and request.is_open and request.agent_id is None),
        lambda request: replace(request, has_dialog=True),
    )


def judged(facts: Facts) -> Facts:
    """Draw what follows from the mere passing of time."""
    for request in facts.requests:
        due = _due(facts, request)
        if due is not None and due <= facts.now:
            facts = _changed(facts, _by_time(facts, request))
    return facts


def next_due(facts: Facts) -> float | None:
    """Return when `judged` will have something to draw."""
    due = [due for request in facts.requests if (due := _due(facts, request)) is not None]
    return min(due, default=None)


def _due(facts: Facts, request: Request) -> float | None:
    if request.outcome is not None:
        return None
    if request.closed_at is not None:
        if request.refused_at is not None:
            return request.refused_at + CONFIRM_ENDED_SECONDS
        if request.ended_at is not None:
            return request.ended_at + CONFIRM_ENDED_SECONDS
        if request.decision == "deny" and facts.word == "busy":
            # A refused call ends its batch at once, unless others of the batch run.
            return None
        return request.closed_at + CONFIRM_SECONDS
    if _is_without_dialog(facts, request):
        return request.opened_at + STALE_SECONDS
    status = facts.status
    if status is not None and status.status == "idle" and status.at > request.opened_at:
        return status.at + STALE_SECONDS
    return None


def _is_without_dialog(facts: Facts, request: Request) -> bool:
    """Tell whether both the sessions file and the screen deny a dialog that must be there."""
    screen = facts.screen
    return (
        request.agent_id is None
        and not request.has_dialog
        and facts.word not in ("", "waiting")
        and screen is not None
        and screen.shows != "dialog"
        and screen.at >= request.opened_at + STALE_SECONDS / 2
    )


def _by_time(facts: Facts, request: Request) -> Request:
    if request.answered_at is None:
        return _over(request, "expired", facts.now, request.decision)
    # The turn ended with the dialog, and the transcript doesn't tell of our answer: somebody said no.
    ended_turn = facts.word != "busy" and facts.status is not None and facts.status.at == request.closed_at
    if (ended_turn and request.ended_at is None) or request.refused_at is not None:
        return _over(request, "terminal", facts.now, "deny")
    return _over(request, "applied", facts.now, request.decision)


def _over(request: Request, outcome: Outcome, at: float, decision: Decision | None) -> Request:
    return replace(request, outcome=outcome, closed_at=request.closed_at or at, decision=decision)


def _each(facts: Facts, which: Callable[[Request], bool], change: Callable[[Request], Request]) -> Facts:
    requests = tuple(
        change(request) if request.outcome is None and which(request) else request for request in facts.requests
    )
    return facts if requests == facts.requests else replace(facts, requests=requests)


def _changed(facts: Facts, changed: Request) -> Facts:
    requests = tuple(changed if each.request_id == changed.request_id else each for each in facts.requests)
    return replace(facts, requests=requests)
