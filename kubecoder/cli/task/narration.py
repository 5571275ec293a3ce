"""What Claude does, told as it happens: prompts, text, tools with their main argument, results folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubecoder.cli.colours import coloured
from kubecoder.cli.task.requests import main_argument, title_of
from kubecoder.cli.task.words import answered, sentence
from kubecoder.output import printable

if TYPE_CHECKING:
    from agent.models import Message, Permission, TaskSummary, TranscriptEntry

RESULT_LINES = 5
ARGUMENT_CHARACTERS = 200
SCREEN_LINES = 15
BOLD, DIM, RED, YELLOW, CYAN = 1, 2, 31, 33, 36


def entry_text(entry: TranscriptEntry, *, whole: bool = False) -> str:
    """Write one piece of the conversation; empty where it says nothing to a person.

    Args:
        entry: The piece.
        whole: Show results and thoughts to their end.
    """
    mark = "  │ " if entry.agent_id else ""
    text = entry.text.replace("\r\n", "\n").strip("\n")
    if entry.kind == "tool":
        return _lines(f"● {entry.tool_name} {_argument(entry)}".rstrip(), "", mark, code=CYAN)
    if not text.strip():
        return ""
    if entry.kind == "prompt":
        return "\n" + _lines(text, "❯ ", mark, code=BOLD)
    if entry.kind == "text":
        return _lines(text, "", mark)
    if entry.kind == "result":
        shown = text if whole else folded(text)
        return _lines(shown, "  ⎿ ", mark, code=RED if entry.is_error else DIM)
    if entry.kind == "thinking":
        return _lines(text if whole else folded(text, 1), "✻ ", mark, code=DIM)
    return _lines(text, "· ", mark, code=DIM)


def folded(text: str, most: int = RESULT_LINES) -> str:
    """Keep the first lines of a text and count the others."""
    lines = text.split("\n")
    if len(lines) <= most + 1:
        return text
    return "\n".join([*lines[:most], f"… {len(lines) - most} more lines"])


def state_text(task: TaskSummary) -> str:
    """Write the state of a task as a line."""
    code = YELLOW if task.activity is not None and task.activity.needs_person else DIM
    detail = task.activity_detail or ""
    if "\n" not in detail:
        return _lines(f"— {sentence(task)}", "", "", code=code)
    said = sentence(task.model_copy(update={"activity_detail": None}))
    return _lines(f"— {said}:", "", "", code=code) + _lines(_screen(detail), "    ", "")


def _screen(text: str) -> str:
    """Return the end of a screen, where dialogs are, without rules and empty lines."""
    lines = [line.rstrip() for line in text.split("\n") if len(set(line.strip())) > 1]
    return "\n".join(lines[-SCREEN_LINES:])


def answer_text(permission: Permission) -> str:
    """Write who decided on a request."""
    reason = f": {permission.reason}" if permission.reason else ""
    return _lines(f"— {title_of(permission)}: {answered(permission)}{reason}", "", "", code=DIM)


def message_text(message: Message) -> str:
    """Write what became of a text that was sent; empty where the conversation itself shows it."""
    if message.delivery.value in ("delivered", "sending"):
        return ""
    reason = f" ({message.reason})" if message.reason else ""
    said = f"— message {message.message_id} {message.delivery.value.replace('_', ' ')}{reason}"
    return _lines(said, "", "", code=YELLOW)


def _argument(entry: TranscriptEntry) -> str:
    argument = main_argument(entry.tool_name or "", entry.tool_input)
    return argument if len(argument) <= ARGUMENT_CHARACTERS else f"{argument[:ARGUMENT_CHARACTERS]}…"


def _lines(text: str, first: str, mark: str, *, code: int | None = None) -> str:
    """Write lines under one another, the first with its sign; a mark stands before what a subagent does."""
    lines = printable(text).split("\n")
    indented = [f"{mark}{first if number == 0 else ' ' * len(first)}{line}" for number, line in enumerate(lines)]
    return "".join(f"{coloured(line, code) if code else line}\n" for line in indented)
