"""The parts of a script: what is said to the model, and what a person does meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Verb = Literal[
    "answer",  # a request: allow, deny, enter, escape, interrupt
    "clear",
    "compact",
    "delete",
    "erase",  # what stands in the composer
    "interrupt",  # by api or keys
    "kill",  # by a signal
    "menu",
    "panel",
    "pause",
    "send",  # a message while Claude works
    "settle",
    "take back",  # the newest queued message
    "until asked",  # the model has a request of this turn
    "until file",
    "until queued",
]


@dataclass(frozen=True)
class Act:
    """One thing that a person does, or waits for."""

    verb: Verb
    argument: Any = None


@dataclass(frozen=True)
class Stage:
    """A prompt, and what happens until it has been dealt with; without steps nothing is said."""

    name: str
    steps: tuple[Any, ...]
    acts: tuple[Act, ...]


@dataclass(frozen=True)
class Script:
    """One task from its first prompt to its end."""

    number: int
    mode: str
    stages: tuple[Stage, ...]

    def __str__(self) -> str:
        return f"script {self.number} ({', '.join(stage.name for stage in self.stages)})"
