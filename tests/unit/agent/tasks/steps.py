"""Evidence in a few words, for timelines written by hand: milliseconds, what was seen, and what is shown then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent.claude import evidence as kinds
from agent.claude.evidence import Evidence
from agent.models import RequestKind
from agent.tasks.state import State
from tests.unit.agent.tasks.timelines import Seen, Shown, Timeline, play

BEGUN = 1000.0


@dataclass(frozen=True)
class At:
    """Evidence at a moment in milliseconds; `happened` when it tells of an earlier one."""

    ms: int
    kind: str
    values: dict[str, Any]
    happened: int | None = None

    @property
    def seen(self) -> Seen:
        happened = BEGUN + (self.ms if self.happened is None else self.happened) / 1000
        made: Evidence = getattr(kinds, self.kind)(at=happened, **self.values)
        return Seen(BEGUN + self.ms / 1000, made)


def launched(*, prompt: bool = True) -> At:
    return At(0, "Launched", {"has_prompt": prompt})


def up(ms: int = 300, how: str = "startup", session_id: str = "s") -> At:
    return At(ms, "SessionStarted", {"session_id": session_id, "how": how})


def status(ms: int, word: str, waiting_for: str = "", *, changed: int | None = None) -> At:
    return At(ms, "StatusSeen", {"status": word, "waiting_for": waiting_for, "session_id": "s"}, changed)


def prompt(ms: int, prompt_id: str = "p1", text: str = "hello", *, notice: bool = False) -> At:
    return At(ms, "PromptSubmitted", {"prompt_id": prompt_id, "text": text, "is_notification": notice})


def tool(ms: int, call: str = "c1", name: str = "Bash", agent: str | None = None, **tool_input: Any) -> At:
    values = {"prompt_id": "p1", "tool_use_id": call, "tool_name": name, "tool_input": tool_input, "agent_id": agent}
    return At(ms, "ToolStarted", values)


def tool_end(ms: int, call: str = "c1", name: str = "Bash", agent: str | None = None) -> At:
    values = {"prompt_id": "p1", "tool_use_id": call, "tool_name": name, "agent_id": agent}
    return At(ms, "ToolEnded", values)


def batch(ms: int, *calls: str, agent: str | None = None) -> At:
    return At(ms, "BatchEnded", {"prompt_id": "p1", "tool_use_ids": calls, "agent_id": agent})


def ask(ms: int, request: str = "r1", name: str = "Bash", agent: str | None = None, **tool_input: Any) -> At:
    kind = {"AskUserQuestion": RequestKind.QUESTION, "ExitPlanMode": RequestKind.PLAN}.get(name, RequestKind.PERMISSION)
    values = {"request_id": request, "kind": kind, "tool_name": name, "tool_input": tool_input, "agent_id": agent}
    return At(ms, "PermissionRequested", values)


def answer(ms: int, request: str = "r1", decision: str = "allow") -> At:
    return At(ms, "PermissionAnswered", {"request_id": request, "decision": decision})


def withdraw(ms: int, request: str = "r1") -> At:
    return At(ms, "PermissionWithdrawn", {"request_id": request})


def decided(ms: int, call: str = "c1", decision: str = "allow", *, happened: int | None = None) -> At:
    return At(ms, "PermissionDecided", {"tool_use_id": call, "decision": decision}, happened)


def stop(ms: int, prompt_id: str = "p1", *background: str) -> At:
    return At(ms, "TurnStopped", {"prompt_id": prompt_id, "background": background})


def fail(ms: int, error: str = "rate_limit", message: str = "Request rejected (429)") -> At:
    return At(ms, "TurnFailed", {"prompt_id": "p1", "error": error, "message": message})


def line(ms: int, kind: str, *, happened: int | None = None, **values: Any) -> At:
    return At(ms, kind, values, happened)


BUSY = [launched(), up(), status(350, "idle"), prompt(510), status(540, "busy")]
"""A session in its first turn."""
DONE = [*BUSY, stop(1500), status(1541, "idle")]
"""A session whose first turn is over."""

Expected = list[tuple[int, str]]
Cases = dict[str, tuple[list[At], Expected]]


def check(case: tuple[list[At], Expected]) -> None:
    """Play a case and compare what is shown at each moment."""
    steps, expected = case
    shown = played(steps, until=max(*(ms for ms, _ in expected), steps[-1].ms) + 200)
    assert [(ms, activity_at(shown, ms)) for ms, _ in expected] == expected


def played(steps: list[At], *, until: int) -> list[Shown]:
    """Play steps to a moment in milliseconds."""
    return play(Timeline(seen=[step.seen for step in steps]), until=BEGUN + until / 1000)


def final(steps: list[At], *, until: int) -> State:
    """Return the state at a moment in milliseconds."""
    return played(steps, until=until)[-1].state


def activity_at(shown: list[Shown], ms: int) -> str:
    """Return the activity that was shown at a moment."""
    moment = BEGUN + ms / 1000 + 1e-6
    return [each for each in shown if each.at <= moment][-1].state.activity.value
