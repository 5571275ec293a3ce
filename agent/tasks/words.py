"""What a conversation does, in words for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from agent.claude.evidence import Exited, ScreenSeen
from agent.tasks.facts import End, Ending, Facts

ARGUMENT_KEYS = ("command", "file_path", "notebook_path", "path", "pattern", "url", "query", "description", "prompt")
ARGUMENT_CHARACTERS = 200
INTERRUPTED = "somebody interrupted it"
TAKEN_BACK = "it ended without an answer; the prompt may stand in the composer again"


def call(name: str, tool_input: Mapping[str, Any]) -> str:
    """Name a call and its main argument, on one line."""
    argument = _argument(tool_input)
    return f"{name}: {argument}" if argument else name


def _argument(tool_input: Mapping[str, Any]) -> str:
    questions = tool_input.get("questions")
    if isinstance(questions, list | tuple) and questions and isinstance(questions[0], Mapping):
        return _short(questions[0].get("question"))
    plan = tool_input.get("plan")
    for value in (plan, *(tool_input.get(key) for key in ARGUMENT_KEYS)):
        if short := _short(value):
            return short
    return ""


def _short(value: object) -> str:
    if not isinstance(value, str):
        return ""
    line = " ".join(value[: 4 * ARGUMENT_CHARACTERS].split())
    return line if len(line) <= ARGUMENT_CHARACTERS else line[: ARGUMENT_CHARACTERS - 1] + "…"


def several(first: str, count: int) -> str:
    """Tell the first of several requests."""
    return first if count == 1 else f"{first} (1 of {count})"


def work(facts: Facts) -> str:
    """Tell what the running turn does: its newest open call."""
    if facts.compacting_since is not None:
        return "compacts the conversation"
    tools = facts.main_tools or facts.tools
    if not tools:
        return ""
    newest = max(tools, key=lambda tool: tool.at)
    return call(newest.name, newest.tool_input)


def background(facts: Facts, kinds: tuple[str, ...]) -> str:
    """Count what runs in the background, and name what subagents do."""
    counted = Counter(kinds)
    parts = [f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in sorted(counted.items())]
    subagents = [tool for tool in facts.tools if tool.agent_id is not None]
    if subagents:
        newest = max(subagents, key=lambda tool: tool.at)
        parts.append(call(newest.name, newest.tool_input))
    return ", ".join(parts)


def retry(screen: ScreenSeen) -> str:
    """Tell the API's trouble and how often it was tried."""
    if screen.attempt is None:
        return screen.text
    attempts = f" of {screen.attempts}" if screen.attempts is not None else ""
    return ", ".join(part for part in (screen.text, f"attempt {screen.attempt}{attempts}") if part)


def dialog(facts: Facts) -> str:
    """Tell what a dialog says: its text on the screen, else what the sessions file calls it."""
    status, screen = facts.status, facts.screen
    if screen is not None and screen.shows == "dialog" and (status is None or screen.at >= status.at):
        return screen.text
    return status.waiting_for if status is not None and status.waiting_for else "a dialog is open"


def ending(facts: Facts, end: End) -> str:
    """Tell how a turn ended, where that isn't plain."""
    if end.how is Ending.INTERRUPTED:
        is_marked = facts.marked is not None and facts.marked.at >= end.began_at
        return INTERRUPTED if is_marked else end.words or TAKEN_BACK
    return end.words


def exit_of(exited: Exited) -> str:
    """Tell how the process ended."""
    if exited.signal is not None:
        return f"Claude was ended by signal {exited.signal}"
    if exited.exit_code is not None:
        return f"Claude has exited with code {exited.exit_code}"
    return "Claude has ended, and nobody saw how"
