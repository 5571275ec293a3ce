"""What the model answers to a request: the acts of one reply, in order."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.demo import demonstration
from agent.demo.messages import Kind, Request
from agent.demo.replay import Playing, Stand, call_ids
from agent.demo.steps import (
    Call,
    Cut,
    Error,
    Fault,
    MaxTokens,
    Plan,
    Refuse,
    Say,
    Silent,
    Stall,
    Step,
    StreamError,
    Think,
    Tools,
    Wait,
    write,
)

REMEMBERED = 20_000
SCRIPT_DONE = "The script is done."
_ERROR_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


@dataclass(frozen=True, slots=True)
class Text:
    """A text block; `rate` in words a second."""

    text: str
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Thinking:
    """A thinking block."""

    text: str
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool call."""

    tool_use_id: str
    name: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pause:
    """Some seconds with pings only."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Nothing:
    """Some seconds with nothing at all."""

    seconds: float
    fault: str


@dataclass(frozen=True, slots=True)
class Broken:
    """An `error` event, the end of the stream."""

    type: str
    message: str
    fault: str


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset."""

    fault: str


Act = Text | Thinking | ToolUse | Pause | Nothing | Broken | Reset


@dataclass(frozen=True, slots=True)
class HttpError:
    """An answer that is no reply; `retry_after` in seconds."""

    status: int
    type: str
    message: str
    retry_after: int | None
    fault: str


@dataclass
class Reply:
    """One answer of the model.

    Attributes:
        silent: Seconds before the first byte.
        error: Instead of a reply.
        steps: Which steps it plays, for the log, such as `1a2b3c4d.0`.
    """

    acts: list[Act]
    stop_reason: str = "end_turn"
    silent: Nothing | None = None
    error: HttpError | None = None
    steps: list[str] | None = None


class Memory:
    """What no conversation shows: how often each fault has happened, and which requests came; the newest of them.

    It is gone with the process. Then faults happen anew, and the script of a turn that failed goes on in the next one.
    """

    def __init__(self) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()

    def count(self, name: str) -> int:
        """Return how often it has happened."""
        return self._counts.get(name, 0)

    def happened(self, name: str) -> None:
        """Count it."""
        self._counts[name] = self._counts.pop(name, 0) + 1
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)


def reply_to(request: Request, memory: Memory) -> Reply:
    """Decide what to answer."""
    if request.kind is Kind.TITLE:
        return Reply([Text(demonstration.title(request))])
    if request.kind is Kind.OTHER:
        return Reply([Text(demonstration.NOTED)])
    stand = Stand.of(request, lambda name: memory.count(name) > 0)
    if request.kind is Kind.COMPACTION:
        return Reply([Text(_summary(stand))])
    if request.names:
        memory.happened(request.names[-1])
    if not stand.is_waiting or not any(True for playing in stand.playing for _ in playing.rest_of_turn()):
        return _unscripted(request, stand)
    return _Composer(request, memory).compose(stand.playing)


def _summary(stand: Stand) -> str:
    rest = stand.remaining()
    script = f" What is left of the script: {write(rest)}" if rest else ""
    return (
        "<analysis>\nA scripted model has nothing to analyse.\n</analysis>\n"
        f"<summary>\nA conversation with kubecoder's scripted model.{script}\n</summary>"
    )


def _unscripted(request: Request, stand: Stand) -> Reply:
    answer = demonstration.answer(request, is_first=stand.prompts <= 1, asked=stand.asked)
    if answer is None:
        answer = demonstration.Answer(SCRIPT_DONE if stand.in_turn or stand.playing else demonstration.NOTED)
    acts: list[Act] = [Text(answer.text, answer.rate)]
    if answer.call:
        acts.append(ToolUse(*answer.call))
    return Reply(acts, "tool_use" if answer.call else "end_turn")


class _Composer:
    """Collects the acts of one reply."""

    def __init__(self, request: Request, memory: Memory) -> None:
        self._conversation = request.names[-1]
        self._plan_file = request.plan_file
        self._memory = memory
        self._reply = Reply([], steps=[])

    def compose(self, playing: list[Playing]) -> Reply:
        for number, one in enumerate(playing):
            for index, step in one.rest_of_turn():
                if self._is_over(step, f"{self._conversation}.{number}.{index}"):
                    continue
                assert self._reply.steps is not None
                self._reply.steps.append(f"{one.script.key}.{index}")
                if self._take(step, one, number, index):
                    return self._reply
        if not any(isinstance(act, Text | ToolUse) for act in self._reply.acts):
            self._reply.acts.append(Text(SCRIPT_DONE))
        return self._reply

    def _is_over(self, step: Step, fault: str) -> bool:
        return isinstance(step, Fault) and step.times != "always" and self._memory.count(fault) >= step.times

    def _take(self, step: Step, playing: Playing, number: int, index: int) -> bool:
        """Add a step; true when it ends the reply."""
        acts = self._reply.acts
        match step:
            case Say():
                acts.append(Text(step.say, step.rate))
            case Think():
                acts.append(Thinking(step.think, step.rate))
            case Wait():
                acts.append(Pause(step.wait))
            case Call() | Tools():
                self._call(step, playing, index)
                return True
            case Refuse() | MaxTokens():
                self._reply.stop_reason = "refusal" if isinstance(step, Refuse) else "max_tokens"
                return True
            case Fault():
                return self._fail(step, f"{self._conversation}.{number}.{index}")
        return False

    def _call(self, step: Call | Tools, playing: Playing, index: int) -> None:
        calls = [call.call() for call in (step.steps if isinstance(step, Tools) else (step,))]
        if isinstance(step, Plan) and self._plan_file:
            # Newer versions take the plan from its file alone.
            calls.insert(0, ("Write", {"file_path": self._plan_file, "content": step.plan}))
        ids = call_ids(playing.script, index, len(calls))
        self._reply.acts += [ToolUse(call_id, *call) for call_id, call in zip(ids, calls, strict=True)]
        self._reply.stop_reason = "tool_use"

    def _fail(self, step: Fault, fault: str) -> bool:
        acts = self._reply.acts
        match step:
            case Error() if not acts:
                kind = step.type or _ERROR_TYPES.get(step.error, "api_error")
                self._reply.error = HttpError(step.error, kind, step.message, step.retry_after, fault)
            case Error():
                acts.append(Broken(step.type or _ERROR_TYPES.get(step.error, "api_error"), step.message, fault))
            case Silent() if not acts and not self._reply.silent:
                self._reply.silent = Nothing(step.silent, fault)
                return False
            case Silent(silent=seconds) | Stall(stall=seconds):
                acts.append(Nothing(seconds, fault))
                return False
            case StreamError():
                acts.append(Broken(step.stream_error, step.message, fault))
            case Cut():
                acts.append(Reset(fault))
        return True
