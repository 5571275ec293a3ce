"""Sign-ins and uses of tokens for the audit log: each sign-in once, each token once a day, also over restarts."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime

from agent.tasks.audit import Actor, Audit, AuditQuery

SIGN_IN = "sign_in"
TOKEN_USE = "token.use"  # noqa: S105 - an action's name
TOKEN_SECONDS = 86_400.0
KNOWN = 1000
# An entry is never older than the sign-in that it tells of, up to what two clocks may differ.
SKEW_SECONDS = 120.0
ENTRIES_LOOKED_AT = 1000


class Arrivals:
    """Who has come in already.

    Args:
        audit: Where it is noted, and looked up after a restart.
        now: The clock, in Unix seconds.
    """

    def __init__(self, audit: Audit, *, now: Callable[[], float] = time.time) -> None:
        self._audit = audit
        self._now = now
        self._known: OrderedDict[tuple[str, float], None] = OrderedDict()
        self._used: dict[str, float] = {}

    async def signed_in(self, actor: Actor, created: datetime, expires: datetime) -> None:
        """Note a sign-in, unless it is known.

        Args:
            actor: Who.
            created: When; tells this sign-in from others of the same person.
            expires: Until when it lasts.
        """
        key = actor.name, created.timestamp()
        if key in self._known:
            return
        # Before anything is awaited: a page asks for many things at once.
        self._known[key] = None
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)
        signed_in_at = created.astimezone(UTC).isoformat(timespec="seconds")
        if await self._is_noted(SIGN_IN, actor, since=key[1] - SKEW_SECONDS, signed_in_at=signed_in_at):
            return
        until = expires.astimezone(UTC).isoformat(timespec="seconds")
        await self._audit.write(SIGN_IN, actor, signed_in_at=signed_in_at, expires_at=until)

    async def used_token(self, actor: Actor) -> None:
        """Note the first use of a token in a day."""
        now = self._now()
        if now - self._used.get(actor.name, -TOKEN_SECONDS) < TOKEN_SECONDS:
            return
        self._used[actor.name] = now
        if not await self._is_noted(TOKEN_USE, actor, since=now - TOKEN_SECONDS):
            await self._audit.write(TOKEN_USE, actor)

    async def _is_noted(self, action: str, actor: Actor, *, since: float, **detail: str) -> bool:
        query = AuditQuery(ENTRIES_LOOKED_AT, actions=frozenset({action}), after=since)
        try:
            entries = (await self._audit.list(query)).entries
        except OSError:
            return False
        return any(entry.who == actor.name and detail.items() <= entry.detail.items() for entry in entries)
