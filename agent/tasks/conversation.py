"""The conversation of a task, out of Claude's transcript."""

from __future__ import annotations

from pathlib import Path

from agent.claude import transcript
from agent.models import TranscriptEntry


def entries(configuration: Path, session_id: str) -> tuple[TranscriptEntry, ...]:
    """Read a whole conversation; empty when it has none yet. Blocks."""
    found = transcript.find(configuration, session_id)
    if found is None:
        return ()
    return tuple(entry for line in transcript.Tail(found).read_all() for entry in transcript.entries(line))
