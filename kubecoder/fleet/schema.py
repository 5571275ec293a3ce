"""`users/schema.json`, with which editors complete and check user files."""

from __future__ import annotations

from typing import Any

from kubecoder.models.user import UserFile
from kubecoder.output import json_text

FILE = "schema.json"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a user file.

    Nothing is required in it and null is always allowed: `_defaults.yaml` may give a value, and null takes it away.
    """
    generated = UserFile.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_relaxed(generated),
        "title": "A user of a kubecoder fleet",
    }


def text() -> str:
    """Return what `users/schema.json` holds."""
    return json_text(schema())


def _relaxed(value: Any) -> Any:
    if isinstance(value, list):
        return [_relaxed(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    relaxed = {key: _relaxed(below) for key, below in value.items() if key not in ("required", "title")}
    if isinstance(value.get("description"), str):
        relaxed["description"] = value["description"].partition("\n\nAttributes:")[0]
    if isinstance(value.get("properties"), dict):
        relaxed["properties"] = {key: _nullable(_relaxed(below)) for key, below in value["properties"].items()}
    return relaxed


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    choices = schema.get("anyOf", [])
    if {"type": "null"} in choices:
        return schema
    about: dict[str, Any] = {key: schema[key] for key in ("default", "description") if key in schema}
    rest = {key: value for key, value in schema.items() if key not in about}
    return {**about, "anyOf": [*(choices or [rest]), {"type": "null"}]}
