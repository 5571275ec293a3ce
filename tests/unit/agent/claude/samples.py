"""What the real Claude Code showed, as `tests/agent/samples` keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[3] / "agent" / "samples"
VERSIONS = ("2.1.330", "2.1.197")


def seen(version: str, scene: str, kind: str) -> list[dict[str, Any]]:
    """Return everything of a kind that was seen in a scene, in order."""
    lines = (SAMPLES / version / "timelines" / f"{scene}.jsonl").read_text().splitlines()
    return [entry["data"] for entry in map(json.loads, lines) if entry["kind"] == kind]


def everything(kind: str) -> Iterator[Any]:
    """Yield everything of a kind in all versions and scenes."""
    for version in VERSIONS:
        for file in sorted((SAMPLES / version / "timelines").iterdir()):
            yield from seen(version, file.stem, kind)


def screen(version: str, name: str) -> str:
    """Return a screen."""
    return (SAMPLES / version / "screens" / f"{name}.txt").read_text()
