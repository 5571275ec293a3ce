"""What waits for a person, as long as it does: each trap of the evidence as a timeline of its own."""

from __future__ import annotations

import pytest

from tests.unit.agent.tasks.steps import (
    BUSY,
    DONE,
    Cases,
    answer,
    ask,
    batch,
    check,
    decided,
    line,
    status,
    stop,
    tool,
    tool_end,
    withdraw,
)

CASES: Cases = {
    "a request is waited for from the moment it is made": (
        [
            *BUSY,
            tool(1000, command="touch x"),
            ask(1040, command="touch x"),
            status(1071, "waiting", "permission prompt"),
        ],
        [(1010, "working"), (1040, "waiting_permission"), (60000, "waiting_permission")],
    ),
    "a question is a question and a plan is a plan": (
        [
            *BUSY,
            ask(1000, "r1", "AskUserQuestion", questions=[]),
            status(1030, "waiting", "input needed"),
            tool_end(2000, "q", "AskUserQuestion"),
            status(2010, "busy"),
            ask(3000, "r2", "ExitPlanMode"),
        ],
        [(1500, "waiting_question"), (2100, "working"), (3100, "waiting_plan")],
    ),
    "an answer that was given is waited for until it takes effect": (
        [
            *BUSY,
            tool(1000, command="sleep 9"),
            ask(1040, command="sleep 9"),
            status(1071, "waiting", "permission prompt"),
            answer(2000),
            status(2500, "busy"),
        ],
        [(2400, "waiting_permission"), (2600, "working")],
    ),
    "a dialog that Esc closes is waited for until it is sure that the turn is over": (
        [
            *BUSY,
            tool(1000, command="touch x"),
            ask(1040, command="touch x"),
            status(1071, "waiting", "permission prompt"),
            status(2060, "idle"),
            withdraw(2070),
        ],
        [(2050, "waiting_permission"), (2100, "waiting_permission"), (2500, "waiting_permission"), (2700, "stopped")],
    ),
    "a request whose hook Claude has ended leads to no work": (
        [*BUSY, tool(1000, command="touch x"), ask(1040, command="touch x"), withdraw(2000)],
        [(1900, "waiting_permission"), (2010, "waiting_permission"), (3450, "waiting_permission"), (3600, "working")],
    ),
    "a dialog that Esc closes goes on to the message that was queued": (
        [
            *BUSY,
            ask(1040, command="touch x"),
            status(1071, "waiting", "permission prompt"),
            status(2060, "idle"),
            status(2080, "busy"),
        ],
        [(2070, "waiting_permission"), (2100, "working")],
    ),
    "a subagent whose request was answered works, however long its tool runs": (
        [
            *BUSY,
            tool(900, "c0", "Agent"),
            line(950, "SubagentStarted", agent_id="a1", agent_type="general-purpose"),
            tool(1000, "c1", agent="a1", command="sleep 60"),
            ask(1040, agent="a1", command="sleep 60"),
            answer(2000),
            tool_end(62000, "c1", agent="a1"),
        ],
        [(1900, "waiting_permission"), (2050, "working"), (30000, "working"), (62100, "working")],
    ),
    "one terminal No ends the whole turn": (
        [
            *BUSY,
            tool(1000, "c1", "Read", file_path="/a"),
            tool(1001, "c2", "Read", file_path="/b"),
            ask(1030, "r1", "Read", file_path="/a"),
            ask(1031, "r2", "Read", file_path="/b"),
            status(1060, "waiting", "permission prompt"),
            withdraw(3000, "r1"),
            withdraw(3001, "r2"),
            status(3060, "idle"),
            line(3200, "InterruptMarked", happened=2990, for_tool_use=True),
        ],
        [(2900, "waiting_permission"), (3700, "stopped")],
    ),
    "an API denial ends its own call only": (
        [
            *BUSY,
            tool(1000, "c1", "Read", file_path="/a"),
            tool(1001, "c2", "Read", file_path="/b"),
            ask(1030, "r1", "Read", file_path="/a"),
            ask(1031, "r2", "Read", file_path="/b"),
            status(1060, "waiting", "permission prompt"),
            answer(2000, "r1", "deny"),
            decided(2400, "c1", "deny", happened=2010),
        ],
        [(2500, "waiting_permission"), (9000, "waiting_permission")],
    ),
    "a denied call has nothing but the end of its batch": (
        [
            *BUSY,
            tool(1000, command="x"),
            ask(1040, command="x"),
            status(1071, "waiting", "permission prompt"),
            answer(2000, decision="deny"),
            batch(2100, "c1"),
        ],
        [(2050, "waiting_permission"), (2150, "working")],
    ),
    "calls that fail validation have no beginning": (
        [*BUSY, batch(1000, "never seen"), stop(1500), status(1541, "idle")],
        [(1100, "working"), (2050, "idle")],
    ),
    "a subagent waits although the sessions file says busy": (
        [
            *BUSY,
            stop(1500, "p1", "subagent"),
            tool(2000, "c2", "Bash", "a", command="x"),
            ask(2050, "r1", "Bash", "a", command="x"),
        ],
        [(2100, "waiting_permission"), (60000, "waiting_permission")],
    ),
    "the main conversation's answer doesn't close a subagent's request": (
        [
            *BUSY,
            tool(900, "c1", "Bash", "a", command="sub"),
            ask(950, "r1", "Bash", "a", command="sub"),
            tool(1500, "c2", command="main"),
            status(1530, "waiting", "permission prompt"),
            ask(1600, "r2", command="main"),
            status(3000, "busy"),
        ],
        [(2900, "waiting_permission"), (3500, "waiting_permission"), (20000, "waiting_permission")],
    ),
    "a dialog that no hook explains blocks": (
        [*BUSY, status(1000, "waiting", "permission prompt")],
        [(1100, "waiting_permission"), (1990, "waiting_permission"), (2100, "blocked"), (60000, "blocked")],
    ),
    "an open menu blocks at once": (
        [*DONE, status(5000, "waiting", "dialog open"), status(9000, "idle")],
        [(4900, "idle"), (5050, "blocked"), (9100, "blocked"), (9600, "idle")],
    ),
    "a menu that stays open behind the turn blocks": (
        [*BUSY, status(1000, "waiting", "dialog open"), stop(1500)],
        [(1100, "blocked"), (1550, "blocked"), (5000, "blocked")],
    ),
    "a request whose hook was ended can only be answered in the terminal": (
        [
            *BUSY,
            tool(1000, command="x"),
            ask(1040, command="x"),
            status(1071, "waiting", "permission prompt"),
            withdraw(2000),
        ],
        [(2100, "waiting_permission"), (3100, "blocked")],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_timeline(name: str) -> None:
    check(CASES[name])
