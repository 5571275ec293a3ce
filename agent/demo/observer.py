"""What the model saw and when, one JSON line an event, for tests that compare it with what others report.

A request is written when it has been read (`request`), when its first byte goes out (`began`), and when
it is over (`ended`, with how: complete, error, reset, or `left` when Claude Code hung up). `at` is Unix seconds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any, Literal, TextIO

from agent.demo.messages import Prompt, Request, digest
from agent.demo.reply import Reply

How = Literal["complete", "error", "reset", "left"]


class Observer:
    """Writes the log; without a file it does nothing."""

    def __init__(self, path: Path | None = None) -> None:
        self._file: TextIO | None = path.open("a", buffering=1) if path else None
        self._numbers = count(1)

    def request(self, request: Request, reply: Reply) -> int:
        """Log a request and what will be answered; the number that is returned joins its lines.

        `prompts` is what was put to the model since it last said something, unchanged, and `history` names every
        prompt of the conversation by its digest, so that a test finds a text that came twice or not at all.
        """
        number = next(self._numbers)
        self._write(
            "request",
            number,
            session_id=request.session_id,
            kind=request.kind.value,
            model=request.model,
            stream=request.streams,
            prompts=[{"text": prompt.text, "queued": prompt.queued} for prompt in request.new_prompts],
            history=[digest(item.text) for item in request.conversation if isinstance(item, Prompt)],
            steps=reply.steps or [],
        )
        return number

    def began(self, number: int) -> None:
        """Log the first byte."""
        self._write("began", number)

    def ended(self, number: int, how: How, *, status: int = 200, usage: dict[str, int] | None = None) -> None:
        """Log the end, and the usage that was told."""
        self._write("ended", number, how=how, status=status, usage=usage)

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

    def _write(self, event: str, number: int, **fields: Any) -> None:
        if self._file:
            line = {"event": event, "number": number, "at": time.time(), **fields}
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a log that may still be written."""
    *whole, _rest = path.read_text().split("\n")
    return [json.loads(line) for line in whole]


def prompts(entries: Iterable[dict[str, Any]]) -> list[str]:
    """Return every text that was put to the model in a turn, in order; a request that was sent again counts once."""
    seen: set[str] = set()
    texts: list[str] = []
    for entry in entries:
        if entry["event"] != "request" or entry["kind"] != "turn":
            continue
        key = json.dumps([entry["session_id"], entry["history"]])
        if key not in seen:
            seen.add(key)
            texts += [prompt["text"] for prompt in entry["prompts"]]
    return texts
