"""Writes samples of what the real Claude Code shows; `python -m tests.agent.sampling` makes all anew."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tests.agent.recording import Recording, Scene, record
from tests.rigs import claude
from tests.rigs.model import running_model

SAMPLES = Path(__file__).parent / "samples"
LONGEST_TEXT = 600
LONGEST_LIST = 12
# Copies of whole requests and lists of tools and skills, which nobody reads; the rest of the transcript is kept.
BULKY = frozenset({"api-request", "api-request-blob", "api-request-shape"})
BULKY_ATTACHMENTS = frozenset({"prompt_snapshot", "skill_listing", "agent_listing_delta", "deferred_tools_delta"})


def write(recording: Recording, directory: Path, target: Path) -> None:
    """Write a recording's scenes as timelines, and its screens."""
    shutil.rmtree(target, ignore_errors=True)
    (target / "timelines").mkdir(parents=True)
    (target / "screens").mkdir()
    for scene in recording.scenes.values():
        lines = [json.dumps(entry, ensure_ascii=False) for entry in _entries(scene)]
        text = "".join(f"{line}\n" for line in lines)
        (target / "timelines" / f"{scene.name}.jsonl").write_text(_scrubbed(text, directory))
        for name, screen in scene.screens.items():
            lines = [line.rstrip() for line in _scrubbed(screen, directory).splitlines()]
            (target / "screens" / f"{name}.txt").write_text("\n".join(lines) + "\n")


def _entries(scene: Scene) -> list[dict[str, Any]]:
    return [
        {"at": round(entry.at, 3), "kind": entry.kind, "data": _shortened(entry.data)}
        for entry in scene.seen
        if not _is_bulky(entry.data)
    ]


def _is_bulky(data: Any) -> bool:
    if not isinstance(data, dict):
        return False
    attachment = data.get("attachment")
    kind = attachment.get("type") if isinstance(attachment, dict) else None
    return data.get("type") in BULKY or kind in BULKY_ATTACHMENTS


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]}…"
    if isinstance(value, list):
        return [_shortened(entry) for entry in value[:LONGEST_LIST]]
    if isinstance(value, dict):
        return {key: _shortened(entry) for key, entry in value.items()}
    return value


def _scrubbed(text: str, directory: Path) -> str:
    """Replace this machine's paths and ports."""
    for folder in ("first", "plan"):
        for path, name in (
            (directory / folder / "project", "/home/dev/project"),
            (directory / folder / "home", "/home/dev"),
        ):
            text = text.replace(str(path), name)
            text = text.replace(re.sub(r"[^A-Za-z0-9]", "-", str(path)), name.replace("/", "-"))
        text = text.replace(str(directory / folder), "/home/dev")
    text = re.sub(r"Linux \d+\.[\w.-]+", "Linux 6.1.0", text)
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:6091", text)


def main() -> None:
    """Record every version anew."""
    for version in claude.VERSIONS:
        with tempfile.TemporaryDirectory(prefix="samples-") as temporary:
            directory = Path(temporary)
            with running_model(directory / "model") as model:
                write(record(version, model, directory), directory, SAMPLES / version)


if __name__ == "__main__":
    main()
