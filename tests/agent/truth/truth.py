"""What was so, concluded afterwards from everything that an observer without the agent saw of one task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

from tests.agent.truth.judging import Span
from tests.agent.truth.observed import Hook, Observed, Status

GAP_SECONDS = 0.5
"""Between two turns that follow each other by themselves, the sessions file says idle for up to so long."""
PRELUDE_SECONDS = 2.0
"""How long the sessions file may say idle behind the hook that tells a prompt."""
ENDED_SECONDS = 0.3
"""How long the end's hook may come behind the sessions file's idle: the listener is busy too."""
HOOK_SECONDS = 2.0
"""How long the hook of a dialog may come before or after it."""
TAKEN_SECONDS = 1.0
"""How long it may take until an answer has reached Claude; of a subagent's nothing shows it."""
KINDS = {"AskUserQuestion": "waiting_question", "ExitPlanMode": "waiting_plan"}
ASKING = frozenset({"waiting_permission", "waiting_question", "waiting_plan"})
WORKING = frozenset({"working", "retrying"})
BACKGROUND = frozenset({"waiting_background"})
DONE = frozenset({"idle", "stopped", "failed"})
STARTING = frozenset({"starting", "queued", "running"})
"""A task that runs has no activity yet for a moment."""
BLOCKED = frozenset({"blocked"})
ENDED = frozenset({"interrupted", "completed", "error", "unknown"})
KILLED = frozenset({"killed", "unknown"})
"""What the session did is unknown until what it left behind has been ended too."""
ENDS_OF_ASKING = frozenset(
    {"PostToolUse", "PostToolUseFailure", "PostToolBatch", "Stop", "StopFailure", "SubagentStop"}
)
BEGINNINGS = frozenset({"UserPromptSubmit", "PreCompact"})
ENDINGS = {"Stop": "idle", "PostCompact": "idle", "StopFailure": "failed"}
Value = TypeVar("Value")


def spans(observed: Observed) -> list[Span]:
    """Return what was so from the launch to the end of the observation."""
    truth = _Truth(_without_gaps(observed))
    found: list[Span] = []
    for since, until in pairwise(truth.cuts()):
        words, what = truth.at((since + until) / 2)
        if found and (found[-1].words, found[-1].what) == (words, what):
            found[-1] = replace(found[-1], until=until)
        else:
            found.append(Span(since, until, words, what))
    return found


def _without_gaps(observed: Observed) -> Observed:
    """Leave out the sessions file's short idle between two turns: what follows by itself was work all the time."""
    kept: list[Status] = []
    statuses = observed.statuses
    for number, status in enumerate(statuses):
        after = statuses[number + 1] if number + 1 < len(statuses) else None
        is_gap = status.word == "idle" and after is not None and after.at - status.at < GAP_SECONDS
        if is_gap and after is not None and after.word == "busy" and kept and kept[-1].word != "idle":
            kept.append(replace(status, word="busy"))
        else:
            kept.append(status)
    return replace(observed, statuses=kept)


