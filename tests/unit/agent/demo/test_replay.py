"""Where a conversation stands, read from the conversation."""

from __future__ import annotations

from typing import Any

import pytest

from agent.demo import demonstration
from agent.demo.messages import Kind
from agent.demo.reply import SCRIPT_DONE, Memory, Reply, Text, ToolUse
from agent.demo.script import find
from agent.demo.steps import write
from tests.unit.agent.demo.conversations import called, reply, request, results, said, user

NEWER = (
    "The user sent a new message while you were working:\n{}\n\nThis is how Claude Code surfaces messages the user "
    "sends mid-turn. Address the message above as you continue this turn."
)
OLDER = (
    "The user sent a new message while you were working:\n{}\n\nIMPORTANT: After completing your current task, you "
    "MUST address the user's message above. Do not ignore it."
)
NOTICE = "<task-notification>\n<status>completed</status>\n</task-notification>"
REMINDED = f"<system-reminder>\n[SYSTEM NOTIFICATION - NOT USER INPUT]\n\n{NOTICE}\n</system-reminder>"
COMPACT = "CRITICAL: Respond with TEXT ONLY.\n\nYour task is to create a detailed summary of the conversation so far."


def texts(one: Reply) -> list[str]:
    return [act.text for act in one.acts if isinstance(act, Text)]


def commands(one: Reply) -> list[Any]:
    return [act.input["command"] for act in one.acts if isinstance(act, ToolUse)]


TWO = write(["Working.", {"bash": "one"}, {"tools": [{"bash": "two"}, {"bash": "three"}]}, "Done."])


def test_a_reply_ends_with_its_calls_and_the_next_begins_behind_them() -> None:
    first = reply(user(TWO))
    assert (texts(first), commands(first), first.stop_reason) == (["Working."], ["one"], "tool_use")
    second = reply(user(TWO), called(first), results(first))
    assert commands(second) == ["two", "three"]
    third = reply(user(TWO), called(first), results(first), called(second), results(second))
    assert (texts(third), third.stop_reason) == (["Done."], "end_turn")


def test_a_denied_call_is_passed_over_too() -> None:
    script = write([{"bash": "one"}, "Well."])
    first = reply(user(script))
    assert texts(reply(user(script), called(first), results(first, is_error=True))) == ["Well."]


def test_calls_of_a_step_have_ids_of_their_own() -> None:
    script = write([{"tools": [{"bash": "a"}, {"bash": "a"}]}])
    ids = [act.tool_use_id for _ in range(2) for act in reply(user(script)).acts if isinstance(act, ToolUse)]
    assert len(set(ids)) == 4


def test_a_new_script_drops_the_rest_of_an_older_one() -> None:
    old, new = write(["a", {"end": True}, "b"]), write(["new"])
    assert texts(reply(user(old), said("a"), user(new))) == ["new"]


def test_queued_messages_are_answered_in_order_in_one_reply() -> None:
    first = user(write(["one"]))
    assert texts(reply(first, said("one"), user(write(["two"]) + "\n", "no script", write(["three"])))) == [
        "two",
        "three",
    ]


def test_copies_of_one_script_are_each_played() -> None:
    script = write([{"bash": "x"}, "Done."])
    first = reply(user(script, script))
    second = reply(user(script, script), called(first), results(first))
    assert (texts(second), commands(second)) == (["Done."], ["x"])
    third = reply(user(script, script), called(first), results(first), called(second), results(second))
    assert (texts(third), commands(third)) == (["Done."], [])


def test_a_message_of_the_newer_version_joins_the_running_turn() -> None:
    script = write([{"bash": "one"}, "Done."])
    first = reply(user(script))
    wrapped = NEWER.format(write(["Also."]))
    assert texts(reply(user(script), called(first), results(first, wrapped))) == ["Done.", "Also."]


def test_what_was_said_before_a_joined_message_called_a_tool_is_not_said_again() -> None:
    script, joined = write([{"bash": "one"}, "Done.", {"end": True}, "Later."]), write([{"bash": "two"}, "Also."])
    first = reply(user(script))
    messages = [user(script), called(first), results(first, NEWER.format(joined))]
    second = reply(*messages)
    assert (texts(second), commands(second)) == (["Done."], ["two"])
    messages += [called(second), results(second)]
    assert texts(reply(*messages)) == ["Also."]
    assert texts(reply(*messages, said("Also."), user(NOTICE))) == ["Later."]


def test_messages_of_the_older_version_join_the_running_turn() -> None:
    script = write([{"bash": "one"}, "Done."])
    first = reply(user(script))
    system = {"role": "system", "content": "\n\n".join(OLDER.format(text) for text in ("plain", write(["Also."])))}
    messages = [user(script), called(first), results(first), system]
    assert texts(reply(*messages)) == ["Done.", "Also."]
    assert [prompt.text for prompt in request(*messages).new_prompts] == ["plain", write(["Also."])]


def test_an_interrupt_drops_the_rest() -> None:
    script = write([{"bash": "one"}, "Never."])
    first = reply(user(script))
    interrupted = results(first, "[Request interrupted by user for tool use]\n", write(["New."]), is_error=True)
    assert texts(reply(user(script), called(first), interrupted)) == ["New."]
    streamed = user("[Request interrupted by user]\n", write(["New."]))
    assert texts(reply(user(write(["a", {"end": True}, "b"])), said("partly"), streamed)) == ["New."]


