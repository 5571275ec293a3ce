"""When a turn begins and ends: each trap of the evidence as a timeline of its own."""

from __future__ import annotations

import pytest

from agent.claude.evidence import Launched, Ticked
from agent.models import Activity, Source
from agent.tasks import state as states
from tests.unit.agent.tasks.steps import (
    BEGUN,
    BUSY,
    DONE,
    At,
    Cases,
    check,
    fail,
    final,
    launched,
    line,
    prompt,
    status,
    stop,
    tool,
    tool_end,
    up,
)

CASES: Cases = {
    "a turn is done when both Stop and the sessions file have said so for long enough": (
        DONE,
        [(400, "starting"), (520, "working"), (1500, "working"), (1850, "working"), (2050, "idle")],
    ),
    "a session without a prompt is idle when it is up": (
        [launched(prompt=False), up(), status(350, "idle")],
        [(200, "starting"), (500, "starting"), (900, "idle")],
    ),
    "an older Claude says idle before its SessionStart": (
        [launched(prompt=False), status(310, "idle"), up(380)],
        [(340, "starting"), (900, "idle")],
    ),
    "the first idle of a session with a prompt isn't idle": (
        [launched(), up(), status(350, "idle"), prompt(2900), status(2950, "busy")],
        [(400, "starting"), (2800, "starting"), (2920, "working")],
    ),
    "a first prompt that is dropped leaves the session stopped": (
        [launched(), up(), status(350, "idle")],
        [(9000, "starting"), (10500, "stopped")],
    ),
    "Stop isn't idle while a message waits": (
        [
            *BUSY,
            prompt(900, "p1", "more"),
            line(1060, "Enqueued", text="more"),
            stop(1500),
            status(1510, "idle"),
            line(1780, "Dequeued", happened=1520),
            status(1790, "busy", changed=1600),
            stop(3000, "p2"),
            status(3040, "idle"),
        ],
        [(1700, "working"), (2600, "working"), (3600, "idle")],
    ),
    "Stop isn't idle while a message waits that only its hook has told": (
        [*BUSY, prompt(1490, "p1", "more"), stop(1500), status(1510, "idle")],
        [(1950, "working"), (2400, "working")],
    ),
    "UserPromptSubmit of a queued message begins no second turn": (
        [
            *BUSY,
            prompt(900, "p1", "more"),
            line(1060, "Enqueued", text="more"),
            line(1100, "Absorbed", text="more"),
            stop(1500),
            status(1541, "idle"),
        ],
        [(1000, "working"), (2050, "idle")],
    ),
    "an absorbed message is told twice and counts once": (
        [
            *BUSY,
            line(900, "Enqueued", text="one"),
            line(910, "Enqueued", text="two"),
            line(1000, "Absorbed", text="one"),
            line(1001, "Absorbed", text="one"),
            stop(1500),
            status(1541, "idle"),
        ],
        [(2300, "working"), (5000, "unknown")],
    ),
    "a message taken back doesn't wait any more": (
        [
            *BUSY,
            prompt(900, "p1", "more"),
            line(1060, "Enqueued", text="more"),
            line(1200, "TakenBack", text="more"),
            stop(1500),
            status(1541, "idle"),
        ],
        [(2050, "idle")],
    ),
    "messages of one older Claude begin a turn with UserPromptSubmit when they are taken": (
        [
            *BUSY,
            line(1000, "Enqueued", text="more"),
            stop(1500),
            prompt(1520, "p2", "more"),
            status(1530, "idle", changed=1505),
            line(1700, "Dequeued", happened=1506),
            status(1710, "busy", changed=1540),
        ],
        [(1600, "working"), (2600, "working")],
    ),
    "Stop isn't idle while a shell runs in the background": (
        [*BUSY, stop(1500, "p1", "shell"), status(1541, "shell")],
        [(1550, "waiting_background"), (9000, "waiting_background")],
    ),
    "the end of background work begins a turn by itself": (
        [
            *BUSY,
            stop(1500, "p1", "shell"),
            status(1541, "shell"),
            status(5010, "idle"),
            line(5040, "Enqueued", happened=4990, text="<task-notification>"),
            line(5041, "Dequeued", happened=5012),
            prompt(5060, "p2", "<task-notification>", notice=True),
            status(5070, "busy", changed=5045),
            stop(6000, "p2"),
            status(6040, "idle"),
        ],
        [(5000, "waiting_background"), (5030, "waiting_background"), (5600, "working"), (6600, "idle")],
    ),
    "a subagent that ends leaves a gap in which the sessions file says idle": (
        [
            *BUSY,
            stop(1500, "p1", "subagent"),
            line(4000, "SubagentStopped", agent_id="a", agent_type="general-purpose"),
            status(4500, "idle"),
            prompt(5200, "p2", "<task-notification>", notice=True),
            status(5210, "busy", changed=5190),
        ],
        [(1600, "waiting_background"), (5100, "waiting_background"), (5300, "working")],
    ),
    "background work that ends without a word ends in idle": (
        [*BUSY, stop(1500, "p1", "shell"), status(1541, "shell"), status(5000, "idle")],
        [(6500, "waiting_background"), (7600, "idle")],
    ),
    "a Stop that a hook of the user's blocks isn't the end": (
        [
            *BUSY,
            stop(1500),
            tool(3000, "c1", "Read", file_path="/x"),
            tool_end(3100, "c1", "Read"),
            stop(4000),
            status(4040, "idle"),
        ],
        [(2000, "working"), (2900, "working"), (3500, "working"), (4600, "idle")],
    ),
    "Esc while streaming has no hook": (
        [*BUSY, status(2110, "idle"), line(2300, "InterruptMarked", happened=2050)],
        [(2200, "working"), (2700, "stopped")],
    ),
    "an interruption that the transcript marks behind the idle is told no later": (
        [*BUSY, status(2110, "idle"), line(2300, "InterruptMarked", happened=2210, for_tool_use=False)],
        [(2500, "working"), (2700, "stopped")],
    ),
    "an interruption that the transcript marks much later stays one": (
        [*BUSY, status(2110, "idle"), line(3300, "InterruptMarked", happened=2910, for_tool_use=False)],
        [(2500, "working"), (2700, "stopped"), (3301, "stopped"), (3350, "stopped"), (4000, "stopped")],
    ),
    "a tool that Esc ends is shown as a shell for a moment and never as work again": (
        [
            *BUSY,
            tool(1000, command="sleep 60"),
            status(2000, "shell"),
            line(2150, "InterruptMarked", happened=2050, for_tool_use=True),
            status(2300, "idle"),
        ],
        [(1900, "working"), (2200, "waiting_background"), (2400, "waiting_background"), (2800, "stopped")],
    ),
    "an idle from before the turn says nothing of an interruption": (
        [*DONE, prompt(3000, "p2"), line(3300, "InterruptMarked", for_tool_use=False)],
        [(3100, "working"), (4000, "working"), (5500, "stopped")],
    ),
    "an API error is a failure also when its hook comes behind the idle": (
        [*BUSY, status(2000, "idle"), fail(2200)],
        [(2100, "working"), (2300, "working"), (2700, "failed")],
    ),
    "Esc before the first byte leaves nothing in the transcript": (
        [*BUSY, status(1600, "idle")],
        [(1800, "working"), (2200, "stopped")],
    ),
    "Esc while a message waits sends it at once": (
        [
            *BUSY,
            prompt(900, "p1", "more"),
            line(1060, "Enqueued", text="more"),
            status(2100, "idle"),
            line(2110, "InterruptMarked", happened=2050),
            line(2111, "Dequeued", happened=2102),
            status(2300, "busy", changed=2120),
            stop(3000, "p2"),
            status(3040, "idle"),
        ],
        [(2200, "working"), (2700, "working"), (3600, "idle")],
    ),
    "a message that was taken before the sessions file says idle begins a turn": (
        [
            *BUSY,
            line(1000, "Enqueued", text="next"),
            status(2000, "idle"),
            line(2100, "Dequeued", happened=1990),
            status(2900, "busy"),
        ],
        [(2050, "working"), (2600, "working"), (2800, "working"), (2950, "working"), (6000, "working")],
    ),
    "a message that was taken just before the sessions file says idle begins a turn": (
        [
            *BUSY,
            line(1000, "Enqueued", text="next"),
            stop(2000),
            line(2050, "Dequeued", happened=2040),
            status(2060, "idle"),
            status(2900, "busy"),
        ],
        [(2100, "working"), (2800, "working"), (2950, "working")],
    ),
    "a message that was taken and whose turn never comes leaves an end": (
        [*BUSY, line(1000, "Enqueued", text="next"), status(2000, "idle"), line(2100, "Dequeued", happened=1990)],
        [(2600, "working"), (3400, "working"), (3700, "stopped")],
    ),
    "Esc in the turn of a message that was taken is told at once": (
        [
            *BUSY,
            line(1000, "Enqueued", text="next"),
            stop(2000),
            line(2150, "Dequeued", happened=2050),
            status(2400, "idle"),
            line(2500, "InterruptMarked", happened=2450, for_tool_use=False),
        ],
        [(2300, "working"), (2450, "working"), (2950, "stopped")],
    ),
    "Esc doesn't end a subagent in the background": (
        [
            *BUSY,
            tool(800, "c1", "Agent"),
            line(850, "SubagentStarted", agent_id="a", agent_type="general-purpose"),
            tool_end(900, "c1", "Agent"),
            line(2300, "InterruptMarked", happened=2050),
        ],
        [(2200, "working"), (2500, "waiting_background"), (9000, "waiting_background")],
    ),
    "a compaction that a person asks for is work": (
        [
            *DONE,
            line(5000, "Compacting", ended=False),
            status(5050, "busy"),
            up(8000, "compact"),
            line(8010, "Compacting", ended=True),
            status(8050, "idle"),
        ],
        [(5100, "working"), (7900, "working"), (8600, "idle")],
    ),
    "a compaction within a turn isn't its end": (
        [*BUSY, line(1000, "Compacting", ended=False), up(3000, "compact"), line(3010, "Compacting", ended=True)],
        [(2000, "working"), (9000, "working")],
    ),
    "/clear is another session and idle": (
        [
            *DONE,
            At(5000, "SessionEnded", {"reason": "clear"}),
            status(5050, "busy"),
            up(5200, "clear", "s2"),
            status(5250, "idle"),
        ],
        [(5100, "working"), (5800, "idle"), (20000, "idle")],
    ),
    "/clear while a message waits forgets it": (
        [
            *BUSY,
            line(900, "Enqueued", text="/clear"),
            stop(1500),
            At(1600, "SessionEnded", {"reason": "clear"}),
            status(1650, "busy"),
            up(1800, "clear", "s2"),
            status(1850, "idle"),
        ],
        [(2400, "idle")],
    ),
    "an API error that ends the turn is a failure": (
        [*BUSY, fail(1500), status(1530, "idle")],
        [(1600, "working"), (2050, "failed")],
    ),
    "a tool's beginning that is told again after the turn begins no other": (
        [*BUSY, tool(1000, command="x"), tool_end(1100), stop(1500), status(1541, "idle"), tool(3000, command="x")],
        [(2050, "idle"), (3100, "idle"), (9000, "idle")],
    ),
    "a command in the shell mode begins a turn without a hook": (
        [*DONE, status(5000, "busy"), stop(8000, ""), status(8050, "idle")],
        [(5050, "working"), (8600, "idle")],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_timeline(name: str) -> None:
    check(CASES[name])


@pytest.mark.parametrize(
    ("before", "activity"),
    [(DONE, Activity.IDLE), (BUSY, Activity.UNKNOWN)],
    ids=["an idle session", "a working session"],
)
def test_an_end_of_the_process_is_never_called_idle_in_the_middle_of_a_turn(
    before: list[At], activity: Activity
) -> None:
    steps = [*before, At(5000, "Exited", {"exit_code": 143})]
    state = final(steps, until=6000)
    assert (state.activity, state.source, state.detail) == (activity, Source.PROCESS, "Claude has exited with code 143")
    assert states.next_tick(state) is None


def test_only_evidence_makes_a_state_younger() -> None:
    state = states.begin(Launched(BEGUN, has_prompt=True))
    assert states.reduce(state, Ticked(BEGUN + 5)).evidence_at == BEGUN
