"""The table of all keys of a user file, made of the model: its defaults, its types, and what its docstrings say."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from kubecoder.models.sections import Section
from kubecoder.models.user import UserFile

ATTRIBUTE = re.compile(r"^ {4}(\w+): (.+)$", re.MULTILINE)
KINDS = {"string": "text", "integer": "number", "boolean": "true, false", "array": "list", "object": "map"}


def table() -> str:
    """Return the table.

    Raises:
        KeyError: A docstring doesn't say what one of its keys is.
    """
    rows = "".join(
        f"| `{key}` | {kind} | {default} | {meaning} |\n" for key, kind, default, meaning in _rows(UserFile, "")
    )
    return f"| key | what | default | meaning |\n|---|---|---|---|\n{rows}"


def _rows(section: type[Section], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    meanings = dict(ATTRIBUTE.findall(inspect.getdoc(section) or ""))
    properties = section.model_json_schema(by_alias=True)["properties"]
    for name, field in section.model_fields.items():
        key = str(field.alias)
        inner = _section_of(field.annotation)
        if inner is None:
            yield f"{prefix}{key}", _kind(properties[key]), _default(field), meanings[name]
        else:
            dots = "[]." if _is_list(field.annotation) else "."
            yield from _rows(inner, f"{prefix}{key}{dots}")


def _section_of(annotation: Any) -> type[Section] | None:
    choices = (annotation, *getattr(annotation, "__args__", ()))
    return next((each for each in choices if inspect.isclass(each) and issubclass(each, Section)), None)


def _is_list(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is tuple


def _kind(schema: dict[str, Any]) -> str:
    described = next((each for each in schema.get("anyOf", ()) if each.get("type") != "null"), schema)
    if "enum" in described:
        return ", ".join(f"`{word}`" for word in described["enum"])
    return KINDS[described["type"]]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    if field.default in (None, (), {}):
        return "none"
    return f"`{json.dumps(field.default).strip(chr(34))}`"
