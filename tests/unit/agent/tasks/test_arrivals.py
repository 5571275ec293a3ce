"""Sign-ins and uses of tokens: each noted once, also by an agent that starts anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from agent.tasks.arrivals import Arrivals
from agent.tasks.audit import Audit, AuditQuery

MORNING = datetime(2026, 11, 26, 8, 0, 0, 123456, UTC)


@dataclass(frozen=True)
class Somebody:
    name: str
    via: Literal["session", "token"] = "session"


ALICE, BOB = Somebody("alice"), Somebody("bob")
ADMIN = Somebody("admin", "token")


class Clock:
    def __init__(self) -> None:
        self.now = MORNING.timestamp()

    def __call__(self) -> float:
        return self.now


def noted(audit: Audit) -> list[tuple[str, str]]:
    entries = asyncio.run(audit.list(AuditQuery(1000))).entries
    return [(entry.action, entry.who) for entry in reversed(entries)]


def come(arrivals: Arrivals, who: Somebody, created: datetime) -> Awaitable[None]:
    return arrivals.signed_in(who, created, created + timedelta(hours=12))


def test_each_sign_in_is_noted_once_also_over_restarts(tmp_path: Path) -> None:
    clock = Clock()
    later = MORNING + timedelta(minutes=5)

    async def run(arrivals: Arrivals, steps: Callable[[Arrivals], list[Awaitable[None]]]) -> None:
        await asyncio.gather(*steps(arrivals))

    audit = Audit(tmp_path, now=clock)
    asyncio.run(run(Arrivals(audit, now=clock), lambda each: [come(each, ALICE, MORNING) for _ in range(5)]))
    clock.now += 600
    again = Audit(tmp_path, now=clock)
    steps = [(ALICE, MORNING), (BOB, MORNING), (ALICE, later)]
    asyncio.run(run(Arrivals(again, now=clock), lambda each: [come(each, who, when) for who, when in steps]))
    assert sorted(noted(again)) == [("sign_in", "alice"), ("sign_in", "alice"), ("sign_in", "bob")]
    (first, *_) = reversed(asyncio.run(again.list(AuditQuery(1000))).entries)
    assert first.detail == {"signed_in_at": "2026-11-26T08:00:00+00:00", "expires_at": "2026-11-26T20:00:00+00:00"}


def test_the_use_of_a_token_is_noted_once_a_day(tmp_path: Path) -> None:
    clock = Clock()
    audit = Audit(tmp_path, now=clock)
    arrivals = Arrivals(audit, now=clock)
    for hours in (0, 1, 22.9, 0.2):
        clock.now += hours * 3600
        asyncio.run(arrivals.used_token(ADMIN))
    assert noted(audit) == [("token.use", "admin")] * 2
    asyncio.run(Arrivals(audit, now=clock).used_token(ADMIN))
    assert len(noted(audit)) == 2, "another agent knows it from the log"


def test_a_log_that_cannot_be_read_keeps_nobody_out(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").mkdir()
    asyncio.run(Arrivals(Audit(tmp_path)).used_token(ADMIN))
