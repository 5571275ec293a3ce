"""Hooks as evidence: what Claude Code really sent, and whatever else may come."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.claude import hookevents
from agent.claude.evidence import (
    BatchEnded,
    Evidence,
    Notified,
    PromptSubmitted,
    SessionEnded,
    SessionStarted,
    SubagentStarted,
    SubagentStopped,
    ToolEnded,
    ToolStarted,
    TurnFailed,
    TurnStopped,
)
from agent.models import RequestKind
from tests.unit.agent.claude.samples import VERSIONS, everything, seen

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "prompt",
    "prompt_id",
    "tool_name",
    "tool_input",
    "tool_use_id",
    "tool_calls",
    "agent_id",
    "agent_type",
    "background_tasks",
    "permission_suggestions",
    "source",
    "reason",
    "session_id",
    "error",
)
PAYLOADS = st.dictionaries(st.sampled_from(FIELDS), JSON)
NAMES = st.sampled_from([*hookevents.READERS, "PermissionRequest", "MessageDisplay", "Unheard"])


def events(version: str, scene: str) -> list[Evidence]:
    parsed = [hookevents.parse(payload, 5.0) for payload in seen(version, scene, "hook")]
    return [each for each in parsed if each is not None]


def one(evidence: list[Evidence], kind: type[Evidence]) -> Any:
    (found,) = [each for each in evidence if isinstance(each, kind)]
    return found


def test_every_event_that_was_ever_seen_can_be_read() -> None:
    payloads = list(everything("hook"))
    assert len(payloads) > 100
    for payload in payloads:
        evidence = hookevents.parse(payload, 5.0)
        assert evidence is None or evidence.at == 5.0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_turn_is_its_prompt_and_its_end(version: str) -> None:
    evidence = events(version, "text_turn")
    submitted, stopped = one(evidence, PromptSubmitted), one(evidence, TurnStopped)
    assert "One two three" in submitted.text
    assert not submitted.is_notification
    assert submitted.prompt_id == stopped.prompt_id != ""
    assert stopped.background == ()
    assert stopped.last_message == "One two three four five six."


@pytest.mark.parametrize("version", VERSIONS)
def test_a_tool_has_one_id_from_its_start_to_its_batch(version: str) -> None:
    evidence = events(version, "allowed")
    started, ended, batch = (one(evidence, kind) for kind in (ToolStarted, ToolEnded, BatchEnded))
    assert (started.tool_name, started.tool_input["command"]) == ("Bash", "touch allowed")
    assert started.tool_use_id == ended.tool_use_id
    assert batch.tool_use_ids == (started.tool_use_id,)
    assert not ended.failed


@pytest.mark.parametrize("version", VERSIONS)
def test_a_denied_call_is_in_its_batch_only(version: str) -> None:
    evidence = events(version, "denied")
    assert not [each for each in evidence if isinstance(each, ToolEnded)]
    assert one(evidence, BatchEnded).tool_use_ids == (one(evidence, ToolStarted).tool_use_id,)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("scene", "kind"),
    [("allowed", RequestKind.PERMISSION), ("question", RequestKind.QUESTION), ("plan", RequestKind.PLAN)],
)
def test_a_request_has_its_kind_and_input(version: str, scene: str, kind: RequestKind) -> None:
    payload = next(each for each in seen(version, scene, "hook") if each["hook_event_name"] == "PermissionRequest")
    requested = hookevents.parse_permission(payload, "request-1", 5.0)
    assert (requested.request_id, requested.kind, requested.agent_id) == ("request-1", kind, None)
    assert requested.tool_input == payload["tool_input"]
    assert requested.prompt_id == payload["prompt_id"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_subagents_request_names_it(version: str) -> None:
    payload = next(each for each in seen(version, "subagent", "hook") if each["hook_event_name"] == "PermissionRequest")
    requested = hookevents.parse_permission(payload, "request-1", 5.0)
    assert requested.agent_id == one(events(version, "subagent"), SubagentStarted).agent_id
    assert requested.agent_type == "general-purpose"


@pytest.mark.parametrize("version", VERSIONS)
def test_background_work_is_told_and_its_notice_is_no_prompt_of_a_person(version: str) -> None:
    evidence = events(version, "background")
    stops = [each for each in evidence if isinstance(each, TurnStopped)]
    notices = [each.is_notification for each in evidence if isinstance(each, PromptSubmitted)]
    assert stops[0].background == ("shell",)
    assert stops[-1].background == ()
    assert notices == [False, True]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_compactors_end_is_no_subagents(version: str) -> None:
    evidence = events(version, "compacted")
    assert not [each for each in evidence if isinstance(each, SubagentStopped | TurnStopped)]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_api_error_ends_the_turn_with_its_words(version: str) -> None:
    failed = one(events(version, "failed"), TurnFailed)
    assert failed.error
    assert "not this time" in failed.message


def test_the_error_of_a_subagent_is_not_the_turns() -> None:
    assert hookevents.parse({"hook_event_name": "StopFailure", "agent_id": "a1", "error": "x"}, 1.0) is None


@pytest.mark.parametrize("version", VERSIONS)
def test_the_start_and_the_end_of_a_session_are_told(version: str) -> None:
    assert one(events(version, "first_prompt"), SessionStarted).how == "startup"
    assert one(events(version, "resumed"), SessionStarted).how == "resume"
    cleared = events(version, "cleared")
    assert one(cleared, SessionEnded).reason == "clear"
    assert one(cleared, SessionStarted).how == "clear"


def test_a_notification_has_its_kind() -> None:
    payload = {"hook_event_name": "Notification", "notification_type": "idle_prompt", "message": "waiting"}
    assert hookevents.parse(payload, 1.0) == Notified(1.0, kind="idle_prompt", message="waiting")


@given(name=NAMES, fields=PAYLOADS)
def test_no_payload_of_a_named_event_is_an_error(name: str, fields: dict[str, Any]) -> None:
    hookevents.parse({**fields, "hook_event_name": name}, 1.0)


@given(fields=PAYLOADS)
def test_a_broken_request_is_a_value_error_and_nothing_else(fields: dict[str, Any]) -> None:
    with contextlib.suppress(ValueError):
        hookevents.parse_permission(fields, "request", 1.0)


@pytest.mark.parametrize("name", [None, 1, [], {}])
def test_a_payload_without_an_events_name_is_refused(name: Any) -> None:
    with pytest.raises(ValueError, match="names no event"):
        hookevents.parse({"hook_event_name": name}, 1.0)
