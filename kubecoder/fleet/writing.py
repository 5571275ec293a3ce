"""Files of the fleet that are written: whole or not at all, and never more than was said."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from kubecoder.errors import ConfigError
from kubecoder.fleet import documents, values
from kubecoder.fleet.documents import Document
from kubecoder.models.merge import merge_values
from kubecoder.output import yaml_text

PUBLIC_MODE, SECRET_MODE = 0o644, 0o600
_PUBLIC_FOLDER, _SECRET_FOLDER = 0o755, 0o700


class Action(StrEnum):
    """What happens to a file."""

    created = "created"
    changed = "changed"
    unchanged = "unchanged"
    removed = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One file that is to be written.

    Attributes:
        text: What the file will hold; never shown, it may be a secret.
        mode: The file's mode when it is created.
    """

    path: Path
    action: Action
    text: str = ""
    mode: int = PUBLIC_MODE

    def __repr__(self) -> str:
        return f"Change({str(self.path)!r}, {self.action.value})"


def write(changes: Sequence[Change]) -> None:
    """Write files so that a kill leaves each one old or new; all are prepared before the first one appears.

    Raises:
        ConfigError: A file can't be written; those before it in the sequence may have been.
    """
    wanted = [change for change in changes if change.action in (Action.created, Action.changed)]
    prepared: list[tuple[Path, Path]] = []
    try:
        for change in wanted:
            target = Path(os.path.realpath(change.path))
            _make_folder(target.parent, _SECRET_FOLDER if change.mode == SECRET_MODE else _PUBLIC_FOLDER)
            prepared.append((_prepare(change, target), target))
        while prepared:
            temporary, target = prepared[0]
            temporary.replace(target)
            prepared.pop(0)
    except OSError as error:
        raise ConfigError(f"{error.filename or wanted[0].path} can't be written: {error.strerror}") from error
    finally:
        for temporary, _ in prepared:
            temporary.unlink(missing_ok=True)


def with_values(document: Document, keys: Sequence[str], additions: Mapping[str, Any]) -> str:
    """Return a file's text with values added to one of its maps; what people wrote stays as it is where possible."""
    nested: dict[str, Any] = dict(additions)
    for key in reversed(keys):
        nested = {key: nested}
    wanted = merge_values(document.data, nested)
    for text in (_inserted(document, keys, additions), _appended(document, nested)):
        with contextlib.suppress(ConfigError):
            if text and documents.parse(document.path, text).data == wanted:
                return text
    return yaml_text(wanted)


def _make_folder(folder: Path, mode: int) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent, mode)
        folder.mkdir(mode=mode, exist_ok=True)


def _prepare(change: Change, target: Path) -> Path:
    """Write a file beside its place; mkstemp makes it readable by its owner alone."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(change.text)
            file.flush()
            os.fsync(file.fileno())
        if change.mode != SECRET_MODE:
            temporary.chmod(target.stat().st_mode & 0o777 if target.exists() else change.mode & ~_umask())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _inserted(document: Document, keys: Sequence[str], additions: Mapping[str, Any]) -> str | None:
    """Write the values in front of a block map's first key."""
    node = values.compose(document.text)
    for key in keys:
        children = node.value if isinstance(node, yaml.MappingNode) else ()
        node = next((value for name, value in children if name.value == key), None)
    if not isinstance(node, yaml.MappingNode) or node.flow_style or not node.value:
        return None
    first = node.value[0][0].start_mark
    lines = document.text.splitlines(keepends=True)
    block = "".join(f"{' ' * first.column}{line}" for line in yaml_text(dict(additions)).splitlines(keepends=True))
    return "".join([*lines[: first.line], block, *lines[first.line :]])


def _appended(document: Document, nested: Mapping[str, Any]) -> str:
    newline = "" if not document.text or document.text.endswith("\n") else "\n"
    return f"{document.text}{newline}{yaml_text(nested)}"
