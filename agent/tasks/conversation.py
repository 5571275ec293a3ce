"""The conversation of a task, out of Claude's transcript."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from agent.claude import transcript
from agent.claude.subagents import Subagents
from agent.models import TranscriptEntry


def entries(configuration: Path, session_id: str) -> tuple[TranscriptEntry, ...]:
    """Read a whole conversation, what its subagents say included; empty when it has none yet. Blocks."""
    found = transcript.find(configuration, session_id)
    if found is None:
        return ()
    lines = chain(transcript.Tail(found).read_all(), Subagents(found).read())
    return tuple(sorted((entry for line in lines for entry in transcript.entries(line)), key=lambda entry: entry.at))
