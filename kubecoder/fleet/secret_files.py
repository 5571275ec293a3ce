"""The files in `secrets/`: read, checked for who else can read them, merged."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from kubecoder.errors import ConfigError, Problem
from kubecoder.fleet import documents
from kubecoder.fleet.documents import Document
from kubecoder.fleet.legacy import Keys
from kubecoder.fleet.notices import Notice
from kubecoder.fleet.problems import Layers, problems_of
from kubecoder.fleet.sources import DEFAULTS, SECRETS
from kubecoder.models.merge import find, merge_values
from kubecoder.models.secrets import ClaudeSecrets, GithubAppSecrets, OAuth2Secrets, Secrets

OTHERS_MAY_READ = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Part:
    """One kind of secrets: the file that holds it and the place in that file."""

    file: str
    root: Keys
    model: type[BaseModel]
    is_required: bool = False

    @property
    def field(self) -> str:
        """The attribute of `Secrets`."""
        return self.file.replace("-", "_")


OAUTH2 = Part("oauth2", ("oauth2",), OAuth2Secrets, is_required=True)
CLAUDE = Part("claude", ("claude",), ClaudeSecrets)
PARTS = (
    OAUTH2,
    CLAUDE,
    Part("github-app", ("github", "app"), GithubAppSecrets),
)
FILES = tuple(f"{part.file}.yaml" for part in PARTS)


@dataclass(frozen=True)
class Folder:
    """The secrets files of one user, or the ones for all.

    Attributes:
        documents: By the file's name without `.yaml`.
        broken: The names of files that can't be read.
    """

    path: Path
    documents: dict[str, Document] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Kept:
    """What the secrets files say for one user.

    Attributes:
        secrets: Every part that is there and valid.
        merged: The same as plain values, to make digests of.
        files: Where each part comes from, the user's own file first.
        problems: What is wrong with the others.
    """

    secrets: Secrets
    merged: dict[str, Any]
    files: dict[str, tuple[Path, ...]]
    problems: tuple[Problem, ...]


class SecretFiles:
    """Reads secrets user by user; what only the defaults say is checked once.

    Args:
        directory: The fleet's folder.
    """

    def __init__(self, directory: Path) -> None:
        self._root = directory / SECRETS
        self._names = _subfolders(self._root)
        self._defaults = self._read(DEFAULTS)
        self._shared: Kept | None = None

    def of(self, name: str) -> Kept:
        """Read and check the secrets of one user, merged over those for all."""
        if name in self._names:
            return _keep(self._read(name), self._defaults)
        if self._shared is None:
            self._shared = _keep(Folder(self._root / DEFAULTS), self._defaults)
        return self._shared

    def notices(self, users: set[str]) -> Iterator[Notice]:
        """Name the folders that belong to nobody.

        Args:
            users: The names of all users.
        """
        for name in sorted(self._names - users - {DEFAULTS}):
            yield Notice(self._root / name, "", "belongs to no user")

    def _read(self, name: str) -> Folder:
        return _read_folder(self._root / name) if name in self._names else Folder(self._root / name)


def _subfolders(root: Path) -> set[str]:
    try:
        return {entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith(".")}
    except OSError:
        # A clone has no secrets; those that are needed are then reported as missing.
        return set()


def _read_folder(path: Path) -> Folder:
    found: dict[str, Document] = {}
    broken: set[str] = set()
    problems: list[Problem] = []
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError as error:
        return Folder(path, problems=(Problem(path, f"can't be read: {error.strerror}"),))
    for entry in entries:
        file = path / entry.name
        if file.suffix not in (".yaml", ".yml") or entry.name.startswith("."):
            continue
        if file.name not in FILES:
            problems.append(Problem(file, "isn't read", advice=f"known here: {', '.join(FILES)}"))
            continue
        try:
            problems += _mode_problems(file)
            found[file.stem] = documents.read(file)
        except ConfigError as error:
            broken.add(file.stem)
            problems += error.problems
    return Folder(path, found, frozenset(broken), tuple(problems))


def _mode_problems(file: Path) -> Iterator[Problem]:
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError:
        return  # Reading it says why.
    if mode & OTHERS_MAY_READ:
        yield Problem(file, f"can be read by others (mode {mode:04o})", advice=f"chmod 600 {file}")


def _keep(own: Folder, defaults: Folder) -> Kept:
    values: dict[str, BaseModel] = {}
    merged: dict[str, Any] = {}
    files: dict[str, tuple[Path, ...]] = {}
    problems = [*defaults.problems, *own.problems]
    for part in PARTS:
        if part.file in own.broken or part.file in defaults.broken:
            continue
        layers = [folder.documents[part.file] for folder in (own, defaults) if part.file in folder.documents]
        structure = [problem for document in layers for problem in _structure_problems(part, document)]
        problems += structure
        section = _merge(part, layers)
        if section is None:
            if part.is_required and not structure:
                problems.append(_no_client(layers, defaults))
            continue
        try:
            values[part.field] = part.model.model_validate(section)
            merged[part.field] = section
            files[part.field] = tuple(document.path for document in layers)
        except ValidationError as error:
            problems += problems_of(error, part.model, Layers(layers, root=part.root))
    return Kept(Secrets.model_validate(values), merged, files, tuple(problems))


def _merge(part: Part, layers: list[Document]) -> dict[str, Any] | None:
    merged: dict[str, Any] = {}
    for document in reversed(layers):
        merged = merge_values(merged, document.data)
    section = find(merged, part.root)
    return dict(section) if isinstance(section, Mapping) else None


def _structure_problems(part: Part, document: Document) -> Iterator[Problem]:
    """Check the keys above a file's secrets; null says that the defaults' don't count."""
    value: Any = document.data
    for depth, key in enumerate(part.root):
        above = part.root[:depth]
        for other in value:
            if other != key:
                yield document.problem((*above, other), "unknown key", f"known here: {key}")
        if key not in value:
            yield document.problem((*above, key), "is missing", "or remove the file")
            return
        value = value[key]
        if value is None:
            return
        if not isinstance(value, Mapping):
            yield document.problem((*above, key), "must be a map")
            return


def _no_client(layers: list[Document], defaults: Folder) -> Problem:
    """Say that nobody can sign in; where all users lack it, that is one problem."""
    message = "is missing; without a GitHub OAuth App nobody can sign in"
    advice = "`kubecoder init --oauth-client-id ID --oauth-client-secret-file FILE` writes it"
    if layers:
        return layers[0].problem(("oauth2",), message, advice)
    return Problem(defaults.path / "oauth2.yaml", message, advice=advice)
