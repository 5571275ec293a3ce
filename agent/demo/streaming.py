"""The public streaming format of the Messages API: a reply as server-sent events, or as one JSON object."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.demo.messages import Request, tokens_of
from agent.demo.reply import Act, Broken, Nothing, Pause, Reply, Reset, Text, Thinking, ToolUse

PING_SECONDS = 5.0
CHUNK_CHARACTERS = 400
_WORD = re.compile(r"\S*\s*")


class ConnectionResetWanted(Exception):  # noqa: N818 - it is a wish of the script
    """The script wants the connection reset here."""


class StreamBroken(Exception):  # noqa: N818 - it is a wish of the script
    """The script wants an error where there is no stream to put it into."""

    def __init__(self, broken: Broken) -> None:
        super().__init__(broken.type)
        self.broken = broken


def frame(event: Mapping[str, Any]) -> bytes:
    """Write one server-sent event, named by its type."""
    return f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


@dataclass
class Usage:
    """The tokens of one answer, estimated by length."""

    cached: int
    fresh: int
    output: int = 0

    def add(self, content: Any) -> None:
        """Count a piece of output."""
        self.output += tokens_of(content)

    def document(self, *, output: int | None = None) -> dict[str, int]:
        """Return it as the API does; the three kinds of input add up."""
        return {
            "input_tokens": min(self.fresh, 4),
            "cache_creation_input_tokens": max(self.fresh - 4, 0),
            "cache_read_input_tokens": self.cached,
            "output_tokens": self.output if output is None else output,
        }


@dataclass
class Player:
    """Plays one reply.

    Attributes:
        happened: Is told each fault as it happens.
    """

    request: Request
    reply: Reply
    happened: Callable[[str], None]
    message_id: str = field(default_factory=lambda: f"msg_{secrets.token_hex(12)}")
    usage: Usage = field(init=False)

    def __post_init__(self) -> None:
        self.usage = Usage(*self.request.tokens)

    async def events(self) -> AsyncIterator[bytes]:
        """Yield the stream's events, each at its time.

        Raises:
            ConnectionResetWanted: The stream ends here without an end.
        """
        yield frame({"type": "message_start", "message": self._message([], None, self.usage.document(output=1))})
        index = -1
        open_block = False
        for act in self.reply.acts:
            if open_block and not isinstance(act, Nothing | Broken | Reset):
                yield frame({"type": "content_block_stop", "index": index})
                open_block = False
            if isinstance(act, Text | Thinking | ToolUse):
                index += 1
                open_block = True
                async for event in self._block(act, index):
                    yield frame(event)
            elif isinstance(act, Broken):
                self.happened(act.fault)
                yield frame({"type": "error", "error": {"type": act.type, "message": act.message}})
                return
            else:
                async for event in self._pass_time(act):
                    yield frame(event)
        if open_block:
            yield frame({"type": "content_block_stop", "index": index})
        delta = {"stop_reason": self.reply.stop_reason, "stop_sequence": None}
        yield frame({"type": "message_delta", "delta": delta, "usage": self.usage.document()})
        yield frame({"type": "message_stop"})

    async def message(self) -> dict[str, Any]:
        """Return the whole reply as one object, after the time that it takes.

        Raises:
            ConnectionResetWanted: There is to be no answer.
            StreamBroken: There is to be an error.
        """
        content: list[dict[str, Any]] = []
        for act in self.reply.acts:
            if isinstance(act, Text | Thinking | ToolUse):
                async for _event in self._block(act, len(content)):
                    pass
                content.append(_whole(act))
            elif isinstance(act, Broken):
                self.happened(act.fault)
                raise StreamBroken(act)
            else:
                async for _event in self._pass_time(act):
                    pass
        return self._message(content, self.reply.stop_reason, self.usage.document())

    def _message(self, content: list[Any], stop_reason: str | None, usage: Mapping[str, int]) -> dict[str, Any]:
        return {
            "id": self.message_id,
            "type": "message",
            "role": "assistant",
            "model": self.request.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "usage": usage,
        }

    async def _pass_time(self, act: Act) -> AsyncIterator[dict[str, Any]]:
        match act:
            case Pause(seconds=seconds):
                while seconds > 0:
                    yield {"type": "ping"}
                    await asyncio.sleep(min(seconds, PING_SECONDS))
                    seconds -= PING_SECONDS
            case Nothing():
                self.happened(act.fault)
                await asyncio.sleep(act.seconds)
            case Reset():
                self.happened(act.fault)
                raise ConnectionResetWanted

    async def _block(self, act: Text | Thinking | ToolUse, index: int) -> AsyncIterator[dict[str, Any]]:
        yield {"type": "content_block_start", "index": index, "content_block": _empty(act)}
        clock = asyncio.get_running_loop().time
        due = clock()
        for delta in _deltas(act):
            if not isinstance(act, ToolUse) and act.rate:
                due += 1 / act.rate
                await asyncio.sleep(max(0.0, due - clock()))
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        self.usage.add(_whole(act))


def _empty(act: Text | Thinking | ToolUse) -> dict[str, Any]:
    match act:
        case Text():
            return {"type": "text", "text": ""}
        case Thinking():
            return {"type": "thinking", "thinking": "", "signature": ""}
        case ToolUse():
            return {"type": "tool_use", "id": act.tool_use_id, "name": act.name, "input": {}}


def _whole(act: Text | Thinking | ToolUse) -> dict[str, Any]:
    match act:
        case Text():
            return {"type": "text", "text": act.text}
        case Thinking():
            return {"type": "thinking", "thinking": act.text, "signature": "c2NyaXB0ZWQ="}
        case ToolUse():
            return {"type": "tool_use", "id": act.tool_use_id, "name": act.name, "input": act.input}


def _deltas(act: Text | Thinking | ToolUse) -> Iterator[dict[str, Any]]:
    match act:
        case Text():
            for piece in _pieces(act.text, by_word=act.rate is not None):
                yield {"type": "text_delta", "text": piece}
        case Thinking():
            for piece in _pieces(act.text, by_word=act.rate is not None):
                yield {"type": "thinking_delta", "thinking": piece}
            yield {"type": "signature_delta", "signature": _whole(act)["signature"]}
        case ToolUse():
            for piece in _pieces(json.dumps(act.input, ensure_ascii=False), by_word=False):
                yield {"type": "input_json_delta", "partial_json": piece}


def _pieces(text: str, *, by_word: bool) -> Iterator[str]:
    if by_word:
        yield from (word for word in _WORD.findall(text) if word)
    else:
        yield from (text[start : start + CHUNK_CHARACTERS] for start in range(0, len(text), CHUNK_CHARACTERS))
