"""What the hook prints for Claude."""

from __future__ import annotations

from typing import Any

import pytest

from agent.errors import InvalidBodyError
from agent.models import AnswerBody, Permission, RequestKind, RequestState
from agent.tasks import decisions

QUESTIONS = [
    {"question": "Which colour?", "options": [{"label": "Red"}, {"label": "Blue"}], "multiSelect": False},
    {"question": "Which parts?", "options": [{"label": "A"}, {"label": "B"}], "multiSelect": True},
]
RULE = {"type": "addRules", "rules": [{"toolName": "Bash", "ruleContent": "touch:*"}], "destination": "localSettings"}
MODE = {"type": "setMode", "mode": "acceptEdits", "destination": "session"}


def permission(
    kind: RequestKind = RequestKind.PERMISSION, tool_input: dict[str, Any] | None = None, *suggestions: dict[str, Any]
) -> Permission:
    return Permission(
        request_id="a1b2c3d4",
        task_id="1-00000000",
        kind=kind,
        state=RequestState.OPEN,
        tool_name="Bash",
        tool_input=tool_input or {},
        requested_at=1.0,
        suggestions=suggestions,
    )


def decision(asked: Permission, **body: Any) -> dict[str, Any]:
    document = decisions.document(asked, AnswerBody(**body))
    assert document["hookSpecificOutput"].keys() == {"hookEventName", "decision"}
    found: dict[str, Any] = document["hookSpecificOutput"]["decision"]
    return found


def test_a_tool_is_allowed_or_denied_with_the_reason() -> None:
    assert decision(permission(), decision="allow") == {"behavior": "allow"}
    assert decision(permission(), decision="deny") == {"behavior": "deny"}
    assert decision(permission(), decision="deny", reason="no") == {"behavior": "deny", "message": "no"}


def test_what_claude_suggests_is_remembered_for_the_session_only() -> None:
    remembered = decision(permission(RequestKind.PERMISSION, {}, RULE), decision="allow", remember="session")
    assert remembered == {"behavior": "allow", "updatedPermissions": [{**RULE, "destination": "session"}]}


@pytest.mark.parametrize("suggestions", [(), (MODE,)], ids=["none", "only a mode"])
def test_nothing_to_remember_is_an_error(suggestions: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(InvalidBodyError, match="remember"):
        decision(permission(RequestKind.PERMISSION, {}, *suggestions), decision="allow", remember="session")


def test_a_question_is_answered_with_its_questions_as_received() -> None:
    asked = permission(RequestKind.QUESTION, {"questions": QUESTIONS, "more": 1})
    answers = {"Which colour?": "Blue", "Which parts?": "A, B"}
    allowed = decision(asked, decision="allow", answers=answers)
    assert allowed == {"behavior": "allow", "updatedInput": {"questions": QUESTIONS, "more": 1, "answers": answers}}
    assert decision(asked, decision="deny", reason="later") == {"behavior": "deny", "message": "later"}


@pytest.mark.parametrize(
    "answers",
    [
        None,
        {},
        {"Which colour?": "Blue"},
        {"Which colour?": "Blue", "Which parts?": " "},
        {"Which colour?": "Blue", "Which parts?": "A", "Which?": "A"},
    ],
    ids=["none", "empty", "missing", "blank", "unknown"],
)
def test_missing_and_unknown_answers_are_refused_with_the_questions_and_their_options(
    answers: dict[str, str] | None,
) -> None:
    asked = permission(RequestKind.QUESTION, {"questions": QUESTIONS})
    with pytest.raises(InvalidBodyError) as refused:
        decision(asked, decision="allow", answers=answers)
    assert "'Which colour?' (Red, Blue)" in refused.value.message
    assert "'Which parts?' (A, B)" in refused.value.message


@pytest.mark.parametrize("questions", [None, "text", [1, {"question": 5}], [{"question": "Q", "options": [3]}]])
def test_malformed_questions_are_refused_like_missing_answers(questions: Any) -> None:
    asked = permission(RequestKind.QUESTION, {"questions": questions})
    with pytest.raises(InvalidBodyError):
        decision(asked, decision="allow", answers={"nothing": "x"})


@pytest.mark.parametrize("tool_input", [{}, {"plan": "1. this", "planFilePath": "/x"}], ids=["empty", "written"])
def test_a_plan_is_approved_by_its_own_input(tool_input: dict[str, Any]) -> None:
    asked = permission(RequestKind.PLAN, tool_input)
    assert decision(asked, decision="allow") == {"behavior": "allow", "updatedInput": tool_input}
    assert decision(asked, decision="allow", remember="session") == {
        "behavior": "allow",
        "updatedInput": tool_input,
        "updatedPermissions": [MODE],
    }
    assert decision(asked, decision="deny", reason="shorter") == {"behavior": "deny", "message": "shorter"}


def test_answers_to_what_is_no_question_are_refused() -> None:
    with pytest.raises(InvalidBodyError, match="asks no question"):
        decision(permission(), decision="allow", answers={"Which?": "this"})
