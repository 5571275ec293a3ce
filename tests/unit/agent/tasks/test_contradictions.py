"""What contradicts itself is unknown and says why, and never idle."""

from __future__ import annotations

import pytest

from tests.unit.agent.tasks.steps import BUSY, DONE, At, Cases, check, final, launched, line, prompt, status, stop, up

CASES: Cases = {
    "a session that nothing was seen of is unknown at last": (
        [launched()],
        [(29000, "starting"), (31000, "unknown")],
    ),
    "a turn that began while the sessions file goes on saying idle is unknown": (
        [*DONE, prompt(5000, "p2")],
        [(6000, "working"), (7200, "unknown"), (14500, "unknown"), (15500, "stopped")],
    ),
    "a message that waits in an idle Claude is unknown": (
        [*BUSY, line(900, "Enqueued", text="more"), stop(1500), status(1541, "idle")],
        [(4400, "working"), (4700, "unknown")],
    ),
    "a message that waits in a Claude that never began a turn is unknown": (
        [launched(prompt=False), status(350, "idle"), line(400, "Enqueued", text="more")],
        [(9000, "starting"), (12000, "working"), (14000, "unknown")],
    ),
    "a Stop without any sessions file is unknown": (
        [launched(), up(), prompt(510), stop(1500)],
        [(3400, "working"), (3600, "unknown")],
    ),
    "a word that nobody knows is unknown": (
        [*DONE, status(5000, "dreaming")],
        [(5100, "unknown")],
    ),
    "a session that says its end and lives on is unknown": (
        [*DONE, At(5000, "SessionEnded", {"reason": "other"})],
        [(9900, "idle"), (10100, "unknown")],
    ),
    "the end of an earlier process changes nothing for the one that lives": (
        [launched(), At(100, "SessionEnded", {"reason": "other"}), *BUSY[1:], stop(1500), status(1541, "idle")],
        [(520, "working"), (2050, "idle"), (9000, "idle")],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_timeline(name: str) -> None:
    check(CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_every_unknown_is_explained(name: str) -> None:
    steps, expected = CASES[name]
    for ms, activity in expected:
        if activity == "unknown":
            assert final(steps, until=ms + 200).detail
