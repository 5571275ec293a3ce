"""A kube-coder `values.yaml`: what of it makes a user here, what moves to `secrets/`, what is dropped and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kubecoder.errors import ConfigError
from kubecoder.fleet import documents
from kubecoder.fleet.documents import Document
from kubecoder.fleet.drafts import BUILT_IN
from kubecoder.fleet.legacy import INLINE_SECRETS, Keys, is_empty, leaves, without
from kubecoder.fleet.problems import Layers, problems_of
from kubecoder.fleet.values import dotted
from kubecoder.models.fields import is_placeholder
from kubecoder.models.merge import find, merge_values
from kubecoder.models.user import UserFile

# What the checks need and an imported file needn't have.
_STAND_IN: dict[str, Any] = {
    **BUILT_IN,
    "fleetId": "imported",
    "user": {"name": "imported", "host": "imported.example.com"},
    "image": {"tag": "0"},
    "oauth2": {"githubUsers": "imported"},
}


@dataclass
class Imported:
    """What values files say about one user.

    Attributes:
        values: What belongs into the user's file.
        secrets: What belongs into secrets files: the file's name without `.yaml`, its keys and their values.
        notices: What was dropped or moved.
    """

    values: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    @property
    def name(self) -> str | None:
        """The user's name, if the files give one."""
        name = find(self.values, ("user", "name"))
        return name if isinstance(name, str) else None


@dataclass(frozen=True)
class _Rule:
    """One place of a values file that isn't taken over as it is."""

    keys: Keys
    reason: str
    applies: Callable[[Any], bool] = lambda _: True


_DROPPED = (
    _Rule(("ssh",), "a workspace has no SSH server; `kubecoder shell` opens one by Kubernetes"),
    _Rule(("ingress", "auth"), "sign-in is always GitHub's"),
    _Rule(("image",), "it is the predecessor's; the fleet's own image is used"),
    _Rule(
        ("build", "mode"),
        "there it meant privileged Docker in Docker; write `build: {mode: buildkit}` or `dind` if it is needed",
        lambda mode: mode == "buildkit",
    ),
)
_ONLY_KANIKO = ("kanikoImage", "pushSecretName", "defaultDestinationRepo")


def read(paths: Sequence[Path]) -> Imported:
    """Read values files and lay later ones over earlier ones, as Helm does.

    Raises:
        ConfigError: One can't be read or holds what kubecoder doesn't know.
    """
    layers = [documents.read(path) for path in paths]
    values: dict[str, Any] = {}
    for document in layers:
        values = merge_values(values, document.data)
    imported = Imported()
    values = _without_dropped(imported, values)
    values = _without_secrets(imported, values)
    imported.values = _without_empty(imported, values)
    user = _check(imported.values, layers)
    if find(imported.values, ("oauth2", "githubUsers")):
        imported.values["oauth2"]["githubUsers"] = list(user.oauth2.github_users)
    return imported


def _without_dropped(imported: Imported, values: dict[str, Any]) -> dict[str, Any]:
    for rule in _DROPPED:
        value = find(values, rule.keys)
        if value is not None and rule.applies(value):
            imported.notices.append(f"{dotted(rule.keys)} is dropped: {rule.reason}")
            values = without(values, rule.keys)
    if find(values, ("build", "mode")) != "kaniko":
        for key in _ONLY_KANIKO:
            if find(values, ("build", key)) is not None:
                imported.notices.append(f"build.{key} is dropped: it has an effect only with `build.mode: kaniko`")
                values = without(values, ("build", key))
    return values


def _without_secrets(imported: Imported, values: dict[str, Any]) -> dict[str, Any]:
    for keys, file in INLINE_SECRETS.items():
        value = find(values, keys)
        if value is None:
            continue
        values = without(values, keys)
        if is_empty(value):
            if value:
                imported.notices.append(f"{dotted(keys)} is dropped: a placeholder")
            continue
        imported.notices.append(f"{dotted(keys)} moves to {file}.yaml")
        imported.secrets.setdefault(file, {})[keys[-1]] = value
    return values


def _without_empty(imported: Imported, values: dict[str, Any]) -> dict[str, Any]:
    """Drop empty defaults of the predecessor's chart, and placeholders."""
    for keys, value in list(leaves(values)):
        if keys == ("user", "env") and isinstance(value, list):
            kept = [entry for entry in value if not _is_blank_variable(entry)]
            values = {**values, "user": {**values["user"], "env": kept}}
        elif is_empty(value):
            if value:
                imported.notices.append(f"{dotted(keys)} is dropped: {value!r} is a placeholder")
            values = without(values, keys)
    return _without_empty_maps(values)


def _without_empty_maps(values: dict[str, Any]) -> dict[str, Any]:
    cleaned = {key: _without_empty_maps(value) if isinstance(value, dict) else value for key, value in values.items()}
    return {key: value for key, value in cleaned.items() if value not in ({}, [])}


def _is_blank_variable(entry: Any) -> bool:
    value = entry.get("value") if isinstance(entry, dict) else None
    return isinstance(value, str) and (not value or is_placeholder(value))


def _check(values: dict[str, Any], layers: Sequence[Document]) -> UserFile:
    try:
        return UserFile.model_validate(merge_values(_STAND_IN, values))
    except ValidationError as error:
        problems = problems_of(error, UserFile, Layers(tuple(reversed(layers)), merged=values))
        raise ConfigError.from_problems(list(problems)) from error
