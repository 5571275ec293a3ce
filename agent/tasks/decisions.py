"""What Claude reads as a person's decision: the output of a PermissionRequest hook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.errors import InvalidBodyError
from agent.models import AnswerBody, Permission, RequestKind

Document = dict[str, Any]


def document(permission: Permission, body: AnswerBody) -> Document:
    """Return the hook output that carries an answer.

    Raises:
        InvalidBodyError: The request needs other answers than these.
    """
    if body.decision == "deny":
        decision: Document = {"behavior": "deny"}
        if body.reason:
            decision["message"] = body.reason
    else:
        decision = {"behavior": "allow", **_allowed(permission, body)}
    return {"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": decision}}


def _allowed(permission: Permission, body: AnswerBody) -> Document:
    if body.answers is not None and permission.kind is not RequestKind.QUESTION:
        raise InvalidBodyError(f"answers: {permission.tool_name} asks no question")
    match permission.kind:
        case RequestKind.QUESTION:
            return {"updatedInput": _answered(permission, body.answers or {})}
        case RequestKind.PLAN:
            # A plain allow is ignored; the input as it came is the approval.
            approved: Document = {"updatedInput": dict(permission.tool_input)}
            if body.remember == "session":
                approved["updatedPermissions"] = [_edits_accepted()]
            return approved
        case RequestKind.PERMISSION:
            return _remembered(permission) if body.remember == "session" else {}


def _edits_accepted() -> Document:
    return {"type": "setMode", "mode": "acceptEdits", "destination": "session"}


def _remembered(permission: Permission) -> Document:
    """Return Claude's own suggestions, for this session only; a change of the mode isn't one to remember."""
    kept = [
        {**suggestion, "destination": "session"}
        for suggestion in permission.suggestions
        if suggestion.get("type") != "setMode"
    ]
    if not kept:
        raise InvalidBodyError("remember: Claude suggests nothing to remember for this request")
    return {"updatedPermissions": kept}


def _answered(permission: Permission, answers: Mapping[str, str]) -> Document:
    questions = permission.tool_input.get("questions")
    asked = [each for each in questions if isinstance(each, Mapping)] if isinstance(questions, list) else []
    texts = [str(each.get("question", "")) for each in asked]
    missing = [text for text in texts if not answers.get(text, "").strip()]
    unknown = [text for text in answers if text not in texts]
    if missing or unknown:
        raise InvalidBodyError(
            f"answers: each question's text as a key, and no other: {'; '.join(map(_asked, asked))}",
            hint="the value is an option's label, several joined by ', ', or free text",
        )
    return {**permission.tool_input, "answers": dict(answers)}


def _asked(question: Mapping[str, Any]) -> str:
    options = question.get("options")
    labels = (
        [str(each.get("label")) for each in options if isinstance(each, Mapping)] if isinstance(options, list) else []
    )
    return f"{question.get('question')!r} ({', '.join(labels)})"
