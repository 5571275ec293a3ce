"""Claude's transcript: one JSON object a line, read as it grows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.claude.evidence import (
    Absorbed,
    AssistantLine,
    Dequeued,
    Enqueued,
    Evidence,
    InterruptMarked,
    PermissionDecided,
    TakenBack,
    ToolResultLine,
    UserLine,
)
from agent.models import TranscriptEntry

Line = Mapping[str, Any]
READ_BYTES = 4_000_000
"""At most so much at once, so that a long history doesn't hold up the event loop."""
LONGEST_LINE = 64_000_000
SURROGATE_PATTERN = re.compile(rb"\\u[dD][89a-fA-F]")
INTERRUPTED = "[Request interrupted by user"
FOR_TOOL_USE = "[Request interrupted by user for tool use]"
RESULT_CHARACTERS = 100_000


def find(configuration: Path, session_id: str) -> Path | None:
    """Return the transcript of a conversation; it is there from the first prompt on. Blocks."""
    if not session_id or "/" in session_id:
        return None
    return next(iter(sorted((configuration / "projects").glob(f"*/{session_id}.jsonl"))), None)


class Tail:
    """Reads the whole lines that were added since the last look.

    Args:
        path: The transcript.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._rest = b""

    def read(self) -> list[Line]:
        """Return the new lines; what isn't a JSON object is left out. Blocks for a moment."""
        return [line for content in self._new_lines() if (line := _parse(content)) is not None]

    def read_all(self) -> Iterator[Line]:
        """Yield every line up to the file's end, however long it is, with bounded memory. Blocks."""
        before = -1
        while before != self._offset:
            before = self._offset
            yield from self.read()

    def has_news(self) -> bool:
        """Tell whether the file has grown since the last look."""
        try:
            return self.path.stat().st_size > self._offset
        except OSError:
            return False

    def _new_lines(self) -> Iterator[bytes]:
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                content = file.read(READ_BYTES)
        except OSError:
            return
        self._offset += len(content)
        *whole, self._rest = (self._rest + content).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            self._rest = b""
        yield from whole


def _parse(content: bytes) -> Line | None:
    try:
        line = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(line, dict):
        return None
    # Half a surrogate pair is no text for whoever gets it next.
    if SURROGATE_PATTERN.search(content):
        whole: Line = json.loads(json.dumps(line, ensure_ascii=False).encode(errors="replace"))
        return whole
    return line


def time_of(line: Line) -> float:
    """Return when a line was written, in Unix seconds; 0 for one without a time."""
    text = line.get("timestamp")
    if not isinstance(text, str):
        return 0.0
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0


# Evidence


def evidence(line: Line) -> list[Evidence]:
    """Return what a line shows about the session."""
    if line.get("isSidechain"):
        return []
    at = time_of(line)
    match line.get("type"):
        case "user":
            return _user_evidence(line, at)
        case "assistant":
            return [_assistant_evidence(line, at)]
        case "queue-operation":
            return _queue_evidence(line, at)
        case "attachment":
            return _attachment_evidence(line, at)
        case _:
            return []


def _user_evidence(line: Line, at: float) -> list[Evidence]:
    results: list[Evidence] = [
        ToolResultLine(at, tool_use_id=_text(block, "tool_use_id"), is_error=bool(block.get("is_error")))
        for block in _blocks(line)
        if block.get("type") == "tool_result"
    ]
    text = _said(line)
    if text.startswith(INTERRUPTED):
        is_of_reply = bool(_text(line, "interruptedMessageId"))
        return [*results, InterruptMarked(at, for_tool_use=text.startswith(FOR_TOOL_USE), is_of_reply=is_of_reply)]
    if line.get("isMeta") or results or not text:
        return results
    prompt_source = _text(line, "promptSource") or "typed"
    return [UserLine(at, prompt_id=_text(line, "promptId"), prompt_source=prompt_source, text=text)]


