"""What the user should know about files that are valid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to know about one key of a file."""

    path: Path
    key: str
    text: str


def summarize(notices: Iterable[Notice]) -> tuple[str, ...]:
    """Write each notice once, however many files it is about."""
    paths: dict[tuple[str, str], list[Path]] = {}
    for notice in dict.fromkeys(notices):
        paths.setdefault((notice.key, notice.text), []).append(notice.path)
    return tuple(_line(places, key, text) for (key, text), places in paths.items())


def _line(paths: list[Path], key: str, text: str) -> str:
    others = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]}{others}: {key}: {text}" if key else f"{paths[0]}{others}: {text}"
