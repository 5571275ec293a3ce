"""`patches:` of a user file, applied to the rendered objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from kubecoder.errors import ConfigError, Problem
from kubecoder.models.manifest import Manifest
from kubecoder.models.merge import apply_patch
from kubecoder.models.sections import Patch
from kubecoder.render.templates import Sourced


def patched(rendered: Iterable[Sourced], patches: Sequence[Patch], *, name: str, file: Path) -> list[Sourced]:
    """Apply patches in their order.

    Args:
        rendered: The workspace's objects.
        patches: Each names a kind and perhaps an object, in full (`ws-john-door`) or by its part (`door`).
        name: The prefix of the workspace's object names.
        file: The user file, for error messages.

    Raises:
        ConfigError: With all patches that match no object.
    """
    objects = list(rendered)
    problems = []
    for index, patch in enumerate(patches):
        matches = [place for place, entry in enumerate(objects) if _matches(patch, entry.manifest, name)]
        if not matches:
            problems.append(_unmatched(index, patch, objects, file))
        for place in matches:
            source, manifest = objects[place]
            objects[place] = Sourced(source, apply_patch(manifest, patch.merge))
    if problems:
        raise ConfigError.from_problems(problems)
    return objects


def _matches(patch: Patch, manifest: Manifest, prefix: str) -> bool:
    name = manifest["metadata"]["name"]
    return manifest["kind"] == patch.kind and patch.name in (None, name, name.removeprefix(f"{prefix}-"))


def _unmatched(index: int, patch: Patch, objects: Iterable[Sourced], file: Path) -> Problem:
    same_kind = sorted(entry.manifest["metadata"]["name"] for entry in objects if entry.manifest["kind"] == patch.kind)
    kinds = sorted({entry.manifest["kind"] for entry in objects})
    what = f"{patch.kind} {patch.name}" if patch.name else patch.kind
    advice = f"one of {', '.join(same_kind or kinds)}"
    return Problem(file, f"the workspace has no {what}", key=f"patches[{index}]", advice=advice)