@pytest.mark.parametrize("notice", [NOTICE, REMINDED])
def test_steps_behind_the_end_answer_a_notice(notice: str) -> None:
    script = write(["Started.", {"end": True}, "It has ended."])
    assert texts(reply(user(script))) == ["Started."]
    assert texts(reply(user(script), said("Started."), user(notice))) == ["It has ended."]


def test_a_notice_without_steps_left_is_noted() -> None:
    assert texts(reply(user(write(["a"])), said("a"), user(NOTICE))) == [demonstration.NOTED]


def test_steps_behind_a_refusal_answer_the_continuation() -> None:
    script = write(["No.", {"refuse": True}, "Well, yes."])
    assert reply(user(script)).stop_reason == "refusal"
    assert texts(reply(user(script), said("No."), user("Continue."))) == ["Well, yes."]


def test_a_prompt_behind_a_failed_turn_is_answered_alone() -> None:
    memory = Memory()
    failing, new = write([{"error": 400, "times": "always"}]), write(["Fine."])
    assert reply(user(failing), memory=memory).error
    assert texts(reply(user(f"{failing}\n", new), memory=memory)) == ["Fine."]


def test_a_prompt_behind_a_turn_that_failed_after_a_call_is_answered_alone() -> None:
    memory = Memory()
    failing = write([{"bash": "ls"}, {"error": 400, "times": "always"}])
    first = reply(user(failing), memory=memory)
    assert reply(user(failing), called(first), results(first), memory=memory).error
    assert texts(reply(user(failing), called(first), results(first, write(["Fine."])), memory=memory)) == ["Fine."]


def test_an_error_happens_as_often_as_it_says_for_each_session() -> None:
    memory = Memory()
    script = write([{"error": 529, "times": 2, "retry_after": 3}, "At last."])
    for session in ("one", "two"):
        replies = []
        for _ in range(3):
            replies.append(reply(user(script), memory=memory, session=session))
            if error := replies[-1].error:
                memory.happened(error.fault)
        assert [one.error.status if one.error else None for one in replies] == [529, 529, None]
        assert texts(replies[2]) == ["At last."]


def test_memory_holds_the_newest_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.demo.reply.REMEMBERED", 2)
    memory = Memory()
    for name in ("a", "b", "a", "c"):
        memory.happened(name)
    assert [memory.count(name) for name in "abc"] == [2, 0, 1]


def test_compaction_carries_the_rest_of_a_running_script() -> None:
    script = write([{"bash": "one"}, {"bash": "two"}, "Done."])
    first = reply(user(script))
    summary = reply(user(script), called(first), results(first, COMPACT))
    [rest] = find(texts(summary)[0])
    assert list(rest.source) == [{"bash": "two"}, "Done."]
    continued = user(f"This session is being continued from a previous conversation.\n\n{texts(summary)[0]}")
    assert commands(reply(continued)) == ["two"]


def test_compaction_between_turns_keeps_what_waits_for_a_notice() -> None:
    script = write(["Started.", {"end": True}, "It has ended."])
    summary = texts(reply(user(script), said("Started."), user(COMPACT)))[0]
    continued = user(f"This session is being continued from a previous conversation.\n\n{summary}")
    assert texts(reply(continued, said("Started."), user(NOTICE))) == ["It has ended."]


def test_compaction_of_a_done_script_carries_none() -> None:
    summary = texts(reply(user(write(["a"])), said("a"), user(COMPACT)))[0]
    assert "<summary>" in summary
    assert not list(find(summary))


def test_a_script_that_is_over_says_so() -> None:
    script = write([{"bash": "one"}])
    first = reply(user(script))
    assert texts(reply(user(script), called(first), results(first))) == [SCRIPT_DONE]


def test_the_demonstration_asks_for_a_permission_and_tells_what_came_of_it() -> None:
    first = reply(user("Hello"))
    assert "not Claude" in texts(first)[0]
    assert commands(first) == [demonstration.COMMAND]
    assert texts(reply(user("Hello"), called(first), results(first))) == [demonstration.WRITTEN]
    assert texts(reply(user("Hello"), called(first), results(first, is_error=True))) == [demonstration.DENIED]


def test_a_further_prompt_without_a_script_is_told_what_answers() -> None:
    further = reply(user("Hello"), said("Hi."), user("What now?"))
    assert "not Claude" in texts(further)[0]
    assert not commands(further)


def test_a_subagent_without_bash_only_speaks() -> None:
    assert not commands(reply(user("Look around"), tools=["Read"]))


def test_a_title_is_given_as_the_json_that_is_wanted() -> None:
    wanted = {"type": "json_schema", "schema": {"properties": {"title": {"type": "string"}}}}
    asked = request(user(f"<session>\nMake a file {TWO}\n</session>"), tools=(), output_config={"format": wanted})
    assert asked.kind is Kind.TITLE
    assert demonstration.title(asked) == '{"title": "Make a file"}'


def test_a_plan_is_written_where_claude_code_wants_it() -> None:
    wanted = {"role": "system", "content": "Plan mode. Write your plan to /home/dev/.claude/plans/a-b.md first."}
    calls = [act for act in reply(user(write([{"plan": "1. Do"}])), wanted).acts if isinstance(act, ToolUse)]
    assert [call.name for call in calls] == ["Write", "ExitPlanMode"]
    assert calls[0].input == {"file_path": "/home/dev/.claude/plans/a-b.md", "content": "1. Do"}