class _Truth:
    def __init__(self, observed: Observed) -> None:
        self._seen = observed
        self._asks = list(_asks(observed))
        self._preludes = list(_preludes(observed))
        self._dialogs = list(_dialogs(observed))
        self._deleted_at = next((deed.at for deed in observed.deeds if deed.name == "delete"), None)
        begun = [
            *(hook.at for hook in observed.hooks if hook.name == "UserPromptSubmit"),
            *(status.at for status in observed.statuses if status.word in ("busy", "waiting")),
            *(request.at for request in observed.requests),
        ]
        self._begun_at = min(begun, default=observed.until)

    def cuts(self) -> list[float]:
        """Return the times at which the truth may change."""
        seen = self._seen
        cuts = {seen.launched_at, seen.until, self._begun_at, self._deleted_at, seen.gone_at}
        cuts |= (
            {status.at for status in seen.statuses}
            | {hook.at for hook in seen.hooks}
            | {deed.at for deed in seen.deeds}
        )
        cuts |= {status.at + HOOK_SECONDS for status in seen.statuses if status.word == "waiting"}
        cuts |= {ask.answered_at for ask in self._asks}
        ranges = (*self._preludes, *self._dialogs, *((ask.since, ask.until) for ask in self._asks))
        cuts |= {time for each in ranges for time in each}
        cuts |= {time for request in seen.requests for time in (request.at, request.until)}
        return sorted(cut for cut in cuts if cut is not None and seen.launched_at <= cut <= seen.until)

    def at(self, time: float) -> tuple[frozenset[str], str]:
        """Return the true words and what was so."""
        if self._seen.gone_at is not None and time >= self._seen.gone_at:
            return (ENDED if self._deleted_at is None else KILLED), "the process is gone"
        if self._deleted_at is not None and time >= self._deleted_at:
            return frozenset(), "it is being ended"
        if time < self._begun_at:
            return STARTING, "it starts"
        return self._conversation(time)

    def _conversation(self, time: float) -> tuple[frozenset[str], str]:
        asks = [ask for ask in self._asks if ask.since <= time < ask.until]
        asked = frozenset(ask.kind for ask in asks)
        status = self._status(time)
        if any(time < ask.answered_at for ask in asks):
            return asked, "somebody is asked"
        if asks:
            return asked | WORKING | BACKGROUND, "an answer is taken"
        if _within(self._dialogs, time):
            return BLOCKED, "a dialog is open"
        if status is not None and status.word == "waiting" and status.waiting_for == "dialog open":
            return BLOCKED, "a dialog is open"
        if status is not None and status.word == "waiting" and not self._is_answered(status, time):
            return self._waiting(status, time)
        if self._is_working(time, status):
            return (WORKING | BACKGROUND if self._has_background(time) else WORKING), "Claude works"
        if status is not None and status.word == "shell":
            return BACKGROUND, "a shell runs"
        return self._ending(time)

    def _status(self, time: float) -> Status | None:
        return _last(status for status in self._seen.statuses if status.at <= time)

    def _waiting(self, status: Status, time: float) -> tuple[frozenset[str], str]:
        """Tell a dialog by whether a hook asks too, which may come a moment before or after it.

        What was over before the dialog isn't its hook, however near.
        """
        near = (abs(ask.since - status.at) for ask in self._asks if ask.until > status.at)
        if min(near, default=HOOK_SECONDS) < HOOK_SECONDS:
            return ASKING, "it waits"
        if time < status.at + HOOK_SECONDS:
            return ASKING | BLOCKED, "it waits"
        return BLOCKED, "a dialog is open that no hook tells of"

    def _is_answered(self, status: Status, time: float) -> bool:
        """Tell whether a hook has shown the end of what the sessions file still says it waits for."""
        return any(hook.name in ENDS_OF_ASKING and status.at < hook.at <= time for hook in self._seen.hooks)

    def _is_working(self, time: float, status: Status | None) -> bool:
        is_asked = any(request.at <= time < request.until for request in self._seen.requests)
        return is_asked or status is None or status.word in ("busy", "waiting") or _within(self._preludes, time)

    def _has_background(self, time: float) -> bool:
        """Tell whether the last turn left something behind that goes on, or a subagent runs."""
        stop = _last(hook for hook in self._seen.hooks if hook.name == "Stop" and hook.at <= time)
        before = [hook for hook in self._seen.hooks if hook.at <= time]
        started = sum(hook.name == "SubagentStart" for hook in before)
        stopped = sum(hook.name == "SubagentStop" for hook in before)
        return (stop is not None and stop.background) or started > stopped

    def _ending(self, time: float) -> tuple[frozenset[str], str]:
        """Tell how the last turn ended: by a hook that came behind the last request, else somebody stopped it."""
        before = [status for status in self._seen.statuses if status.at <= time]
        asked_at = max((request.at for request in self._seen.requests if request.at <= time), default=0.0)
        rests = [status.at for status, after in pairwise(before) if (status.word, after.word) == ("idle", "busy")]
        rested_at = max(rests, default=0.0)
        changed_at = _session_changed_at(before)
        if changed_at is not None and changed_at > max(asked_at, rested_at):
            return frozenset({"idle"}), "the conversation is new"
        if not self._was_prompted(rested_at, time):
            return DONE, "a command is over"
        until = min((status.at for status in self._seen.statuses if status.at > time), default=time + ENDED_SECONDS)
        ends = [
            ENDINGS[hook.name]
            for hook in self._seen.hooks
            if hook.name in ENDINGS
            and not (hook.name == "StopFailure" and hook.agent_id)
            and asked_at <= hook.at <= min(until, time + ENDED_SECONDS)
        ]
        return frozenset({ends[-1] if ends else "stopped"}), "the turn is over"

    def _was_prompted(self, since: float, until: float) -> bool:
        """Tell whether the newest work was a turn; some commands say busy too."""
        prompted = [hook.at for hook in self._seen.hooks if hook.name == "UserPromptSubmit"]
        asked = [request.at for request in self._seen.requests]
        return any(since < at <= until for at in (*prompted, *asked))


