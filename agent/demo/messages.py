"""Reading a request of the Messages API: what the conversation holds, in order, and what kind of request it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import Any

_NOTES = re.compile(r"<(system-reminder|local-command-\w+|command-\w+|bash-(?:input|stdout|stderr))>")
"""Begins what Claude Code adds to a conversation by itself and nobody asked the model."""

# 2.1.330 puts each into a text of its own beside the tool's result, 2.1.197 all into one message of the system.
_QUEUED = re.compile(
    r"The user sent a new message while you were working:\n(.*?)\n\n"
    r"(?:This is how Claude Code surfaces|IMPORTANT: After completing your current task)",
    re.DOTALL,
)
# 2.1.197 has it bare, 2.1.330 in a reminder.
_NOTICE = re.compile(r"(<system-reminder>\s*\[SYSTEM NOTIFICATION.*?)?<task-notification>", re.DOTALL)
_INTERRUPTED = "[Request interrupted by user"
_SUMMARY = "This session is being continued from a previous conversation"
_COMPACTION = "Your task is to create a detailed summary of"
_PLAN_FILE = re.compile(r"(/[^\s`'\"]+/plans/[^\s`'\"]+\.md)")
_CHARACTERS_PER_TOKEN = 4


class Kind(StrEnum):
    """What a request wants."""

    TURN = "turn"
    COMPACTION = "compaction"
    TITLE = "title"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text that is put to the model; `queued` when it came in the middle of a turn."""

    text: str
    queued: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """A text that Claude Code added by itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Claude Code tells by itself that background work has ended, and wants an answer."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a compaction left of the conversation before."""

    text: str


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A person stopped the turn here."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a tool call."""

    tool_use_id: str
    is_error: bool
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A message of the model: its text, and the calls in it as (id, tool's name)."""

    text: str
    calls: tuple[tuple[str, str], ...] = ()


Item = Prompt | Note | Notice | Summary | Interrupted | Result | Reply


class RequestError(ValueError):
    """The request isn't one of the Messages API; the text says why."""


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
        body: As it came.
        session_id: Claude Code's own; empty when it doesn't say.
    """

    body: Mapping[str, Any]
    session_id: str = ""

    @classmethod
    def read(cls, body: bytes, headers: Mapping[str, str]) -> Request:
        """Read a request.

        Raises:
            RequestError: It isn't JSON, or lacks a model or messages.
        """
        try:
            document = json.loads(body)
        except ValueError as error:
            raise RequestError(f"the body is not JSON: {error}") from error
        if not isinstance(document, dict) or not isinstance(document.get("model"), str):
            raise RequestError("model: a string is required")
        messages = document.get("messages")
        if not isinstance(messages, list) or not messages or not all(isinstance(entry, dict) for entry in messages):
            raise RequestError("messages: a list of at least one object is required")
        return cls(document, headers.get("x-claude-code-session-id", ""))

    @property
    def model(self) -> str:
        """The model that is wanted."""
        return str(self.body["model"])

    @property
    def streams(self) -> bool:
        """Whether the answer is to be a stream."""
        return self.body.get("stream") is True

    @cached_property
    def tools(self) -> frozenset[str]:
        """The names of the tools that may be called."""
        return frozenset(str(tool.get("name")) for tool in self.body.get("tools") or ())

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """The conversation, flattened."""
        return tuple(item for message in self.body["messages"] for item in _items(message))

    @cached_property
    def kind(self) -> Kind:
        """What the request wants."""
        output = (self.body.get("output_config") or {}).get("format") or {}
        if output.get("type") == "json_schema":
            return Kind.TITLE
        if self.last_text.startswith("CRITICAL:") and _COMPACTION in self.last_text:
            return Kind.COMPACTION
        return Kind.TURN if self.tools else Kind.OTHER

    @cached_property
    def last_text(self) -> str:
        """The last text of the user's side."""
        texts = [text for message in self.body["messages"] if message.get("role") == "user" for text in _texts(message)]
        return texts[-1] if texts else ""

    @cached_property
    def conversation(self) -> tuple[Item, ...]:
        """The items that remain the same when the request is sent again; without a compaction's own instruction."""
        items = [item for item in self.items if not isinstance(item, Note)]
        return tuple(items[:-1] if self.kind is Kind.COMPACTION else items)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """For each item of the conversation, a name of all up to and including it, the same in every request."""
        name = sha256(self.session_id.encode())
        names = []
        for item in self.conversation:
            name.update(repr(item).encode(errors="surrogatepass"))
            names.append(name.hexdigest()[:16])
        return tuple(names)

    @property
    def new_prompts(self) -> tuple[Prompt, ...]:
        """What was put to the model since it last said something."""
        new: list[Prompt] = []
        for item in self.conversation:
            if isinstance(item, Reply):
                new.clear()
            elif isinstance(item, Prompt):
                new.append(item)
        return tuple(new)

    @cached_property
    def plan_file(self) -> str | None:
        """The file into which Claude Code wants the plan, in plan mode."""
        notes = [item.text for item in self.items if isinstance(item, Note)]
        found = next((match for text in reversed(notes) if (match := _PLAN_FILE.search(text))), None)
        return found[1] if found else None

    @cached_property
    def tokens(self) -> tuple[int, int]:
        """About how many tokens are up to the model's last message, which a cache holds, and how many behind it."""
        messages: Sequence[Any] = self.body["messages"]
        last = max((index for index, entry in enumerate(messages) if entry.get("role") == "assistant"), default=-1)
        fixed = tokens_of([self.body.get("system"), self.body.get("tools")])
        if last < 0:
            return 0, fixed + tokens_of(messages)
        return fixed + tokens_of(messages[: last + 1]), tokens_of(messages[last + 1 :])


def tokens_of(content: Any) -> int:
    """Estimate a content's tokens."""
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return max(1, -(-len(text) // _CHARACTERS_PER_TOKEN))


def digest(text: str) -> str:
    """Name a text shortly, so that a log needn't hold it again and again."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def _texts(message: Mapping[str, Any]) -> Iterator[str]:
    content = message.get("content")
    if isinstance(content, str):
        yield content
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict) and block.get("type") == "text":
            yield str(block.get("text", ""))


def _items(message: Mapping[str, Any]) -> Iterator[Item]:
    role, content = message.get("role"), message.get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    blocks = [block for block in blocks or () if isinstance(block, dict)]
    if role == "assistant":
        calls = tuple((str(b.get("id")), str(b.get("name"))) for b in blocks if b.get("type") == "tool_use")
        yield Reply("".join(_texts(message)), calls)
        return
    for block in blocks:
        if block.get("type") == "tool_result":
            text = "\n".join(_texts(block))
            yield Result(str(block.get("tool_use_id")), block.get("is_error") is True, text)
        elif block.get("type") == "text":
            yield from _of_text(str(block.get("text", "")), is_user=role == "user")


def _of_text(text: str, *, is_user: bool) -> Iterator[Item]:
    if queued := _QUEUED.findall(text):
        yield from (Prompt(one, queued=True) for one in queued)
    elif is_user and _NOTICE.match(text):
        yield Notice()
    elif not is_user or _NOTES.match(text):
        yield Note(text)
    elif text.startswith(_INTERRUPTED):
        yield Interrupted()
    elif text.startswith(_SUMMARY):
        yield Summary(text)
    else:
        # Claude Code ends all but the last text of a message with a newline of its own.
        yield Prompt(text.removesuffix("\n"))
