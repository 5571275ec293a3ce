"""What a broker is shown of its requests, and where it notes who answered them."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from agent.models import Decision


class Observed(Protocol):
    """What the session shows of a request."""

    @property
    def request_id(self) -> str:
        """Which one."""
        ...

    @property
    def outcome(self) -> Literal["applied", "terminal", "withdrawn", "expired"] | None:
        """What came of it; None as long as nothing shows."""
        ...

    @property
    def decision(self) -> Decision | None:
        """Of whoever's answer counted."""
        ...


class Noting(Protocol):
    """The audit log."""

    async def note(
        self, action: str, *, who: str, via: Literal["session", "token", "terminal"], task_id: str, **detail: Any
    ) -> None:
        """Note what somebody did."""
        ...
