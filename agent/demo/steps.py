"""The steps of scripts, each checked when it is read; `agent.demo.script` says what each does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Seconds = Annotated[float, Field(ge=0, le=3600)]
Rate = Annotated[float, Field(gt=0, le=10_000)]
Times = Annotated[int, Field(ge=1, le=1000)] | Literal["always"]


class ScriptError(ValueError):
    """A script is broken; the text says where and how."""


class Step(BaseModel):
    """One step."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    verb: ClassVar[str] = ""
    calls_tools: ClassVar[bool] = False
    ends_turn: ClassVar[bool] = False


class Say(Step):
    """Text of the reply."""

    verb: ClassVar[str] = "say"
    say: str
    rate: Rate | None = None


class Think(Step):
    """A thinking block."""

    verb: ClassVar[str] = "think"
    think: str
    rate: Rate | None = None


class Call(Step):
    """A step that is one tool call."""

    calls_tools: ClassVar[bool] = True

    def call(self) -> tuple[str, Mapping[str, Any]]:
        """Return the tool's name and its input."""
        raise NotImplementedError


class Tool(Call):
    """Any tool."""

    verb: ClassVar[str] = "tool"
    tool: str = Field(min_length=1)
    input: dict[str, Any] = {}

    def call(self) -> tuple[str, Mapping[str, Any]]:
        """Return the tool's name and its input."""
        return self.tool, self.input


class Bash(Call):
    """A shell command; `timeout` in milliseconds."""

    verb: ClassVar[str] = "bash"
    bash: str
    background: bool = False
    description: str = "Run a command of the script"
    timeout: int | None = None

    def call(self) -> tuple[str, Mapping[str, Any]]:
        """Return the tool's name and its input."""
        extra: dict[str, Any] = {"run_in_background": True} if self.background else {}
        if self.timeout is not None:
            extra["timeout"] = self.timeout
        return "Bash", {"command": self.bash, "description": self.description, **extra}


class Agent(Call):
    """A subagent; newer versions of Claude Code run it in the background whatever `background` says."""

    verb: ClassVar[str] = "agent"
    agent: str | list[Any]
    description: str = "Follow a script"
    type: str = "general-purpose"
    background: bool = False

    def call(self) -> tuple[str, Mapping[str, Any]]:
        """Return the tool's name and its input."""
        prompt = self.agent if isinstance(self.agent, str) else f"Follow this. {write(self.agent)}"
        extra = {"run_in_background": True} if self.background else {}
        return "Agent", {
            "description": self.description,
            "prompt": prompt,
            "subagent_type": self.type,
            **extra,
        }


class Question(BaseModel):
    """One question to a person."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    ask: str
    options: list[str] = Field(default=["Yes", "No"], min_length=2, max_length=4)
    multi: bool = False
    header: str = "Question"

    def document(self) -> Mapping[str, Any]:
        """Return it as the tool wants it."""
        return {
            "question": self.ask,
            "header": self.header,
            "multiSelect": self.multi,
            "options": [{"label": option, "description": f"Choose {option}"} for option in self.options],
        }


class Ask(Call):
    """Questions to a person."""

    verb: ClassVar[str] = "ask"
    ask: str | Annotated[list[Question], Field(min_length=1, max_length=4)]
    options: list[str] = Field(default=["Yes", "No"], min_length=2, max_length=4)
    multi: bool = False
    header: str = "Question"

    def call(self) -> tuple[str, Mapping[str, Any]]:
        """Return the tool's name and its input."""
        questions = self.ask
        if isinstance(questions, str):
            questions = [Question(ask=questions, options=self.options, multi=self.multi, header=self.header)]
        return "AskUserQuestion", {"questions": [question.document() for question in questions]}


class Plan(Call):
    """A plan to approve."""

    verb: ClassVar[str] = "plan"
    plan: str

    def call(self) -> tuple[str, Mapping[str, Any]]:
        """Return the tool's name and its input."""
        return "ExitPlanMode", {"plan": self.plan}


class Tools(Step):
    """Several calls at once."""

    verb: ClassVar[str] = "tools"
    calls_tools: ClassVar[bool] = True
    tools: list[Any] = Field(min_length=1, max_length=20)

    @cached_property
    def steps(self) -> tuple[Call, ...]:
        """The calls."""
        steps = [parse(entry, f"call {number}") for number, entry in enumerate(self.tools, start=1)]
        for number, step in enumerate(steps, start=1):
            if not isinstance(step, Call):
                raise ScriptError(f"call {number}: `{step.verb}` is not a tool call")
        return cast("tuple[Call, ...]", tuple(steps))


class Wait(Step):
    """A pause of a model that is alive."""

    verb: ClassVar[str] = "wait"
    wait: Seconds


class End(Step):
    """The end of the turn."""

    verb: ClassVar[str] = "end"
    ends_turn: ClassVar[bool] = True
    end: Literal[True]


class Refuse(Step):
    """A refusal."""

    verb: ClassVar[str] = "refuse"
    ends_turn: ClassVar[bool] = True
    refuse: Literal[True]


class MaxTokens(Step):
    """A reply that was too long."""

    verb: ClassVar[str] = "max_tokens"
    ends_turn: ClassVar[bool] = True
    max_tokens: Literal[True]


class Fault(Step):
    """Something that goes wrong a number of times for the same conversation."""

    times: Times = 1


class Stall(Fault):
    """Nothing more comes for some time."""

    verb: ClassVar[str] = "stall"
    stall: Seconds


class StreamError(Fault):
    """An `error` event."""

    verb: ClassVar[str] = "stream_error"
    stream_error: str
    message: str = "an error of the script"


class Cut(Fault):
    """A reset connection."""

    verb: ClassVar[str] = "cut"
    cut: Literal[True]


class Error(Fault):
    """An HTTP error instead of a reply; `retry_after` in seconds."""

    verb: ClassVar[str] = "error"
    error: Annotated[int, Field(ge=400, le=599)]
    type: str | None = None
    message: str = "an error of the script"
    retry_after: Annotated[int, Field(ge=0, le=86_400)] | None = None


class Silent(Fault):
    """No answer at all for some time."""

    verb: ClassVar[str] = "silent"
    silent: Seconds


STEPS: Mapping[str, type[Step]] = {
    step.verb: step
    for step in (
        Say,
        Think,
        Tool,
        Tools,
        Bash,
        Agent,
        Ask,
        Plan,
        Wait,
        End,
        Refuse,
        MaxTokens,
        Stall,
        StreamError,
        Cut,
        Error,
        Silent,
    )
}


def write(steps: list[Any]) -> str:
    """Write steps as they stand in a prompt."""
    return f"[[script: {json.dumps(steps, ensure_ascii=False)}]]"


def parse(entry: Any, where: str) -> Step:
    """Check one step.

    Raises:
        ScriptError: It is broken; `where` names it.
    """
    if isinstance(entry, str):
        return Say(say=entry)
    if not isinstance(entry, dict):
        raise ScriptError(f"{where}: a step is a text or an object, not {json.dumps(entry)[:40]}")
    verb = next((key for key in entry if key in STEPS), None)
    if verb is None:
        raise ScriptError(f"{where}: none of its keys {', '.join(entry) or '(none)'} is one of {', '.join(STEPS)}")
    try:
        return STEPS[verb].model_validate(entry)
    except ValidationError as error:
        raise ScriptError(f"{where}: {_problem(error)}") from error


def _problem(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"`{place}`: {first['msg']}"
