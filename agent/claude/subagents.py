"""What the subagents of a conversation say and use: each writes a transcript of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agent.claude.transcript import Line, Tail


class Subagents:
    """Reads the transcripts of all subagents of a conversation as they grow.

    Args:
        transcript: The conversation's own; theirs are in `<session id>/subagents/` beside it.
    """

    def __init__(self, transcript: Path) -> None:
        self._folder = transcript.with_suffix("") / "subagents"
        self._tails: dict[Path, Tail] = {}

    def read(self) -> Iterator[Line]:
        """Yield the lines that were added since the last look. Blocks."""
        for path in sorted(self._folder.glob("agent-*.jsonl")):
            tail = self._tails.setdefault(path, Tail(path))
            if tail.has_news():
                yield from tail.read_all()
