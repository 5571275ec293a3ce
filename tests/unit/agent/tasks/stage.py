"""A broker with everything around it that it talks to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from agent.claude.evidence import PermissionRequested
from agent.models import AnswerBody, Decision, Permission, RequestKind
from agent.tasks.permissions import Broker
from agent.tasks.requestfolder import RequestFolder

Outcome = Literal["applied", "terminal", "withdrawn", "expired"]
ALLOW = AnswerBody(decision="allow")
DENY = AnswerBody(decision="deny", reason="no")


@dataclass
class Shown:
    request_id: str
    outcome: Outcome | None
    decision: Decision | None = None


@dataclass
class Notes:
    """Stands for the audit log."""

    entries: list[dict[str, Any]] = field(default_factory=list)

    async def note(self, action: str, *, who: str, via: str, task_id: str, **detail: Any) -> None:
        self.entries.append({"action": action, "who": who, "via": via, **detail})


def requested(
    request_id: str = "a1b2c3d4", *, kind: RequestKind = RequestKind.PERMISSION, **tool_input: Any
) -> PermissionRequested:
    return PermissionRequested(
        at=100.0, request_id=request_id, kind=kind, tool_name="Bash", tool_input=tool_input or {"command": "ls"}
    )


@dataclass
class Stage:
    """A broker with its surroundings."""

    directory: Path
    notes: Notes = field(default_factory=Notes)
    told: list[Permission] = field(default_factory=list)
    return_seconds: float = 1000
    end_seconds: float = 1000

    def broker(self) -> Broker:
        return Broker(
            "1-00000000",
            RequestFolder(self.directory),
            changed=self.told.append,
            audit=self.notes,
            now=lambda: 200.0,
            return_seconds=self.return_seconds,
            end_seconds=self.end_seconds,
        )


async def settled(broker: Broker) -> None:
    """Wait until the broker does nothing by itself any more."""
    while broker._background:
        await asyncio.gather(*broker._background)
