"""Folders below the home, for a field that completes what is typed."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

SHOWN = 50
LOOKED_AT = 5000


def completions(home: Path, start: str) -> tuple[str, ...]:
    """Return the folders whose path below the home begins with `start`, each with a slash; none where it leads out."""
    parent, _, name = start.rpartition("/")
    try:
        directory = (home / parent).resolve(strict=True)
        if start.startswith("/") or not directory.is_relative_to(home.resolve()):
            return ()
        with os.scandir(directory) as entries:
            names = [each.name for each in islice(entries, LOOKED_AT) if each.name.startswith(name) and each.is_dir()]
    except (OSError, ValueError):
        return ()
    wanted = sorted(each for each in names if _is_text(each) and (name or not each.startswith(".")))
    return tuple(f"{parent}/{each}/" if parent else f"{each}/" for each in wanted[:SHOWN])


def _is_text(name: str) -> bool:
    """Tell whether a name can be sent: what isn't UTF-8 on the disk can't."""
    return name.isprintable() and not any("\ud800" <= character <= "\udfff" for character in name)
