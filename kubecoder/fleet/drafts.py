"""One user's values, merged over the defaults and checked by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kubecoder.errors import Problem
from kubecoder.fleet import legacy
from kubecoder.fleet.documents import Document
from kubecoder.fleet.legacy import Cleaned
from kubecoder.fleet.notices import Notice
from kubecoder.fleet.problems import Layers, problems_of
from kubecoder.fleet.sources import DEFAULTS
from kubecoder.models import names
from kubecoder.models.manifest import digest
from kubecoder.models.merge import find, merge_values
from kubecoder.models.sections import Resources
from kubecoder.models.user import UserFile

# Keys that speak of the fleet as a whole, and keys that can't be the same for two users.
FLEET_KEYS = ("fleetId", "context", "domain", "letsEncrypt")
PERSONAL_KEYS = (("user", "name"), ("user", "host"))

# What lies below `_defaults.yaml`, so that giving one limit keeps the others and null takes one away.
BUILT_IN: dict[str, Any] = {"user": {}, "oauth2": {}, "resources": Resources().model_dump()}

# Stands for a user where the fleet has none, so that `_defaults.yaml` is checked all the same.
_PROBE: dict[str, Any] = {
    "user": {"name": "probe", "host": "probe.example.com"},
    "oauth2": {"githubUsers": "probe"},
    "image": {"tag": "0"},
}


@dataclass(frozen=True)
class Draft:
    """One user's values, whether they are valid or not.

    Attributes:
        name: The name that the file has.
        merged: The values over the defaults.
        layers: Where they came from.
        user: The same, checked; None if they aren't valid.
        problems: What is wrong with them.
        notices: What the user should know about them.
    """

    name: str
    path: Path
    merged: dict[str, Any]
    layers: Layers
    user: UserFile | None
    problems: tuple[Problem, ...]
    notices: tuple[Notice, ...]

    def find(self, *keys: str) -> Any:
        """Return the value at a place, or None."""
        return find(self.merged, keys)


@dataclass(frozen=True)
class Defaults:
    """`_defaults.yaml` over the built-in values.

    Attributes:
        cleaned: The file.
        values: What lies below every user's values.
        problems: What is wrong with the file by itself.
    """

    cleaned: Cleaned
    values: dict[str, Any]
    problems: tuple[Problem, ...]


def read_defaults(document: Document) -> Defaults:
    """Prepare `_defaults.yaml` for merging."""
    cleaned = legacy.clean(document, DEFAULTS)
    misplaced = [
        document.problem(keys, "is each user's own", "move it to the user's file")
        for keys in PERSONAL_KEYS
        if document.depth(keys) == len(keys)
    ]
    return Defaults(cleaned, merge_values(BUILT_IN, cleaned.data), (*cleaned.problems, *misplaced))


def draft(name: str, document: Document, defaults: Defaults) -> Draft:
    """Merge one user's file over the defaults and check the result."""
    cleaned = legacy.clean(document, name)
    merged = merge_values(defaults.values, cleaned.data)
    _derive_host(merged, name)
    layers = Layers((document, defaults.cleaned.document), merged=merged, shared=FLEET_KEYS)
    problems = [*cleaned.problems, *_misplaced(cleaned), *_misnamed(name, merged, layers)]
    user = None
    try:
        user = UserFile.model_validate(merged)
    except ValidationError as error:
        problems += problems_of(error, UserFile, layers)
    return Draft(name, document.path, merged, layers, user, tuple(problems), cleaned.notices)


def probe(document: Document, defaults: Defaults) -> Draft:
    """Check `_defaults.yaml` below a user who says nothing."""
    values = merge_values(_PROBE, defaults.values)
    return draft("probe", Document(document.path, "", {}), replace(defaults, values=values))


def _derive_host(merged: dict[str, Any], name: str) -> None:
    """Give a user without a host `<name>.<domain>`."""
    user, domain = merged.get("user"), merged.get("domain")
    if isinstance(user, dict) and "host" not in user and isinstance(domain, str):
        # A name that is no label is told as such, not once more as a bad host.
        label = name if re.fullmatch(names.LABEL, name) else digest(name)
        merged["user"] = {**user, "host": f"{label}.{domain}"}


def _misplaced(cleaned: Cleaned) -> Iterator[Problem]:
    for key in FLEET_KEYS:
        if key in cleaned.data:
            yield cleaned.document.problem((key,), "belongs to the whole fleet", f"move it to {DEFAULTS}.yaml")


def _misnamed(name: str, merged: dict[str, Any], layers: Layers) -> Iterator[Problem]:
    written = find(merged, ("user", "name"))
    if isinstance(written, str) and written != name:
        yield layers.problem(("user", "name"), f"is {written!r}, but the file is {name}.yaml", f"write {name}")
