"""What has been seen of one Claude session: the ground that conclusions stand on.

The constants are how long one source may lag behind another. They stand beside what was measured
on Claude Code 2.1.330 and 2.1.197, on a machine at rest and on one with five times more work than cores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Literal, TypeVar

from agent.claude.evidence import (
    AssistantLine,
    Exited,
    InterruptMarked,
    Notified,
    ScreenSeen,
    SessionEnded,
    StatusGone,
    StatusSeen,
)
from agent.models import Decision, RequestKind, Source

SETTLE_SECONDS = 0.4
"""The sessions file says idle 41 ms after Stop, at most 376 ms; between two queued turns it says idle for less than
20 ms, on a busy machine for up to 270 ms."""
READ_SECONDS = 0.1
"""The transcript is written every 100 ms: what belongs to a status that was just read comes at most so much later."""
INTERRUPT_SECONDS = 0.5
"""No hook tells of Esc; Stop and StopFailure are answered before the sessions file says idle, so never later."""
LAG_SECONDS = 1.5
"""A change of the sessions file is read after 23 ms, at most 756 ms, on a busy machine 1.05 s."""
CONTRADICTION_SECONDS = 2.0
"""The sessions file says busy 60 ms after UserPromptSubmit and often before it: idle for so long contradicts it."""
ABANDON_SECONDS = 10.0
"""A prompt that a person takes back with Esc, or that a hook of the user's blocks, starts no turn; so long after it
nothing else can come."""
DIALOG_SECONDS = 1.0
"""The sessions file says waiting at most 110 ms after the request; the waiting hook starts within 115 ms, on a busy
machine within 900 ms, so a dialog without a request isn't known to be one before."""
STALE_SECONDS = 2.0
"""A request whose dialog isn't there after so long was answered while nobody watched."""
CONFIRM_SECONDS = 3.0
"""The transcript tells whose answer counted: after a tool has ended within 130 ms, on a busy machine within 2 s;
of a tool that goes on running, only when it ends, and nobody waits for that."""
CONFIRM_ENDED_SECONDS = 5.0
QUEUE_SECONDS = 3.0
"""What waits inside Claude is taken 80 ms after the turn's end, on a busy machine within 700 ms."""
TAKING_SECONDS = 1.5
"""Between the line that a message was taken and the sessions file's busy, on a machine with ten times more work than
cores 700 ms."""
ANNOUNCED_SECONDS = 2.0
"""UserPromptSubmit of a queued message comes 130 to 190 ms before its line in the transcript, at most 1 s."""
BACKGROUND_SECONDS = 2.0
"""Between the end of background work and the turn that it starts, the sessions file says idle for 35 ms, on a busy
machine for 430 ms, and nothing else says anything for up to 900 ms."""
FIRST_PROMPT_SECONDS = 10.0
"""The first prompt is taken up 100 ms after the first idle, on a busy machine within 2.5 s."""
START_SECONDS = 30.0
"""SessionStart comes after 300 ms, on a busy machine within 11 s."""
ENDING_SECONDS = 5.0
"""A session that says that it ends is gone within 200 ms, after a hang-up within 2 s."""

KEPT_PROMPTS = 64
KEPT_TOOLS = 512
KEPT_OPEN = 128
KEPT_REQUESTS = 100
KEPT_EVIDENCE = 64
KEPT_QUEUE = 256
TEXT_CHARACTERS = 500


Value = TypeVar("Value")


