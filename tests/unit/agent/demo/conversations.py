"""Conversations as Claude Code sends them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from agent.demo.messages import Request
from agent.demo.reply import Memory, Reply, ToolUse, reply_to
from agent.demo.streaming import Player

TOOLS = ("Agent", "AskUserQuestion", "Bash", "ExitPlanMode", "Write")


def user(*texts: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text} for text in texts]}


def said(*texts: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "text", "text": text} for text in texts]}


def called(reply: Reply) -> dict[str, Any]:
    """Return the message of the model that a reply's calls become."""
    calls = [act for act in reply.acts if isinstance(act, ToolUse)]
    return {
        "role": "assistant",
        "content": [
            {"type": "tool_use", "id": call.tool_use_id, "name": call.name, "input": call.input} for call in calls
        ],
    }


def results(reply: Reply, *texts: str, is_error: bool = False) -> dict[str, Any]:
    """Return the results of a reply's calls, with texts behind them."""
    calls = [act for act in reply.acts if isinstance(act, ToolUse)]
    blocks: list[dict[str, Any]] = [
        {"type": "tool_result", "tool_use_id": call.tool_use_id, "content": "ok", "is_error": is_error}
        for call in calls
    ]
    return {"role": "user", "content": [*blocks, *({"type": "text", "text": text} for text in texts)]}


def request(*messages: dict[str, Any], session: str = "s", tools: Sequence[str] = TOOLS, **more: Any) -> Request:
    body = {"model": "claude-test", "messages": list(messages), "tools": [{"name": name} for name in tools], **more}
    return Request.read(json.dumps(body).encode(), {"x-claude-code-session-id": session})


def reply(*messages: dict[str, Any], memory: Memory | None = None, **more: Any) -> Reply:
    return reply_to(request(*messages, **more), memory or Memory())


def play(one: Reply) -> list[dict[str, Any]]:
    """Return the events of a reply's stream."""

    async def collect() -> list[bytes]:
        player = Player(request(user("x")), one, lambda _fault: None)
        return [event async for event in player.events()]

    return [parse(event) for event in asyncio.run(collect())]


def parse(event: bytes) -> dict[str, Any]:
    """Parse one event, and check its frame."""
    name, data, *rest = event.decode().split("\n")
    assert rest == ["", ""]
    document: dict[str, Any] = json.loads(data.removeprefix("data: "))
    assert name == f"event: {document['type']}"
    return document