def _assistant_evidence(line: Line, at: float) -> Evidence:
    uses = [_text(block, "id") for block in _blocks(line) if block.get("type") == "tool_use"]
    failed = _text(line, "error") or "error" if line.get("isApiErrorMessage") else ""
    return AssistantLine(at, text=_said(line), tool_use_ids=tuple(uses), error=failed)


def _queue_evidence(line: Line, at: float) -> list[Evidence]:
    content = _text(line, "content")
    match line.get("operation"):
        case "enqueue":
            return [Enqueued(at, content)]
        case "dequeue":
            return [Dequeued(at)]
        case "remove" if line.get("reason") == "absorbed_mid_turn":
            return [Absorbed(at, content)]
        case "popAll":
            return [TakenBack(at, content)]
        case _:
            return []


def _attachment_evidence(line: Line, at: float) -> list[Evidence]:
    attachment = line.get("attachment")
    if not isinstance(attachment, Mapping):
        return []
    match attachment.get("type"):
        case "hook_permission_decision":
            tool_use_id, decision = _text(attachment, "toolUseID"), _text(attachment, "decision")
            return [PermissionDecided(at, tool_use_id=tool_use_id, decision=decision)]
        case "queued_command":
            prompt = attachment.get("prompt")
            text = prompt if isinstance(prompt, str) else _joined(prompt)
            return [Absorbed(at, text)]
        case _:
            return []


# The conversation


def entries(line: Line) -> list[TranscriptEntry]:
    """Return what a line adds to the conversation that people read."""
    at = time_of(line)
    match line.get("type"):
        case "user" if not line.get("isMeta"):
            return list(_user_entries(line, at))
        case "assistant":
            return list(_assistant_entries(line, at))
        case "system" if line.get("content"):
            return [TranscriptEntry(kind="system", at=at, text=_text(line, "content"))]
        case "attachment" if _absorbed(line):
            return [TranscriptEntry(kind="prompt", at=at, text=_absorbed(line))]
        case _:
            return []


def _absorbed(line: Line) -> str:
    return next((each.text for each in _attachment_evidence(line, 0) if isinstance(each, Absorbed)), "")


def _user_entries(line: Line, at: float) -> Iterator[TranscriptEntry]:
    agent_id = _text(line, "agentId") or None
    for block in _blocks(line):
        if block.get("type") == "tool_result":
            yield TranscriptEntry(
                kind="result",
                at=at,
                text=_joined(block.get("content"))[:RESULT_CHARACTERS],
                tool_use_id=_text(block, "tool_use_id"),
                is_error=bool(block.get("is_error")),
                agent_id=agent_id,
            )
    if text := _said(line):
        kind = "system" if line.get("promptSource") == "system" or text.startswith(INTERRUPTED) else "prompt"
        yield TranscriptEntry(kind=kind, at=at, text=text, agent_id=agent_id)


def _assistant_entries(line: Line, at: float) -> Iterator[TranscriptEntry]:
    agent_id = _text(line, "agentId") or None
    for block in _blocks(line):
        match block.get("type"):
            case "text":
                yield TranscriptEntry(kind="text", at=at, text=_text(block, "text"), agent_id=agent_id)
            case "thinking":
                yield TranscriptEntry(kind="thinking", at=at, text=_text(block, "thinking"), agent_id=agent_id)
            case "tool_use":
                tool_input = block.get("input")
                yield TranscriptEntry(
                    kind="tool",
                    at=at,
                    tool_name=_text(block, "name"),
                    tool_input=tool_input if isinstance(tool_input, Mapping) else {},
                    tool_use_id=_text(block, "id"),
                    agent_id=agent_id,
                )


def _blocks(line: Line) -> list[Mapping[str, Any]]:
    message = line.get("message")
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content if isinstance(block, Mapping)] if isinstance(content, list) else []


def _said(line: Line) -> str:
    return "".join(_text(block, "text") for block in _blocks(line) if block.get("type") == "text")


def _joined(content: Any) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(_text(block, "text") for block in blocks if isinstance(block, Mapping))


def _text(mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""
