"""Keys of the predecessor's values files: what is dropped with a notice, and secrets that stand in the wrong file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kubecoder.errors import Problem
from kubecoder.fleet.documents import Document
from kubecoder.fleet.notices import Notice
from kubecoder.fleet.values import dotted
from kubecoder.models.fields import is_placeholder
from kubecoder.models.merge import find

Keys = tuple[str, ...]

_UNUSED: dict[Keys, str] = {
    ("ssh",): "has no effect: there is no SSH server in a workspace; `kubecoder shell` opens one by Kubernetes",
    ("ingress", "auth"): "has no effect: sign-in is always GitHub's",
}
# Secrets that the predecessor took from any values file, and the file that holds them here.
INLINE_SECRETS: dict[Keys, str] = {
    ("oauth2", "clientId"): "oauth2",
    ("oauth2", "clientSecret"): "oauth2",
    ("oauth2", "cookieSecret"): "oauth2",
    ("claude", "apiKey"): "claude",
    ("github", "app", "appId"): "github-app",
    ("github", "app", "installationId"): "github-app",
    ("github", "app", "privateKey"): "github-app",
}


@dataclass(frozen=True)
class Cleaned:
    """A file without the keys that have no effect.

    Attributes:
        document: Where the values came from; its lines are those of the file.
        data: What is left.
        notices: What was dropped.
        problems: Secrets that stand in the file.
    """

    document: Document
    data: dict[str, Any]
    notices: tuple[Notice, ...] = ()
    problems: tuple[Problem, ...] = ()


def clean(document: Document, owner: str) -> Cleaned:
    """Drop what has no effect from a user's file or from `_defaults.yaml`.

    Args:
        document: The file.
        owner: The folder below `secrets/` where this file's secrets belong.
    """
    dropped = [keys for keys in (*_UNUSED, *INLINE_SECRETS) if document.depth(keys) == len(keys)]
    if not dropped:
        return Cleaned(document, document.data)
    data = document.data
    notices, problems = [], []
    for keys in dropped:
        value = find(document.data, keys)
        if keys in _UNUSED:
            notices.append(Notice(document.path, dotted(keys), _UNUSED[keys]))
        elif is_empty(value):
            file = f"secrets/{owner}/{INLINE_SECRETS[keys]}.yaml"
            notices.append(Notice(document.path, dotted(keys), f"has no effect: secrets are read from {file}"))
        else:
            advice = f"move it to secrets/{owner}/{INLINE_SECRETS[keys]}.yaml, and renew it if git has seen it"
            problems.append(document.problem(keys, "a secret doesn't belong in this file", advice))
        data = without(data, keys)
    return Cleaned(document, data, tuple(notices), tuple(problems))


def is_empty(value: object) -> bool:
    """Tell whether a value says nothing: null, blank, or a placeholder."""
    return value is None or (isinstance(value, str) and (not value.strip() or is_placeholder(value)))


def without(data: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
    """Copy a map without one place; the given one stays as it is."""
    first, *rest = keys
    below = data.get(first)
    if rest and isinstance(below, Mapping):
        return {**data, first: without(below, tuple(rest))}
    return {key: value for key, value in data.items() if key != first}


def leaves(data: Mapping[str, Any], above: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Yield every value that isn't a map, with its place."""
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from leaves(value, (*above, key))
        else:
            yield (*above, key), value
