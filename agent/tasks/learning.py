"""What each piece of evidence adds to the facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from agent.claude.evidence import (
    Absorbed,
    AssistantLine,
    BatchEnded,
    Compacting,
    Dequeued,
    Enqueued,
    Evidence,
    Exited,
    InterruptMarked,
    Notified,
    PermissionAnswered,
    PermissionDecided,
    PermissionRequested,
    PermissionWithdrawn,
    PromptSubmitted,
    ScreenSeen,
    SessionEnded,
    SessionStarted,
    StatusGone,
    StatusSeen,
    SubagentStarted,
    SubagentStopped,
    TakenBack,
    Ticked,
    ToolEnded,
    ToolResultLine,
    ToolStarted,
    TurnFailed,
    TurnStopped,
    UserLine,
    WatchBegan,
)
from agent.models import Source
from agent.tasks import interruptions, queueing, requests
from agent.tasks.facts import (
    FIRST_PROMPT_SECONDS,
    KEPT_OPEN,
    KEPT_PROMPTS,
    KEPT_TOOLS,
    End,
    Ending,
    Facts,
    Tool,
    Turn,
    began,
    ended,
    kept,
)
from agent.tasks.queueing import is_of_this_launch, shortened


def learn(facts: Facts, evidence: Evidence) -> Facts:
    """Add one piece of evidence to the facts."""
    reader = READERS.get(type(evidence))
    facts = reader(facts, evidence) if reader else facts
    if facts.exited is not None:
        # A hook that comes late asks in vain.
        return requests.expired(facts, facts.exited.at)
    facts = interruptions.judged(queueing.forget_announcements(facts))
    return requests.judged(facts)


# The process and the session


def _exited(facts: Facts, seen: Exited) -> Facts:
    known = facts.exited
    if known is not None and (known.exit_code, known.signal) != (None, None):
        return facts
    return requests.expired(replace(facts, exited=seen), seen.at)


def _watch_began(facts: Facts, seen: WatchBegan) -> Facts:
    """Forget what only hooks told: the newest of them were missed."""
    is_over = seen.at - facts.launched_at > FIRST_PROMPT_SECONDS
    is_busy = facts.status is not None and facts.status.status == "busy"
    return replace(
        facts,
        watched_since=seen.at,
        has_prompt=facts.has_prompt and seen.has_prompt and not is_over,
        turn=Turn("", facts.status.at, Source.SESSIONS_FILE) if facts.status is not None and is_busy else None,
        end=None,
        tools=(),
        agents=(),
        compacting_since=None,
    )


def _ticked(facts: Facts, seen: Ticked) -> Facts:
    if facts.status is not None and facts.status_read_at is None:
        return replace(facts, status_read_at=seen.at)
    return facts


def _session_started(facts: Facts, seen: SessionStarted) -> Facts:
    facts = replace(facts, started_at=facts.started_at or seen.at)
    if seen.how == "compact":
        return _compacted(facts, seen.at)
    if seen.how == "clear":
        # The old transcript may end before its last lines were read.
        facts = replace(requests.expired(facts, seen.at, also_agents=False), queue=(), taken_at=None)
        return ended(facts, End(Ending.FRESH, seen.at, Source.HOOK))
    if facts.has_prompt or facts.turn is not None or facts.end is not None or facts.watched_since is not None:
        return facts
    return replace(facts, end=End(Ending.FRESH, seen.at, Source.HOOK))


def _session_ended(facts: Facts, seen: SessionEnded) -> Facts:
    if seen.reason == "clear":
        return facts
    return replace(facts, ending=facts.ending or seen)


def _status_gone(facts: Facts, seen: StatusGone) -> Facts:
    return replace(facts, ending=facts.ending or seen)


def _notified(facts: Facts, seen: Notified) -> Facts:
    return replace(facts, notice=seen)


# Turns


def _prompt_submitted(facts: Facts, seen: PromptSubmitted) -> Facts:
    is_dequeued = (seen.prompt_id, shortened(seen.text)) in facts.queued_lines
    if seen.prompt_id in facts.seen_prompts and not is_dequeued:
        # Only queued: it comes with the prompt id of the turn that runs.
        return queueing.announced(replace(facts, has_prompt=False), seen)
    facts = queueing.forget_stale(_worked(facts, seen.at), seen.at)
    if facts.turn is None:
        facts = requests.turn_ended(facts, seen.at)
    return _registered(began(facts, seen.at, Source.HOOK, seen.prompt_id), seen.prompt_id)


def _registered(facts: Facts, prompt_id: str) -> Facts:
    if not prompt_id or prompt_id in facts.seen_prompts:
        return facts
    return replace(facts, seen_prompts=kept(facts.seen_prompts, prompt_id, KEPT_PROMPTS))


def _worked(facts: Facts, at: float) -> Facts:
    return replace(facts, worked_at=max(facts.worked_at, at), started_at=facts.started_at or at)


def _turn_stopped(facts: Facts, seen: TurnStopped) -> Facts:
    if not seen.background:
        facts = replace(facts, agents=())
    end = End(Ending.DONE, seen.at, Source.HOOK, background=seen.background)
    return _turn_over(_registered(_worked(facts, seen.at), seen.prompt_id), end)


def _turn_failed(facts: Facts, seen: TurnFailed) -> Facts:
    words = ": ".join(part for part in (seen.error, seen.message) if part)
    end = End(Ending.FAILED, seen.at, Source.HOOK, words=words)
    return _turn_over(_registered(_worked(facts, seen.at), seen.prompt_id), end)


def _turn_over(facts: Facts, end: End) -> Facts:
    before = facts.end
    facts = ended(facts, end)
    return requests.turn_ended(facts, end.at) if facts.turn is None and facts.end is not before else facts


def _compacting(facts: Facts, seen: Compacting) -> Facts:
    facts = _worked(facts, seen.at)
    if seen.ended:
        return _compacted(facts, seen.at)
    facts = replace(facts, compacting_since=seen.at)
    return facts if facts.turn is not None else began(facts, seen.at, Source.HOOK)


def _compacted(facts: Facts, at: float) -> Facts:
    """Note the end of a compaction; one that a person asked for is a turn by itself, without a Stop."""
    facts = replace(facts, compacting_since=None)
    if facts.turn is not None and facts.turn.prompt_id:
        return facts
    return ended(facts, End(Ending.DONE, at, Source.HOOK))


# Tools and subagents


def _tool_started(facts: Facts, seen: ToolStarted) -> Facts:
    if seen.tool_use_id in facts.seen_tools:
        return facts
    tool = Tool(seen.tool_use_id, seen.tool_name, seen.tool_input, seen.agent_id, seen.at)
    facts = replace(
        facts,
        seen_tools=kept(facts.seen_tools, seen.tool_use_id, KEPT_TOOLS),
        tools=kept(facts.tools, tool, KEPT_OPEN),
    )
    if seen.agent_id is None:
        facts = _registered(_worked(facts, seen.at), seen.prompt_id)
        facts = facts if facts.turn is not None else began(facts, seen.at, Source.HOOK, seen.prompt_id)
    return requests.tool_started(facts, seen)


def _tool_ended(facts: Facts, seen: ToolEnded) -> Facts:
    if seen.tool_use_id not in facts.seen_tools:
        facts = replace(facts, seen_tools=kept(facts.seen_tools, seen.tool_use_id, KEPT_TOOLS))
    facts = replace(facts, tools=tuple(tool for tool in facts.tools if tool.tool_use_id != seen.tool_use_id))
    return requests.tool_ended(_main_worked(facts, seen.agent_id, seen.prompt_id, seen.at), seen)


def _batch_ended(facts: Facts, seen: BatchEnded) -> Facts:
    new = tuple(each for each in seen.tool_use_ids if each not in facts.seen_tools)
    facts = replace(
        facts,
        seen_tools=(*facts.seen_tools, *new)[-KEPT_TOOLS:],
        tools=tuple(tool for tool in facts.tools if tool.tool_use_id not in seen.tool_use_ids),
    )
    return requests.batch_ended(_main_worked(facts, seen.agent_id, seen.prompt_id, seen.at), seen)


def _main_worked(facts: Facts, agent_id: str | None, prompt_id: str, at: float) -> Facts:
    """Note that the main conversation moves; whose beginning was missed, begins here."""
    if agent_id is not None:
        return facts
    facts = _worked(facts, at)
    missed = facts.turn is None and facts.end is None
    return began(facts, at, Source.HOOK, prompt_id) if missed else facts


def _subagent_started(facts: Facts, seen: SubagentStarted) -> Facts:
    if seen.agent_id in facts.agents:
        return facts
    return replace(facts, agents=kept(facts.agents, seen.agent_id, KEPT_OPEN))


def _subagent_stopped(facts: Facts, seen: SubagentStopped) -> Facts:
    facts = replace(
        facts,
        agents=tuple(agent for agent in facts.agents if agent != seen.agent_id),
        tools=tuple(tool for tool in facts.tools if tool.agent_id != seen.agent_id),
        agent_stopped_at=max(facts.agent_stopped_at, seen.at),
    )
    return requests.turn_ended(facts, seen.at, seen.agent_id)


# The sessions file


def _status_seen(facts: Facts, seen: StatusSeen) -> Facts:
    if not seen.status or seen == facts.status:
        return facts
    before = facts.status
    facts = replace(facts, status=seen, status_read_at=None, started_at=facts.started_at or seen.at)
    if seen.status == "busy" and facts.taken_at is not None and seen.at >= facts.taken_at:
        facts = replace(facts, taken_at=None)
    if seen.status == "busy" and facts.turn is None and not (facts.end is not None and facts.end.background):
        facts = began(facts, seen.at, Source.SESSIONS_FILE)
    return requests.status_seen(facts, before, seen)


# The transcript


def _user_line(facts: Facts, seen: UserLine) -> Facts:
    if not is_of_this_launch(facts, seen):
        return facts
    is_first = facts.turn is None and facts.end is None and facts.watched_since is None
    facts = replace(facts, has_prompt=False)
    if is_first and not seen.text.startswith("<"):
        # Its hook is on the way. Lines of commands that no turn follows begin with a tag.
        return began(facts, seen.at, Source.TRANSCRIPT, seen.prompt_id)
    if seen.prompt_source == "queued":
        facts = _registered(facts, seen.prompt_id)
        facts = replace(
            facts, queued_lines=kept(facts.queued_lines, (seen.prompt_id, shortened(seen.text)), KEPT_PROMPTS)
        )
        return facts if facts.turn is not None else began(facts, seen.at, Source.TRANSCRIPT, seen.prompt_id)
    return facts


def _interrupt_marked(facts: Facts, seen: InterruptMarked) -> Facts:
    if not is_of_this_launch(facts, seen):
        return facts
    facts = requests.interrupted(replace(facts, marked=seen), seen)
    if facts.watched_since is not None and facts.turn is None and facts.end is None:
        return facts
    if facts.turn is not None and seen.at < facts.turn.began_at:
        return facts
    in_foreground = any(tool.name in requests.AGENT_TOOLS for tool in facts.main_tools)
    agents = () if in_foreground else facts.agents
    background = ("subagent",) * len(agents)
    if facts.turn is None and facts.end is not None and facts.end.how is Ending.INTERRUPTED:
        # The sessions file has told it before.
        return replace(facts, agents=agents, end=replace(facts.end, background=facts.end.background or background))
    end = End(Ending.INTERRUPTED, seen.at, Source.TRANSCRIPT, background=background)
    return ended(replace(facts, agents=agents), end)


def _assistant_line(facts: Facts, seen: AssistantLine) -> Facts:
    if facts.said is not None and seen.at < facts.said.at:
        return facts
    return replace(facts, said=replace(seen, text=shortened(seen.text)))


def _result_line(facts: Facts, seen: ToolResultLine) -> Facts:
    ran_agent = any(tool.tool_use_id == seen.tool_use_id and tool.name in requests.AGENT_TOOLS for tool in facts.tools)
    if ran_agent and seen.is_error:
        # A subagent in the foreground ends with the call that runs it, by Esc too; one in the background has begun
        # when its call returns.
        facts = replace(facts, agents=())
    facts = replace(facts, tools=tuple(tool for tool in facts.tools if tool.tool_use_id != seen.tool_use_id))
    return requests.result_seen(facts, seen)


# The screen


def _screen_seen(facts: Facts, seen: ScreenSeen) -> Facts:
    if facts.screen is not None and seen.at < facts.screen.at:
        return facts
    return replace(facts, screen=seen)


READERS: Mapping[type[Evidence], Callable[[Facts, Any], Facts]] = {
    Exited: _exited,
    WatchBegan: _watch_began,
    Ticked: _ticked,
    SessionStarted: _session_started,
    PromptSubmitted: _prompt_submitted,
    ToolStarted: _tool_started,
    ToolEnded: _tool_ended,
    BatchEnded: _batch_ended,
    SubagentStarted: _subagent_started,
    SubagentStopped: _subagent_stopped,
    TurnStopped: _turn_stopped,
    TurnFailed: _turn_failed,
    Compacting: _compacting,
    Notified: _notified,
    SessionEnded: _session_ended,
    PermissionRequested: requests.opened,
    PermissionAnswered: requests.answered,
    PermissionWithdrawn: requests.withdrawn,
    StatusSeen: _status_seen,
    StatusGone: _status_gone,
    UserLine: _user_line,
    Enqueued: queueing.enqueued,
    Dequeued: queueing.dequeued,
    Absorbed: queueing.removed,
    TakenBack: queueing.removed,
    InterruptMarked: _interrupt_marked,
    AssistantLine: _assistant_line,
    ToolResultLine: _result_line,
    PermissionDecided: requests.decided,
    ScreenSeen: _screen_seen,
}
