"""Values never pass through YAML: a template is parsed with tokens in their places, which are filled afterwards.

So no value can break or inject YAML, and workspaces whose templates give the same text share one parse.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from jinja2 import Undefined

# A character for private use that YAML allows and no font draws.
_MARK = "\U0010fffd"
_TOKEN = re.compile(f"{_MARK}([0-9]+){_MARK}")
# A JSON string, or a number such as 1e-05, which has no point.
_EXPONENT = re.compile(r'("(?:[^"\\]|\\.)*")|(?<![.0-9])(-?[0-9]+)(e[+-][0-9]+)')
_NOT_PLAIN_ASCII = re.compile(r"[^\x20-\x7e]")
_STRING_TAG = "tag:yaml.org,2002:str"


class JsonText(str):
    """A value as JSON; it becomes part of a document as it is."""

    __slots__ = ()


class Values:
    """The values that one rendering of a template writes, in their order."""

    def __init__(self) -> None:
        self._values: list[Any] = []

    def token(self, value: Any) -> str:
        """Keep a value and return what stands for it in the text.

        Raises:
            TypeError: Manifests can't hold such a value.
            ValueError: The value is the text of a macro or block, or no Unicode.
            jinja2.UndefinedError: The value is undefined.
        """
        self._values.append(plain(value))
        return f"{_MARK}{len(self._values) - 1}{_MARK}"

    def __getitem__(self, index: int) -> Any:
        return self._values[index]


@dataclass(frozen=True, slots=True)
class Gap:
    """A scalar with tokens in it: text, index, text, index, …, text.

    Attributes:
        in_document: The scalar is a block (`|`): a document inside the document, where values are written as YAML.
    """

    parts: tuple[str | int, ...]
    in_document: bool

    def fill(self, values: Values) -> Any:
        """Return the value itself where the scalar is one token, else the text with all values in it."""
        if len(self.parts) == 3 and not self.parts[0] and not self.parts[2]:
            value = values[int(self.parts[1])]
            return str(value) if isinstance(value, JsonText) else value
        return "".join(part if isinstance(part, str) else self._text(values[part]) for part in self.parts)

    def _text(self, value: Any) -> str:
        if isinstance(value, JsonText):
            return value
        if self.in_document:
            return to_yaml(value)
        if isinstance(value, (Mapping, list)) or value is None:
            raise TypeError(f"a {type(value).__name__} can't be a part of a text")
        return value if isinstance(value, str) else to_yaml(value)


def parse(text: str) -> list[Any]:
    """Parse YAML documents whose scalars may hold tokens, which become gaps.

    Raises:
        yaml.MarkedYAMLError: The text is no YAML, or a mapping has a key twice.
    """
    return list(yaml.load_all(text, Loader=_Loader))


def fill(shape: Any, values: Values) -> Any:
    """Return a copy of a parsed document with values in its gaps."""
    if isinstance(shape, dict):
        return {fill(key, values): fill(value, values) for key, value in shape.items()}
    if isinstance(shape, list):
        return [fill(value, values) for value in shape]
    return shape.fill(values) if isinstance(shape, Gap) else shape


def plain(value: Any) -> Any:
    """Return a value as what JSON knows, as a copy."""
    if isinstance(value, Undefined):
        str(value)  # StrictUndefined raises, with the name that is undefined
    if isinstance(value, str):
        value.encode()  # half of a surrogate pair is no character
        if _MARK in value:
            raise ValueError("the text of a macro or block can't be written again; write it where it is made")
        return value
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {plain(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [plain(entry) for entry in value]
    raise TypeError(f"a {type(value).__name__} has no place in a manifest")


def to_yaml(value: Any) -> str:
    """Write a plain value as YAML flow text on one line.

    That is JSON but for two things. YAML reads an escaped pair of surrogates as two characters, which are no Unicode
    then, and YAML 1.1 takes a number with an exponent and no point for text.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _NOT_PLAIN_ASCII.sub(_escape, _EXPONENT.sub(_with_point, text))


def to_json(value: Any) -> JsonText:
    """Write a value into a JSON document: the filter `json`."""
    return JsonText(json.dumps(plain(value), allow_nan=False))


def to_base64(value: Any) -> str:
    """Encode text as a Secret's `data` wants it: the filter `b64`."""
    return base64.b64encode(str(plain(value)).encode()).decode()


class _Loader(yaml.CSafeLoader):
    """Makes gaps of scalars with tokens, and refuses a key that a mapping has twice, which PyYAML lets through."""

    def construct_text(self, node: Any) -> str | Gap:
        """Construct a string, or a gap where there are tokens."""
        if _MARK not in node.value:
            return str(node.value)
        # Every second part is a token's index.
        parts = [int(part) if place % 2 else part for place, part in enumerate(_TOKEN.split(node.value))]
        return Gap(tuple(parts), in_document=node.style in ("|", ">"))

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's own
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(set(keys)) != len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice!r} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.add_constructor(_STRING_TAG, _Loader.construct_text)


def _with_point(match: re.Match[str]) -> str:
    return match[1] or f"{match[2]}.0{match[3]}"


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