class Ending(StrEnum):
    """How a turn ended: with an answer, an API error, an interruption; or none has begun in a fresh conversation."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    FRESH = "fresh"


@dataclass(frozen=True, slots=True)
class Turn:
    """The running turn.

    Attributes:
        prompt_id: Empty when nothing has told it.
        began_at: By the newest sign of its beginning.
        source: Where that sign comes from.
    """

    prompt_id: str
    began_at: float
    source: Source


@dataclass(frozen=True, slots=True)
class End:
    """The end of the last turn.

    Attributes:
        background: What goes on behind it, as Stop names it.
        words: The error.
        began_at: When the turn had begun that ended.
    """

    how: Ending
    at: float
    source: Source
    background: tuple[str, ...] = ()
    words: str = ""
    began_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Tool:
    """A call that has begun and not ended; `agent_id` when a subagent made it."""

    tool_use_id: str
    name: str
    tool_input: Mapping[str, Any]
    agent_id: str | None
    at: float


@dataclass(frozen=True, slots=True)
class Queued:
    """A message that waits inside Claude; `announced` until the transcript tells it too."""

    text: str
    at: float
    announced: bool = False


Outcome = Literal["applied", "terminal", "withdrawn", "expired"]


@dataclass(frozen=True, slots=True)
class Request:
    """A request for a person's decision.

    Attributes:
        tool_use_id: The call that it is about, found by the PreToolUse before it; the request itself doesn't tell.
        opened_at: When the hook asked.
        has_dialog: Whether the sessions file has shown its dialog.
        answered_at: When our answer was handed to the hook.
        closed_at: When it was seen that nobody is waited for any more, perhaps before it shows whose answer counted.
        ended_at: When its tool ended.
        was_alone: Whether no other call of the main conversation ran when our answer was handed over.
        refused_at: When the transcript had a refusal of the tool that we allowed: by somebody who was faster, or by
            Esc while it ran.
        outcome: `applied`: our answer counted; `terminal`: a person answered at the keyboard; `withdrawn`: Claude
            took it back, which is a person's No or Esc; `expired`: it is over without an answer.
        decision: Of whoever's answer counted, or the one that we handed over.
    """

    request_id: str
    kind: RequestKind
    tool_name: str
    tool_input: Mapping[str, Any]
    tool_use_id: str | None
    agent_id: str | None
    opened_at: float
    has_dialog: bool = False
    answered_at: float | None = None
    closed_at: float | None = None
    ended_at: float | None = None
    was_alone: bool = False
    refused_at: float | None = None
    outcome: Outcome | None = None
    decision: Decision | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody is still waited for."""
        return self.outcome is None and self.closed_at is None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is known of a session; nothing here is a conclusion.

    Attributes:
        now: The newest time that any evidence told.
        has_prompt: A first prompt was given and not taken up yet.
        started_at: When the session was up.
        watched_since: When the agent came back to a session that ran already.
        worked_at: The newest hook of the main conversation.
        compacting_since: While the conversation is compacted.
        agents: Subagents that run in the background or foreground.
        agent_stopped_at: When the last of them stopped.
        taken_at: When a message was taken out of the queue whose turn hasn't shown itself yet.
        seen_prompts: Ids of prompts that hooks have told, the newest last.
        seen_tools: Ids of calls that have been told, the newest last.
        status_read_at: The first tick after the status was read: only then all that belongs to it was read too.
        said: The newest line that the model wrote.
        marked: The newest mark of an interruption in the transcript.
        queued_lines: Queued prompts of the transcript that have become turns: id and text.
        recent: Keys of the newest evidence, against repetition.
    """

    launched_at: float
    now: float
    has_prompt: bool
    started_at: float | None = None
    watched_since: float | None = None
    turn: Turn | None = None
    end: End | None = None
    worked_at: float = 0.0
    compacting_since: float | None = None
    tools: tuple[Tool, ...] = ()
    agents: tuple[str, ...] = ()
    agent_stopped_at: float = 0.0
    queue: tuple[Queued, ...] = ()
    taken_at: float | None = None
    seen_prompts: tuple[str, ...] = ()
    seen_tools: tuple[str, ...] = ()
    requests: tuple[Request, ...] = ()
    status: StatusSeen | None = None
    status_read_at: float | None = None
    screen: ScreenSeen | None = None
    said: AssistantLine | None = None
    marked: InterruptMarked | None = None
    queued_lines: tuple[tuple[str, str], ...] = ()
    notice: Notified | None = None
    ending: SessionEnded | StatusGone | None = None
    exited: Exited | None = None
    recent: tuple[object, ...] = ()

    @property
    def open_requests(self) -> tuple[Request, ...]:
        """Requests that somebody is still waited for, the oldest first."""
        return tuple(request for request in self.requests if request.is_open)

    @property
    def main_tools(self) -> tuple[Tool, ...]:
        """Open calls of the main conversation."""
        return tuple(tool for tool in self.tools if tool.agent_id is None)

    @property
    def word(self) -> str:
        """The sessions file's status; empty when it has told none."""
        return self.status.status if self.status else ""

    @property
    def moved_at(self) -> float:
        """The newest sign that the running turn moves."""
        said_at = self.said.at if self.said else 0.0
        return max(self.worked_at, said_at, self.turn.began_at if self.turn else 0.0)


def began(facts: Facts, at: float, source: Source, prompt_id: str = "") -> Facts:
    """Note that a turn begins, unless the last one ended after that or it is running already."""
    if facts.end is not None and at <= facts.end.at:
        return facts
    if facts.turn is not None and at <= facts.turn.began_at:
        return facts
    return replace(facts, turn=Turn(prompt_id, at, source), has_prompt=False)


def ended(facts: Facts, end: End) -> Facts:
    """Note that a turn has ended, unless a newer one is running already or has ended."""
    if facts.end is not None and end.at < facts.end.at:
        return facts
    if facts.turn is not None and facts.turn.began_at > end.at:
        return replace(facts, end=end, has_prompt=False)
    end = replace(end, began_at=facts.turn.began_at) if facts.turn else end
    facts = replace(facts, end=end, has_prompt=False)
    return replace(
        facts,
        turn=None,
        compacting_since=None,
        tools=tuple(tool for tool in facts.tools if tool.agent_id is not None),
    )


def kept(values: tuple[Value, ...], value: Value, most: int) -> tuple[Value, ...]:
    """Add a value behind others, and let the oldest go."""
    return (*values, value)[-most:]
