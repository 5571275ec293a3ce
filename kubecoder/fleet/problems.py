"""From pydantic's errors to problems that name file, line, key, what is wrong and what to write."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from kubecoder.errors import Problem
from kubecoder.fleet.documents import Document
from kubecoder.fleet.values import KeyPath, dotted
from kubecoder.models.faults import Fault, InvalidValueError

# What to write for a key that has no default.
_MISSING_ADVICE = {
    "fleetId": "`kubecoder init` writes one; a word of a-z, 0-9 and '-'",
    "user": "a map with `name` and `host`",
    "user.name": "the name of the file without .yaml",
    "user.host": "for example john.dev.company.com, or a `domain` for all in _defaults.yaml",
    "image": "a map with `tag`",
    "image.tag": "the tag of the workspace image, for example 0.1.0",
    "clientId": "the client id of your GitHub OAuth App",
    "clientSecret": "the client secret of your GitHub OAuth App",
    "cookieSecret": "32 letters and digits, such as `openssl rand -hex 16` prints",
    "apiKey": "your Anthropic API key",
    "appId": "the number on the GitHub App's settings page",
    "installationId": "the number at the end of the installation's address",
    "privateKey": "the .pem file that GitHub gave, below `privateKey: |`",
}
_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a map",
    "model_type": "a map",
    "tuple_type": "a list",
}


@dataclass(frozen=True)
class Layers:
    """Files whose values were merged, so that a merged value's place can be found.

    Attributes:
        documents: The top one first; where none has a key, the first is the one to change.
        root: Keys above every place, such as `oauth2` in a secrets file.
        merged: What the files say together.
        shared: Top-level keys that only the last document may have.
    """

    documents: Sequence[Document]
    root: tuple[str, ...] = ()
    merged: Mapping[str, Any] = field(default_factory=dict)
    shared: Collection[str] = ()

    def problem(self, keys: KeyPath, message: str, advice: str = "") -> Problem:
        """Say what is wrong with a merged value, in the file that it came from."""
        documents = self.documents[-1:] if keys and keys[0] in self.shared else self.documents
        places = [(document, self._keys_in(document, (*self.root, *keys))) for document in documents]
        document, own = max(places, key=lambda place: place[0].depth(place[1]))
        return document.problem(own, message, advice)

    def _keys_in(self, document: Document, keys: tuple[str | int, ...]) -> KeyPath:
        """Translate a place in the merged `user.env`, which takes entries from several files, to this file's."""
        if keys[:2] != ("user", "env") or len(keys) <= 2:
            return keys
        entry = self.merged["user"]["env"][keys[2]]
        own = document.data.get("user", {}).get("env", []) if document.depth(keys[:2]) == 2 else []
        index = next((index for index, candidate in enumerate(own) if candidate is entry), None)
        return keys[:2] if index is None else (*keys[:2], index, *keys[3:])


def problems_of(error: ValidationError, model: type[BaseModel], layers: Layers) -> Iterator[Problem]:
    """Translate everything that pydantic found; no message quotes a value that could be a secret."""
    for found in error.errors(include_url=False):
        # Pydantic ends the place of a bad key of a map with this word.
        loc = tuple(key for key in found["loc"] if key != "[key]")
        for fault in _faults(found, loc, model):
            yield layers.problem((*loc, *fault.keys), fault.message, fault.advice)


def _faults(found: Any, loc: tuple[str | int, ...], model: type[BaseModel]) -> Sequence[Fault]:
    kind, context = found["type"], found.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, InvalidValueError):
        return cause.faults
    if kind == "missing":
        return [Fault("is missing", _MISSING_ADVICE.get(dotted(loc), ""))]
    if kind == "extra_forbidden":
        return [Fault("unknown key", _suggestion(str(loc[-1]), _known_keys(model, loc[:-1])))]
    if kind == "literal_error":
        return [Fault("isn't allowed", f"one of {context['expected']}")]
    if kind in _WANTED:
        return [Fault(f"must be {_WANTED[kind]}", _type_advice(kind, found["input"]))]
    if kind == "greater_than_equal":
        return [Fault("is too small", f"at least {context['ge']}")]
    return [Fault(found["msg"])]


def _type_advice(kind: str, value: object) -> str:
    return "put it in quotes" if kind == "string_type" and isinstance(value, (int, float)) else ""


def _suggestion(key: str, known: Sequence[str]) -> str:
    # Case is what people get wrong first: `pvcsize`, `githubusers`.
    folded = {name.lower(): name for name in known}
    close = difflib.get_close_matches(key.lower(), folded, n=1, cutoff=0.7)
    return f"did you mean {folded[close[0]]}?" if close else f"known here: {', '.join(known)}"


def _known_keys(model: type[BaseModel], loc: KeyPath) -> list[str]:
    """List the keys that a model knows at a place."""
    at: type[BaseModel] = model
    for key in loc:
        if isinstance(key, str):
            annotation = next(info.annotation for info in at.model_fields.values() if info.alias == key)
            at = _model_in(annotation)
    return [str(info.alias) for info in at.model_fields.values()]


def _model_in(annotation: Any) -> type[BaseModel]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(_model_in(part) for part in typing.get_args(annotation) if part not in (type(None), ...))
