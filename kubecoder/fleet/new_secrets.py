"""Secrets files that are made or completed; what people wrote in them stays."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kubecoder.errors import ConfigError, UsageError
from kubecoder.fleet import documents, writing
from kubecoder.fleet.documents import Document
from kubecoder.fleet.problems import Layers, problems_of
from kubecoder.fleet.secret_files import Part
from kubecoder.fleet.sources import SECRETS
from kubecoder.fleet.writing import SECRET_MODE, Action, Change
from kubecoder.models.merge import find


def new_cookie_secret() -> str:
    """Make 32 URL-safe characters."""
    return secrets.token_urlsafe(24)


def known(directory: Path, owner: str, part: Part) -> dict[str, Any]:
    """Return what a secrets file says; empty if there is none.

    Raises:
        ConfigError: It can't be read.
    """
    return _section(_document(directory, owner, part), part)


def change(directory: Path, owner: str, part: Part, values: Mapping[str, Any]) -> Change:
    """Plan a secrets file that says these values too.

    Args:
        directory: The fleet's folder.
        owner: A user's name, or `_defaults`.
        part: The kind of secrets.
        values: Keys of the file's section.

    Raises:
        UsageError: The file says something else.
        ConfigError: The file can't be read, or a value can't be right.
    """
    document = _document(directory, owner, part)
    existing = _section(document, part)
    differing = [key for key, value in values.items() if existing.get(key, value) != value]
    if differing:
        raise UsageError(f"{document.path} has another {', '.join(differing)}", hint="edit the file, it is yours")
    _check(document.path, part, values)
    added = {key: value for key, value in values.items() if key not in existing}
    if not added:
        return Change(document.path, Action.unchanged)
    text = writing.with_values(document, part.root, added)
    return Change(document.path, Action.changed if document.text else Action.created, text, SECRET_MODE)


def _check(path: Path, part: Part, values: Mapping[str, Any]) -> None:
    try:
        part.model.model_validate(values)
    except ValidationError as error:
        problems = problems_of(error, part.model, Layers((Document(path, "", {}),), root=part.root))
        # Keys that aren't given may be in the file, or in the one for all users.
        wrong = [replace(p, line=None) for p in problems if p.key.rpartition(".")[2] in values]
        if wrong:
            raise ConfigError("secrets that can't be right; nothing was written", problems=wrong) from error


def _document(directory: Path, owner: str, part: Part) -> Document:
    path = directory / SECRETS / owner / f"{part.file}.yaml"
    return documents.read(path) if path.exists() else Document(path, "", {})


def _section(document: Document, part: Part) -> dict[str, Any]:
    section = find(document.data, part.root)
    if section is not None and not isinstance(section, dict):
        raise ConfigError.from_problems([document.problem(part.root, "must be a map")])
    return section or {}
