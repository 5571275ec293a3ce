"""What the model does without a script: it says what it is, and shows how a permission is asked for."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.demo.messages import Reply, Request, Result
from agent.demo.script import MARK

NOTED = "Noted."
COMMAND = "echo 'Hello from kubecoder' >> hello.txt"
WORDS_PER_SECOND = 25
INTRODUCTION = (
    "I am kubecoder's scripted model, not Claude: no AI answers here, and nothing leaves this machine. "
    "The Claude Code that you see is the real one.\n\n"
    "I will write a file, hello.txt. Claude Code asks you first: answer here in the terminal, on the dashboard "
    "or by the API, whoever is first."
)
EXAMPLE = '[[script: ["Hi.", {"bash": "date > now.txt"}, "Done."]]]'
WRITTEN = (
    "hello.txt is written, because you allowed it. That is all that I do by myself. "
    f"A script in a prompt makes me do more, for example: {EXAMPLE}"
)
DENIED = "You said no, so hello.txt is not written."
FAILED = "The command failed, so hello.txt is not written."
FURTHER = (
    "This is still kubecoder's scripted model, not Claude. Your message has arrived, %d characters of it. "
    f"A script in it makes me do something, for example: {EXAMPLE}"
)
UNKNOWN_TITLE = "Scripted demonstration"
_CALL_ID = "toolu_demonstration_"
_TITLE_WORDS = 6


@dataclass(frozen=True, slots=True)
class Answer:
    """Text at `rate` words a second, and a call as (id, tool's name, input)."""

    text: str
    call: tuple[str, str, Mapping[str, Any]] | None = None
    rate: float | None = WORDS_PER_SECOND


def answer(request: Request, *, is_first: bool, asked: bool) -> Answer | None:
    """Return the next piece of the demonstration, or None when it isn't its turn."""
    replies = [item for item in request.conversation if isinstance(item, Reply)]
    if not asked:
        calls = replies[-1].calls if replies else ()
        return _outcome(request) if any(call_id.startswith(_CALL_ID) for call_id, _ in calls) else None
    if not request.new_prompts:
        return Answer(NOTED)
    text = request.new_prompts[-1].text
    if is_first and "Bash" in request.tools:
        call_id = f"{_CALL_ID}{secrets.token_hex(8)}"
        return Answer(INTRODUCTION, (call_id, "Bash", {"command": COMMAND, "description": "Write hello.txt"}))
    return Answer(FURTHER % len(text))


def title(request: Request) -> str:
    """Return a title of the session in the JSON that is wanted, or as text."""
    text = request.last_text.partition("<session>")[2].partition("</session>")[0]
    words = MARK.split(text)[0].split()[:_TITLE_WORDS]
    schema = (request.body.get("output_config") or {}).get("format", {}).get("schema", {})
    names = list(schema.get("properties", {})) or ["title"]
    return json.dumps(dict.fromkeys(names, " ".join(words) or UNKNOWN_TITLE))


def _outcome(request: Request) -> Answer:
    result = [item for item in request.conversation if isinstance(item, Result)][-1]
    if not result.is_error:
        return Answer(WRITTEN)
    return Answer(FAILED if result.text.startswith("Exit code") else DENIED)
