"""The truth that the second observer concludes, on observations made up by hand."""

from __future__ import annotations

from dataclasses import replace

from tests.agent.truth.observed import Deed, Hook, Observed, Request, Status
from tests.agent.truth.truth import spans

TURN = Observed(
    launched_at=0,
    until=20,
    statuses=[Status(1, "idle"), Status(2, "busy"), Status(5, "idle")],
    hooks=[Hook(1.9, "UserPromptSubmit"), Hook(4.9, "Stop")],
    requests=[Request(2.1, 4.8)],
)


def told(observed: Observed) -> list[tuple[float, str]]:
    return [(span.since, "|".join(sorted(span.words))) for span in spans(observed)]


START = (0, "queued|running|starting")
WORK = (1.9, "retrying|working")


def test_a_turn_begins_with_its_first_sign_and_ends_with_the_sessions_file() -> None:
    assert told(TURN) == [START, WORK, (5, "idle")]


def test_a_short_idle_between_two_turns_is_none() -> None:
    statuses = [*TURN.statuses, Status(5.2, "busy"), Status(8, "idle")]
    queued = replace(
        TURN, statuses=statuses, hooks=[*TURN.hooks, Hook(7.9, "Stop")], requests=[*TURN.requests, Request(5.3, 7)]
    )
    assert told(queued) == [START, WORK, (8, "idle")]


def test_a_request_that_is_answered_is_work_whatever_the_sessions_file_says() -> None:
    asked = replace(TURN, requests=[*TURN.requests, Request(6, 7)])
    assert told(asked)[3:] == [(6, "retrying|working"), (7, "stopped")]


def test_a_turn_without_its_end_by_a_hook_was_stopped() -> None:
    assert told(replace(TURN, hooks=TURN.hooks[:1]))[-1] == (5, "stopped")
    failed = [TURN.hooks[0], Hook(4.9, "StopFailure")]
    assert told(replace(TURN, hooks=failed))[-1] == (5, "failed")
    of_a_subagent = [TURN.hooks[0], Hook(4.9, "StopFailure", agent_id="a")]
    assert told(replace(TURN, hooks=of_a_subagent))[-1] == (5, "stopped")


def test_somebody_is_asked_from_the_hook_until_the_answer() -> None:
    asked = replace(
        TURN,
        statuses=[
            *TURN.statuses[:2],
            Status(3.1, "waiting", "permission prompt"),
            Status(4, "busy"),
            Status(5, "idle"),
        ],
        hooks=[TURN.hooks[0], Hook(3, "PermissionRequest", tool_name="Bash"), Hook(4.1, "PostToolUse"), TURN.hooks[1]],
    )
    assert told(asked)[2:4] == [(3, "waiting_permission"), (4, "retrying|working")]
    answered = replace(asked, deeds=[Deed(3.5, "answer")])
    taken = "retrying|waiting_background|waiting_permission|working"
    assert told(answered)[2:5] == [(3, "waiting_permission"), (3.5, taken), (4, "retrying|working")]


def test_a_subagent_asks_while_the_sessions_file_says_busy() -> None:
    asked = replace(
        TURN,
        hooks=[
            TURN.hooks[0],
            Hook(2.5, "SubagentStart", agent_id="a"),
            Hook(3, "PermissionRequest", agent_id="a", tool_name="Bash"),
            Hook(4, "PostToolUse", agent_id="a"),
            Hook(4.5, "SubagentStop", agent_id="a"),
            TURN.hooks[1],
        ],
    )
    both = "retrying|waiting_background|working"
    assert told(asked)[1:] == [
        WORK,
        (2.5, both),
        (3, "waiting_permission"),
        (4, both),
        (4.5, "retrying|working"),
        (5, "idle"),
    ]


def test_a_subagents_answer_is_taken_within_a_second() -> None:
    asked = replace(
        TURN,
        hooks=[
            TURN.hooks[0],
            Hook(2.5, "PermissionRequest", agent_id="a", tool_name="Bash"),
            Hook(4.5, "PostToolUse", agent_id="a"),
            TURN.hooks[1],
        ],
        deeds=[Deed(3, "answer")],
    )
    taken = "retrying|waiting_background|waiting_permission|working"
    assert told(asked)[2:5] == [(2.5, "waiting_permission"), (3, taken), (4, "retrying|working")]


def test_a_shell_in_the_background_is_waited_for() -> None:
    shell = replace(
        TURN,
        statuses=[*TURN.statuses[:2], Status(5, "shell"), Status(9, "idle")],
        hooks=[TURN.hooks[0], Hook(4.9, "Stop", background=True)],
    )
    assert told(shell)[2:4] == [(4.9, "retrying|waiting_background|working"), (5, "waiting_background")]


def test_a_dialog_is_open_by_the_sessions_file_or_by_the_driver() -> None:
    panel = replace(TURN, statuses=[*TURN.statuses, Status(8, "waiting", "dialog open"), Status(9, "idle")])
    assert told(panel)[2:] == [(5, "idle"), (8, "blocked"), (9, "idle")]
    menu = replace(TURN, deeds=[Deed(8, "dialog"), Deed(9, "dialog over")])
    assert told(menu)[2:] == [(5, "idle"), (8, "blocked"), (9, "idle")]


def test_a_dialog_that_no_hook_tells_of_is_one_after_a_while() -> None:
    unhooked = replace(TURN, statuses=[*TURN.statuses[:2], Status(3, "waiting", "permission prompt")], hooks=[])
    assert told(unhooked)[2:] == [
        (3, "blocked|waiting_permission|waiting_plan|waiting_question"),
        (5, "blocked"),
    ]


def test_the_hook_of_a_request_that_is_over_is_not_that_of_a_dialog_soon_after() -> None:
    hooks = [Hook(1.9, "UserPromptSubmit"), Hook(2.2, "PermissionRequest"), Hook(2.4, "PostToolBatch")]
    soon = replace(TURN, statuses=[*TURN.statuses[:2], Status(3, "waiting", "permission prompt")], hooks=hooks)
    assert told(soon)[-1] == (5, "blocked")


def test_a_new_conversation_is_idle_whatever_was_before() -> None:
    stopped = replace(TURN, hooks=TURN.hooks[:1], statuses=[*TURN.statuses, Status(8, "idle", session_id="new")])
    assert told(stopped)[2:] == [(5, "stopped"), (8, "idle")]


def test_a_command_that_says_busy_leaves_no_turn_behind() -> None:
    command = replace(TURN, statuses=[*TURN.statuses, Status(12, "busy"), Status(12.5, "idle")])
    assert told(command)[2:] == [(5, "idle"), (12, "retrying|working"), (12.5, "failed|idle|stopped")]


def test_the_end_is_told_by_the_process() -> None:
    assert told(replace(TURN, gone_at=9))[-1] == (9, "completed|error|interrupted|unknown")
    deleted = replace(TURN, gone_at=9, deeds=[Deed(8, "delete")])
    assert told(deleted)[2:] == [(5, "idle"), (8, ""), (9, "killed|unknown")]
