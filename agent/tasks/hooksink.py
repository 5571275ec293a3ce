"""Where the hooks of all live sessions arrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.claude import hookevents
from agent.hooks.app import HookAnswer, UnknownLaunchError
from agent.tasks.live import LiveTask
from agent.tasks.registry import Registry


class RegistrySink:
    """Brings each hook to the session whose key it carries."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def on_event(self, key: str, payload: Mapping[str, Any], at: float) -> None:
        """Take an event.

        Raises:
            UnknownLaunchError: No live session has this key.
        """
        await self._live(key).on_hook(payload, at)

    async def on_permission(
        self, key: str, request_id: str, payload: Mapping[str, Any], at: float
    ) -> HookAnswer | None:
        """Take a request for a person's decision and wait for it; None when none will come.

        Raises:
            UnknownLaunchError: No live session has this key.
            ValueError: The payload is malformed.
        """
        live = self._live(key)
        requested = hookevents.parse_permission(payload, request_id, at)
        live.broker.open(requested)
        live.on_request(requested)
        return await live.broker.waiting(request_id)

    async def on_withdrawn(self, key: str, request_id: str, at: float) -> None:
        """Take that Claude doesn't wait for a decision any more.

        Raises:
            UnknownLaunchError: No live session has this key.
        """
        self._live(key).on_withdrawn(request_id, at)

    def _live(self, key: str) -> LiveTask:
        live = self._registry.by_hook_key(key)
        if live is None:
            raise UnknownLaunchError
        return live