@dataclass(frozen=True)
class _Ask:
    """A request to a person; Claude takes the answer a moment after it was given."""

    since: float
    answered_at: float
    until: float
    kind: str


def _asks(observed: Observed) -> Iterator[_Ask]:
    """Yield what somebody is asked for; an answer is one to the oldest request that is open."""
    answers = [deed.at for deed in observed.deeds if deed.name == "answer"]
    for hook in observed.hooks:
        if hook.name != "PermissionRequest":
            continue
        until = min(_hook_end(observed, hook), _status_end(observed, hook.at))
        answered_at = next((at for at in answers if hook.at <= at < until), None)
        if answered_at is not None:
            answers.remove(answered_at)
            until = min(until, answered_at + TAKEN_SECONDS)
        yield _Ask(hook.at, answered_at or until, until, KINDS.get(hook.tool_name, "waiting_permission"))


def _hook_end(observed: Observed, asked: Hook) -> float:
    ends = (
        hook.at
        for hook in observed.hooks
        if hook.at > asked.at and hook.name in ENDS_OF_ASKING and hook.agent_id == asked.agent_id
    )
    return min(ends, default=observed.until)


def _status_end(observed: Observed, asked_at: float) -> float:
    """Return when the sessions file showed the end of a dialog that it had shown."""
    for before, status in pairwise(observed.statuses):
        if status.at > asked_at and before.word == "waiting" and status.word != "waiting":
            return status.at
    return observed.until


def _preludes(observed: Observed) -> Iterator[tuple[float, float]]:
    """Yield the times between the hook of a beginning and the sessions file that says busy."""
    for hook in observed.hooks:
        if hook.name not in BEGINNINGS:
            continue
        before = _last(status for status in observed.statuses if status.at <= hook.at)
        after = next((status for status in observed.statuses if status.at > hook.at), None)
        is_busy = before is not None and before.word == "busy"
        if not is_busy and after is not None and after.at < hook.at + PRELUDE_SECONDS and after.word == "busy":
            yield hook.at, after.at


def _dialogs(observed: Observed) -> Iterator[tuple[float, float]]:
    opened_at: float | None = None
    for deed in observed.deeds:
        if deed.name == "dialog":
            opened_at = deed.at
        elif deed.name == "dialog over" and opened_at is not None:
            yield opened_at, deed.at
            opened_at = None


def _session_changed_at(statuses: Sequence[Status]) -> float | None:
    """Return when the conversation last became another one in the same process."""
    changes = (after.at for before, after in pairwise(statuses) if before.session_id != after.session_id)
    return max(changes, default=None)


def _within(ranges: Iterable[tuple[float, float]], time: float) -> bool:
    return any(since <= time < until for since, until in ranges)


def _last(values: Iterable[Value]) -> Value | None:
    return next(iter([*values][-1:]), None)
