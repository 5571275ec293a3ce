"""What Claude asks a person for, shown exactly: the command, the difference, the questions, the plan."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kubecoder.cli.colours import coloured
from kubecoder.output import printable

if TYPE_CHECKING:
    from agent.models import Permission

INDENT = "    "
ADDED, REMOVED, DIM = 32, 31, 2
# What a person reads anyway, or what says nothing about the deed.
_SHOWN_BY_THEMSELVES = {
    "Bash": ("command", "description"),
    "Edit": ("file_path", "old_string", "new_string"),
    "MultiEdit": ("file_path", "edits"),
    "Write": ("file_path", "content"),
}


def request_text(permission: Permission, *, most_lines: int | None = None) -> str:
    """Write a request so that somebody can decide on it; nothing in it can steer the terminal.

    Args:
        permission: The request.
        most_lines: More lines of its body are counted instead; None shows all.
    """
    who = f" (subagent {permission.agent_type})" if permission.agent_type else ""
    title, body = _described(permission)
    shown = [printable(line) for line in body]
    if most_lines is not None and len(shown) > most_lines:
        shown = [*shown[:most_lines], coloured(f"… {len(shown) - most_lines} more lines", DIM)]
    return "".join(f"{line}\n" for line in (printable(f"{title}{who}:"), *(f"{INDENT}{line}" for line in shown)))


def line_count(permission: Permission) -> int:
    """Return how many lines the body of a request has."""
    return len(_described(permission)[1])


def title_of(permission: Permission) -> str:
    """Return the request in one line."""
    if permission.kind.value == "question":
        return f"{len(questions(permission))} question(s)"
    if permission.kind.value == "plan":
        return "a plan"
    return f"{permission.tool_name} {main_argument(permission.tool_name, permission.tool_input)}".strip()


def questions(permission: Permission) -> list[Mapping[str, Any]]:
    """Return the questions of a request, as far as they can be understood."""
    given = permission.tool_input.get("questions")
    if not isinstance(given, Sequence) or isinstance(given, str):
        return []
    return [item for item in given if isinstance(item, Mapping) and isinstance(item.get("question"), str)]


def options(question: Mapping[str, Any]) -> list[str]:
    """Return the labels that a question offers."""
    given = question.get("options")
    if not isinstance(given, Sequence) or isinstance(given, str):
        return []
    return [str(item["label"]) for item in given if isinstance(item, Mapping) and "label" in item]


def main_argument(tool: str, arguments: Mapping[str, Any] | None) -> str:
    """Return the argument that says most about a tool's use, in one line."""
    values = arguments or {}
    for key in ("command", "file_path", "notebook_path", "path", "pattern", "url", "query", "description", "skill"):
        if isinstance(values.get(key), str):
            return " ".join(values[key].split())
    texts = [value for value in values.values() if isinstance(value, str)]
    return " ".join(texts[0].split()) if texts and tool != "ExitPlanMode" else ""


def _described(permission: Permission) -> tuple[str, list[str]]:
    tool, given = permission.tool_name, permission.tool_input
    if permission.kind.value == "question":
        return "Claude asks", list(_question_lines(questions(permission)))
    if permission.kind.value == "plan":
        plan = given.get("plan")
        return "Claude has a plan", str(plan).splitlines() if plan else ["(it didn't write the plan down)"]
    title, body = _deed(tool, given)
    others = {key: value for key, value in given.items() if key not in _SHOWN_BY_THEMSELVES.get(tool, ())}
    if tool in _SHOWN_BY_THEMSELVES and others:
        body += [f"({key}: {json.dumps(value, ensure_ascii=False)})" for key, value in others.items()]
    return title, body


def _deed(tool: str, given: Mapping[str, Any]) -> tuple[str, list[str]]:
    file = given.get("file_path", "")
    if tool == "Bash" and isinstance(given.get("command"), str):
        said = [f"# {given['description']}"] if given.get("description") else []
        return "Bash wants to run", [*said, *given["command"].splitlines()]
    if tool == "Edit":
        return f"Edit wants to change {file}", list(_difference(given))
    if tool == "MultiEdit" and isinstance(given.get("edits"), Sequence):
        edits = [edit for edit in given["edits"] if isinstance(edit, Mapping)]
        return f"MultiEdit wants to change {file}", [line for edit in edits for line in (*_difference(edit), "")]
    if tool == "Write":
        lines = str(given.get("content", "")).splitlines()
        return f"Write wants to write {file}", [f"+{line}" for line in lines]
    return f"{tool} wants to be used", json.dumps(dict(given), indent=2, ensure_ascii=False).splitlines()


def _difference(edit: Mapping[str, Any]) -> Iterable[str]:
    old, new = (str(edit.get(key, "")).splitlines() for key in ("old_string", "new_string"))
    compared = list(difflib.unified_diff(old, new, lineterm="", n=3))[2:]
    yield from (line for line in compared if not line.startswith("@@"))
    if edit.get("replace_all"):
        yield "(everywhere in the file)"


def _question_lines(asked: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for question in asked:
        several = " (several may be chosen)" if question.get("multiSelect") else ""
        yield f"{question['question']}{several}"
        described = question.get("options") or ()
        for number, option in enumerate(described, 1):
            if isinstance(option, Mapping):
                about = f": {option['description']}" if option.get("description") else ""
                yield f"  {number}. {option.get('label', '')}{about}"


def highlighted(text: str) -> str:
    """Colour the lines of a difference, where a person sees colours."""
    codes = {"+": ADDED, "-": REMOVED}
    lines = []
    for line in text.splitlines():
        code = codes.get(line[len(INDENT) : len(INDENT) + 1]) if line.startswith(INDENT) else None
        lines.append(coloured(line, code) if code else line)
    return "".join(f"{line}\n" for line in lines)
