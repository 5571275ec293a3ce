"""What an observer without the agent can see of a task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

DeedName = Literal["answer", "dialog", "dialog over", "delete"]


@dataclass(frozen=True)
class Status:
    """The sessions file from its own time on."""

    at: float
    word: str
    waiting_for: str = ""
    session_id: str = ""


@dataclass(frozen=True)
class Hook:
    """A hook that Claude sent to the observer."""

    at: float
    name: str
    agent_id: str | None = None
    tool_name: str = ""
    background: bool = False


@dataclass(frozen=True)
class Request:
    """A request to the model, as long as it was answered."""

    at: float
    until: float


@dataclass(frozen=True)
class Deed:
    """What the driver did."""

    at: float
    name: DeedName


@dataclass
class Observed:
    """Everything that was seen of one task, in order of time.

    Attributes:
        gone_at: When Claude's process was gone.
        until: When the observation ended.
    """

    launched_at: float
    until: float
    statuses: list[Status] = field(default_factory=list)
    hooks: list[Hook] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)
    gone_at: float | None = None
