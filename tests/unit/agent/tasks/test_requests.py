"""What became of a request for a person's decision, and by what that shows."""

from __future__ import annotations

import pytest

from tests.unit.agent.tasks.steps import (
    BUSY,
    At,
    answer,
    ask,
    batch,
    decided,
    final,
    line,
    status,
    stop,
    tool,
    tool_end,
    withdraw,
)


def outcomes(*steps: At, until: int) -> list[tuple[str | None, str | None]]:
    state = final([*BUSY, *steps], until=until)
    return [(request.outcome, request.decision) for request in state.requests]


ASKED = [tool(1000, command="x"), ask(1040, command="x"), status(1071, "waiting", "permission prompt")]
REFUSED = [line(2300, "ToolResultLine", tool_use_id="c1", is_error=True)]
OUTCOMES: dict[str, tuple[list[At], tuple[str | None, str | None]]] = {
    "the transcript shows that our answer counted": (
        [answer(2000), decided(2400, happened=2010)],
        ("applied", "allow"),
    ),
    "the end of the batch shows that our denial counted": (
        [answer(2000, decision="deny"), batch(2100, "c1")],
        ("applied", "deny"),
    ),
    "the tool goes on running, and the dialog is gone": ([answer(2000), status(2050, "busy")], ("applied", "allow")),
    "the tool ended, and the transcript tells nothing": ([answer(2000), tool_end(2085)], ("applied", "allow")),
    "somebody said yes at the keyboard": ([status(2050, "busy")], ("terminal", None)),
    "somebody said yes at the keyboard, and the tool ended": ([tool_end(2085)], ("terminal", "allow")),
    "the tool ran although we denied it": ([answer(2000, decision="deny"), tool_end(2085)], ("terminal", "allow")),
    "its result is there, and no word of our answer": (
        [answer(2000), tool_end(2085), line(2300, "ToolResultLine", tool_use_id="c1")],
        ("terminal", "allow"),
    ),
    "somebody was faster with the same yes: the dialog was gone before our answer": (
        [answer(2000), status(2030, "busy", changed=1980)],
        ("terminal", None),
    ),
    "somebody was faster with a no: the turn was over before our answer": (
        [answer(2000), status(2030, "idle", changed=1980)],
        ("withdrawn", "deny"),
    ),
    "somebody was faster with the same yes, and the turn ended before the transcript told it": (
        [
            answer(2000),
            tool_end(2085),
            batch(2090, "c1"),
            stop(2150),
            status(2180, "idle"),
            line(2300, "ToolResultLine", tool_use_id="c1", happened=2090),
        ],
        ("terminal", "allow"),
    ),
    "the turn ended before the transcript told that our answer counted": (
        [answer(2000), tool_end(2085), stop(2150), status(2180, "idle"), decided(2300, happened=2080)],
        ("applied", "allow"),
    ),
    "somebody interrupted the tool that we allowed": (
        [
            answer(2000),
            status(2050, "busy"),
            status(2200, "idle"),
            line(2300, "ToolResultLine", tool_use_id="c1", is_error=True),
        ],
        ("applied", "allow"),
    ),
    "somebody interrupted the tool that we allowed, too soon for the sessions file": (
        [answer(2000), status(2060, "idle"), *REFUSED, line(2310, "InterruptMarked", is_of_reply=True)],
        ("applied", "allow"),
    ),
    "somebody was faster with a no, and its result is there": (
        [answer(2000), status(2060, "idle"), *REFUSED, line(2310, "InterruptMarked")],
        ("terminal", "deny"),
    ),
    "somebody was faster with a no, and nothing marks it": (
        [answer(2000), status(2060, "idle"), *REFUSED],
        ("terminal", "deny"),
    ),
    "somebody was faster with a no while another call of the reply ran": (
        [tool(1900, "c2", "Agent"), answer(2000), *REFUSED, line(2310, "InterruptMarked", is_of_reply=True)],
        ("terminal", "deny"),
    ),
    "somebody said no at the keyboard": ([withdraw(2000), status(2060, "idle")], ("withdrawn", "deny")),
    "the sessions file is the first to show the no": ([status(2060, "idle"), withdraw(2100)], ("withdrawn", "deny")),
    "somebody was faster with a no": ([answer(2000), status(2060, "idle")], ("terminal", "deny")),
    "the process ended": ([At(2000, "Exited", {"exit_code": 0})], ("expired", None)),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_request_gets_its_outcome(name: str) -> None:
    steps, expected = OUTCOMES[name]
    assert outcomes(*ASKED, *steps, until=8000) == [expected]


def test_requests_are_joined_with_their_own_calls() -> None:
    steps = [
        tool(1000, "c1", "Read", file_path="/a"),
        tool(1001, "c2", "Read", file_path="/b"),
        tool(1002, "c3", "Read", file_path="/b"),
        ask(1030, "r1", "Read", file_path="/b"),
        ask(1031, "r2", "Read", file_path="/a"),
        ask(1032, "r3", "Read", file_path="/b"),
    ]
    state = final([*BUSY, *steps], until=2000)
    assert [request.tool_use_id for request in state.requests] == ["c2", "c1", "c3"]


def test_details_name_the_call_and_how_many_wait() -> None:
    steps = [*ASKED, ask(1100, "r2", command="y")]
    state = final([*BUSY, *steps], until=2000)
    assert (state.detail, state.pending) == ("Bash: x (1 of 2)", 2)
