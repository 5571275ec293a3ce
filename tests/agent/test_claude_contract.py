"""What the agent counts on in the real Claude Code, in both versions: a release that breaks it is seen here at once.

Every version plays `tests.agent.recording` once, both at the same time; the tests look at what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.agent.recording import QUESTIONS, Recording, Scene, record
from tests.rigs import Unavailable, claude
from tests.rigs.model import running_model

NEWEST, OLDER = claude.NEWEST, claude.OLDER


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Recording]:
    try:
        for version in claude.VERSIONS:
            claude.program(version)
    except Unavailable as reason:
        pytest.skip(str(reason))
    directory = tmp_path_factory.mktemp("contract")
    with running_model(directory / "model") as model, ThreadPoolExecutor() as pool:
        running = {version: pool.submit(record, version, model, directory / version) for version in claude.VERSIONS}
        return {version: future.result() for version, future in running.items()}


@pytest.fixture(params=claude.VERSIONS)
def recording(request: pytest.FixtureRequest, recordings: Mapping[str, Recording]) -> Recording:
    return recordings[request.param]


def prompts(scene: Scene) -> list[str]:
    return [hook["prompt"] for hook in scene.hooks if hook["hook_event_name"] == "UserPromptSubmit"]


def test_a_prompt_on_stdin_arrives_unchanged_while_the_terminal_is_on_stdout(recording: Recording) -> None:
    scene = recording.scenes["first_prompt"]
    assert scene.events == ["SessionStart", "UserPromptSubmit", "Stop"]
    assert scene.hook("SessionStart")["source"] == "startup"
    assert prompts(scene)[0].startswith('First line.\nSecond: "quotes", $HOME, `x`.')
    assert "? for shortcuts" in scene.screens["idle"]


def test_the_sessions_file_says_what_claude_does(recording: Recording) -> None:
    scenes = recording.scenes
    assert scenes["text_turn"].statuses == ["busy", "idle"]
    assert scenes["allowed"].statuses == ["busy", "waiting", "busy", "idle"]
    waiting = [entry.data for entry in scenes["allowed"].seen if entry.kind == "status" and entry.data]
    assert {entry.get("waitingFor") for entry in waiting if entry["status"] == "waiting"} == {"permission prompt"}
    assert {"pid", "procStart", "sessionId", "statusUpdatedAt"} <= set(waiting[0])


def test_the_footer_tells_work_from_idleness(recording: Recording) -> None:
    assert "esc to interrupt" in recording.scenes["text_turn"].screens["working"]
    assert "esc to interrupt" not in recording.scenes["first_prompt"].screens["idle"]


def test_the_waiting_hook_allows_while_the_dialog_is_on_the_screen(recording: Recording) -> None:
    scene = recording.scenes["allowed"]
    turn = ["UserPromptSubmit", "PreToolUse", "PermissionRequest", "PostToolUse", "PostToolBatch", "Stop"]
    assert scene.events == turn
    assert "Do you want to proceed?" in scene.screens["permission"]
    [decided] = scene.attachments("hook_permission_decision")
    assert (decided["decision"], decided["toolUseID"]) == ("allow", scene.hook("PreToolUse")["tool_use_id"])


def test_the_waiting_hook_denies_and_the_turn_goes_on(recording: Recording) -> None:
    scene = recording.scenes["denied"]
    assert scene.events == ["UserPromptSubmit", "PreToolUse", "PermissionRequest", "PostToolBatch", "Stop"]
    [decided] = scene.attachments("hook_permission_decision")
    assert decided["decision"] == "deny"


def test_a_yes_in_the_terminal_leaves_the_hook_waiting(recording: Recording) -> None:
    scene = recording.scenes["allowed_in_terminal"]
    assert "PostToolUse" in scene.events
    assert not [entry for entry in scene.seen if entry.kind == "withdrawn"]
    assert not scene.attachments("hook_permission_decision")


def test_esc_on_the_dialog_ends_the_hook_and_the_turn_without_stop(recording: Recording) -> None:
    scene = recording.scenes["refused_in_terminal"]
    assert scene.events == ["UserPromptSubmit", "PreToolUse", "PermissionRequest"]
    assert len({entry.data["rig_request"] for entry in scene.seen if entry.kind == "withdrawn"}) == 1
    assert scene.statuses[-1] == "idle"
    (mark,) = scene.interruptions()
    assert "[Request interrupted by user for tool use]" in str(mark)
    assert "interruptedMessageId" not in mark


def test_only_the_mark_tells_a_command_that_was_interrupted_from_a_refused_one(recording: Recording) -> None:
    scene = recording.scenes["interrupted_tool"]
    assert not scene.attachments("hook_permission_decision")
    assert not {"PostToolUse", "PostToolUseFailure"} & set(scene.events)
    assert [result["is_error"] for result in scene.results()] == [True], scene.lines
    (mark,) = scene.interruptions()
    assert "[Request interrupted by user for tool use]" in str(mark)
    assert mark["interruptedMessageId"]


def test_esc_while_the_model_speaks_ends_the_turn_without_stop(recording: Recording) -> None:
    scene = recording.scenes["interrupted"]
    assert scene.events == ["UserPromptSubmit"]
    assert scene.statuses == ["busy", "idle"]
    assert ["[Request interrupted by user]" in str(line) for line in scene.interruptions()] == [True]


def test_an_api_error_ends_the_turn_with_stop_failure(recording: Recording) -> None:
    scene = recording.scenes["failed"]
    assert scene.events == ["UserPromptSubmit", "StopFailure"]
    assert scene.hook("StopFailure")["error"] == "unknown"
    assert any(line.get("isApiErrorMessage") for line in scene.lines_of("assistant"))


def test_only_the_screen_tells_of_a_retry(recording: Recording) -> None:
    scene = recording.scenes["retried"]
    assert scene.events == ["UserPromptSubmit", "Stop"]
    assert scene.statuses == ["busy", "idle"]
    assert "attempt 2" in scene.screens["retrying"]


def test_messages_that_wait_for_the_turns_end_have_receipts(recording: Recording) -> None:
    operations = recording.scenes["queued"].operations()
    assert [line["operation"] for line in operations] == ["enqueue", "enqueue", "dequeue", "dequeue"]
    assert [line["content"][:10] for line in operations[:2]] == ["Message 1.", "Message 2."]
    queued = recording.scenes["queued"].lines_of("user", promptSource="queued")
    assert [line["message"]["content"][:10] for line in queued] == ["Message 1.", "Message 2."]


def test_messages_that_join_a_running_turn_have_receipts(recording: Recording) -> None:
    scene = recording.scenes["absorbed"]
    assert [line["operation"] for line in scene.operations()] == ["enqueue", "enqueue", "remove", "remove"]
    assert [entry["prompt"].count("Meanwhile") for entry in scene.attachments("queued_command")] == [1, 1]
    assert scene.events.count("Stop") == 1
    reasons = {line.get("reason") for line in scene.operations() if line["operation"] == "remove"}
    assert reasons == ({"absorbed_mid_turn"} if recording.version == NEWEST else {None})


def test_only_the_newer_version_tells_at_once_of_a_queued_message(recording: Recording) -> None:
    hooks = recording.scenes["absorbed"].events.count("UserPromptSubmit")
    assert hooks == (3 if recording.version == NEWEST else 1)


def test_calls_that_write_ask_one_after_another(recording: Recording) -> None:
    events = recording.scenes["parallel"].events
    asked = [index for index, event in enumerate(events) if event == "PermissionRequest"]
    assert len(asked) == 2
    assert asked[0] < events.index("PostToolUse") < asked[1]


def test_a_question_is_answered_by_updated_input(recording: Recording) -> None:
    scene = recording.scenes["question"]
    asked = scene.hook("PermissionRequest")
    assert asked["tool_name"] == "AskUserQuestion"
    assert [question["question"] for question in asked["tool_input"]["questions"]] == [q["ask"] for q in QUESTIONS]
    assert scene.hook("PostToolUse")["tool_input"]["answers"] == {"Which colour?": "Blue", "Which parts?": "A, C"}


def test_a_plan_is_approved_by_updated_input(recording: Recording) -> None:
    scene = recording.scenes["plan"]
    asked = [hook for hook in scene.hooks if hook["hook_event_name"] == "PermissionRequest"]
    assert [hook["tool_name"] for hook in asked] == ["ExitPlanMode", "Bash"]
    assert [hook["permission_mode"] for hook in asked] == ["plan", "default"]


def test_stop_names_background_commands_and_their_end_is_a_prompt(recording: Recording) -> None:
    scene = recording.scenes["background"]
    assert [task["type"] for task in scene.hook("Stop")["background_tasks"]] == ["shell"]
    assert "shell" in scene.statuses
    assert prompts(scene)[-1].startswith("<task-notification>")


def test_hooks_of_a_subagent_carry_its_id(recording: Recording) -> None:
    scene = recording.scenes["subagent"]
    agent_id = scene.hook("SubagentStart")["agent_id"]
    assert scene.hook("PermissionRequest")["agent_id"] == agent_id
    assert scene.hook("SubagentStop")["agent_id"] == agent_id
    assert any(entry.kind == "subagent" for entry in scene.seen)


def test_lines_of_one_message_repeat_its_usage(recording: Recording) -> None:
    lines = recording.scenes["allowed"].lines_of("assistant")
    first = [line["message"] for line in lines if line["message"]["id"] == lines[0]["message"]["id"]]
    assert len(first) == 2
    assert first[0]["usage"] == first[1]["usage"]


def test_compaction_keeps_the_session(recording: Recording) -> None:
    scene = recording.scenes["compacted"]
    assert scene.hook("SessionStart")["source"] == "compact"
    assert scene.hook("SessionStart")["session_id"] == recording.scenes["allowed"].hook("Stop")["session_id"]


def test_a_menu_shows_in_the_sessions_file_of_the_newer_version_alone(recording: Recording) -> None:
    scene = recording.scenes["menu"]
    assert "Rewind" in scene.screens["dialog"]
    assert scene.statuses == (["waiting", "idle"] if recording.version == NEWEST else [])


def test_sigterm_ends_it_and_removes_the_sessions_file(recording: Recording) -> None:
    scene = recording.scenes["ended"]
    assert scene.events == ["SessionEnd"]
    assert scene.exit_status in (143, None)  # tmux doesn't always learn it


def test_resume_continues_the_same_session(recording: Recording) -> None:
    scene = recording.scenes["resumed"]
    assert scene.hook("SessionStart")["source"] == "resume"
    assert scene.hook("SessionStart")["session_id"] == recording.scenes["allowed"].hook("Stop")["session_id"]
    assert prompts(scene)[0].startswith("Do you remember?")


def test_clear_goes_on_under_a_new_session_id(recording: Recording) -> None:
    scene = recording.scenes["cleared"]
    assert scene.events == ["SessionEnd", "SessionStart"]
    assert scene.hook("SessionEnd")["reason"] == "clear"
    assert scene.hook("SessionStart")["session_id"] != scene.hook("SessionEnd")["session_id"]
