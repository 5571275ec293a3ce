"""The language of scripts, and finding them in prompts.

A prompt holds a script as `[[script: …]]` around a JSON list of steps, anywhere in its text:

    Make a file. [[script: ["On it.", {"bash": "touch x"}, {"wait": 0.5}, "Done."]]]

JSON on purpose: its white space may be changed and its strings escape what a terminal would swallow, so a script
survives pasting, `<pasted_content>`, queueing, resume and (as its remaining steps, in the summary) compaction.
What comes next is read from the conversation alone: a call's id names its step, so one server serves
any number of tasks and may be restarted at any time.

A step is a text to say, or an object with one of these keys and that step's options:

| step | does |
|---|---|
| `"say": text`, `rate` | says it, `rate` words a second; a bare string is the same |
| `"think": text`, `rate` | thinks it |
| `"tool": name`, `input` | calls a tool and ends the reply; the next step answers its result |
| `"tools": [steps]` | several calls in one reply |
| `"bash": command`, `background`, `description`, `timeout` (ms) | calls Bash |
| `"agent": prompt or list of steps`, `description`, `type`, `background` | calls a subagent, with a script of its own |
| `"ask": question`, `options`, `multi`, `header` | asks the person; or a list of such objects as `ask` |
| `"plan": text` | writes the plan into the file that Claude Code wants, and calls ExitPlanMode |
| `"wait": seconds` | pauses within the reply, with pings |
| `"end": true` | ends the turn; the steps behind it answer the next prompt without a script or notice of Claude Code |
| `"refuse": true` | ends the reply with the stop reason `refusal` |
| `"max_tokens": true` | ends the reply as cut by the limit; the steps behind it continue it |
| `"stall": seconds`, `times` | sends nothing for so long in the middle of a reply |
| `"stream_error": type`, `message`, `times` | ends the reply with an `error` event |
| `"cut": true`, `times` | resets the connection |
| `"error": HTTP status`, `type`, `message`, `retry_after`, `times` | answers with an error |
| `"silent": seconds`, `times` | answers nothing for so long, no headers either |

`error` and `silent` begin a reply. The last five happen `times` (1) times, or `"always"`, and are then passed over:
how often they have, for this very conversation, is what the server keeps in memory, and which turns failed.

Of a prompt's scripts, of messages that were queued together and of those that Claude Code adds to a running turn,
each is played to its end in turn. A new prompt with a script drops what is left of earlier ones; so does an interrupt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from agent.demo.steps import Agent, Error, ScriptError, Silent, Step, Tools, parse

MARK = re.compile(r"\[\[\s*script\b\s*:?\s*", re.IGNORECASE)
_CLOSE = re.compile(r"\s*\]\]")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Script:
    """Steps to play.

    Attributes:
        steps: Checked.
        source: Each step's JSON.
    """

    steps: tuple[Step, ...]
    source: tuple[Any, ...]

    @cached_property
    def key(self) -> str:
        """Names the script in the ids of its calls."""
        return sha256(json.dumps(self.source, sort_keys=True).encode()).hexdigest()[:8]

    @classmethod
    def load(cls, document: Any) -> Script:
        """Make a script of parsed JSON.

        Raises:
            ScriptError: It is broken.
        """
        if not isinstance(document, list):
            raise ScriptError("a script is a JSON list of steps")
        if not document:
            raise ScriptError("the script has no steps")
        steps = tuple(_step(entry, f"step {number}") for number, entry in enumerate(document, start=1))
        for number, (before, step) in enumerate(zip((None, *steps), steps, strict=False), start=1):
            if isinstance(step, Error | Silent) and not _begins_reply(before):
                raise ScriptError(
                    f"step {number}: `{step.verb}` must begin a reply: first, or after a tool call, `end` or another "
                    "of its kind"
                )
        return cls(steps, tuple(document))


def find(text: str) -> Iterator[Script]:
    """Yield a text's scripts; a broken one becomes a script that says what is wrong with it."""
    position = 0
    while mark := MARK.search(text, position):
        try:
            document, position = _decode(text, mark.end())
            yield Script.load(document)
        except (ScriptError, RecursionError) as error:
            position = max(position, mark.end())
            problem = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
            yield Script.load([f"The script in your prompt is broken: {problem}."])


def _decode(text: str, start: int) -> tuple[Any, int]:
    try:
        document, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        after = text[error.pos : error.pos + 20]
        raise ScriptError(f"not JSON at its character {error.pos - start + 1} ({after!r}): {error.msg}") from error
    close = _CLOSE.match(text, end)
    if not close:
        raise ScriptError(f"`]]` is missing behind the list, there is {text[end : end + 20]!r}")
    return document, close.end()


def _begins_reply(before: Step | None) -> bool:
    return before is None or before.calls_tools or before.ends_turn or isinstance(before, Error | Silent)


def _step(entry: Any, where: str) -> Step:
    step = parse(entry, where)
    try:
        _check_inner(step)
    except ScriptError as error:
        raise ScriptError(f"{where}: {error}") from error
    return step


def _check_inner(step: Step) -> None:
    if isinstance(step, Agent) and isinstance(step.agent, list):
        Script.load(step.agent)
    if isinstance(step, Tools):
        for call in step.steps:
            _check_inner(call)
