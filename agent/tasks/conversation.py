"""The conversation of a task, out of Claude's transcripts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from agent.claude import transcript
from agent.claude.subagents import Subagents
from agent.claude.transcript import Line, Tail
from agent.claude.usage import UsageCounter
from agent.models import TranscriptEntry, Usage


def entries(configuration: Path, session_id: str) -> tuple[TranscriptEntry, ...]:
    """Read a whole conversation, what its subagents say included; empty when it has none yet. Blocks."""
    found = transcript.find(configuration, session_id)
    if found is None:
        return ()
    lines = chain(Tail(found).read_all(), Subagents(found).read())
    return tuple(sorted((entry for line in lines for entry in transcript.entries(line)), key=lambda entry: entry.at))


class Conversation:
    """A conversation that goes on: its transcript and its subagents', read as they grow, and what it used.

    Args:
        configuration: Claude's configuration folder.
        session_id: Claude's id of it.
    """

    def __init__(self, configuration: Path, session_id: str) -> None:
        self.session_id = session_id
        self._configuration = configuration
        self._tail: Tail | None = None
        self._subagents: Subagents | None = None
        self._left: list[Tail] = []
        self._usage = UsageCounter()

    @property
    def usage(self) -> Usage:
        """Tokens of the whole conversation so far, of the one before `/clear` too."""
        return self._usage.usage()

    def switch(self, session_id: str) -> None:
        """Go on with another transcript after `/clear`, which keeps the process and changes the id."""
        self.session_id = session_id
        if self._tail is not None:
            self._left.append(self._tail)
        self._tail = self._subagents = None

    def read(self) -> Iterator[Line]:
        """Yield new lines of the transcript, a bounded part of many. Blocks for a moment."""
        self._find()
        if self._tail is not None and self._tail.has_news():
            yield from self._counted(self._tail.read())

    def read_all(self) -> Iterator[Line]:
        """Yield new lines of the transcript up to its end. Blocks."""
        self._find()
        if self._tail is not None:
            yield from self._counted(self._tail.read_all())

    def read_beside(self) -> Iterator[Line]:
        """Yield new lines that say nothing of the session: its subagents', and the last before a `/clear`. Blocks."""
        while self._left:
            yield from self._counted(self._left.pop().read_all())
        if self._subagents is not None:
            yield from self._counted(self._subagents.read())

    def _find(self) -> None:
        if self._tail is None and (found := transcript.find(self._configuration, self.session_id)) is not None:
            self._tail = Tail(found)
            self._subagents = Subagents(found)

    def _counted(self, lines: Iterator[Line] | list[Line]) -> Iterator[Line]:
        for line in lines:
            self._usage.add(line)
            yield line
