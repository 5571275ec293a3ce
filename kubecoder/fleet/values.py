"""JSON values out of YAML text, strictly: every key once, no dates, sets or binaries, bounded depth and size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import yaml
from yaml.constructor import ConstructorError, SafeConstructor

from kubecoder.errors import Problem

KeyPath = Sequence[str | int]

MAX_DEPTH = 60
MAX_VALUES = 50_000
MAX_PROBLEMS = 20
# libyaml's composer recurses in C and kills the process at about 30,000 levels; this much text can't hold so many.
_SAFE_LENGTH = 8_000

_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_TEXT, _MERGE = f"{_TAG}str", f"{_TAG}merge"
_scalars = SafeConstructor()
_CONSTRUCTORS = {
    f"{_TAG}int": _scalars.construct_yaml_int,
    f"{_TAG}float": _scalars.construct_yaml_float,
    f"{_TAG}bool": _scalars.construct_yaml_bool,
    f"{_TAG}null": _scalars.construct_yaml_null,
}
# What those raise for `!!bool x`, `!!int ''` or a number of 6,000 digits.
_SCALAR_ERRORS = (ValueError, LookupError, ArithmeticError, ConstructorError)


class _Composer(_Parser):  # type: ignore[misc]
    """Composes nodes in C; what looks like a date stays text."""

    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag in (*_CONSTRUCTORS, _MERGE)]
        for first, resolvers in _Parser.yaml_implicit_resolvers.items()
    }


def compose(text: str) -> Any:
    """Return the root node of a text's only document; None if it is empty.

    Raises:
        yaml.YAMLError: It is no YAML, or holds more than one document.
        RecursionError: It is nested too deeply.
    """
    return yaml.compose(text, Loader=_Composer)


def is_too_deep(text: str) -> bool:
    """Tell whether a text is so deeply nested that composing it isn't safe.

    Raises:
        yaml.YAMLError: It is no YAML.
    """
    if len(text) <= _SAFE_LENGTH:
        return False
    depth = 0
    for event in yaml.parse(text, Loader=_Parser):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            return True
    return False


def dotted(keys: KeyPath) -> str:
    """Write a key path as people do: `user.env[2].name`."""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


class Builder:
    """Builds the values of one file from its nodes and collects everything that is wrong with them.

    Args:
        path: The file, for the problems.
    """

    def __init__(self, path: Path) -> None:
        self.problems: list[Problem] = []
        self._path = path
        self._left = MAX_VALUES

    def build(self, node: Any, keys: tuple[str | int, ...] = ()) -> Any:
        """Return the value of a node; aliases are copied, so that no two places share a map."""
        self._left -= 1
        if self._left < 0 or len(keys) > MAX_DEPTH:
            if not self.problems:
                self._problem(node, keys[:1], "is nested too deeply, or too large through its aliases", "write it out")
            return None
        if isinstance(node, yaml.ScalarNode):
            return node.value if node.tag == _TEXT else self._scalar(node, keys)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.build(entry, (*keys, index)) for index, entry in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._map(node, keys)
        self._problem(node, keys, f"uses the YAML tag {node.tag}", "a plain value")
        return None

    def _scalar(self, node: Any, keys: tuple[str | int, ...]) -> Any:
        constructor = _CONSTRUCTORS.get(node.tag)
        if constructor is None:
            self._problem(node, keys, f"uses the YAML tag {node.tag}", "a plain value")
            return None
        try:
            value = constructor(node)
        except _SCALAR_ERRORS:
            self._problem(node, keys, "can't be read", "put odd values in quotes")
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self._problem(node, keys, "is no finite number", "put it in quotes")
        return value

    def _map(self, node: Any, keys: tuple[str | int, ...]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, below in node.value:
            name = key.value
            if key.tag == _MERGE:
                merged = {**self._merged(below, keys), **merged}
            elif key.tag != _TEXT or not isinstance(name, str):
                shown = name if isinstance(name, str) else "?"
                self._problem(key, keys, f"the key {shown!r} isn't text", "put it in quotes")
            elif name in values:
                self._problem(key, (*keys, name), "is there twice", "keep one")
            else:
                values[name] = self.build(below, (*keys, name))
        return {**merged, **values} if merged else values

    def _merged(self, node: Any, keys: tuple[str | int, ...]) -> dict[str, Any]:
        """Read the value of a merge key `<<`: a map, or a list of maps of which the first wins."""
        values = self.build(node, (*keys, "<<"))
        maps = values if isinstance(values, list) else [values]
        if not all(isinstance(entry, dict) for entry in maps):
            self._problem(node, keys, "`<<` merges something else than maps", "write the keys out")
            return {}
        return {key: value for entry in reversed(maps) for key, value in entry.items()}

    def _problem(self, node: Any, keys: KeyPath, message: str, advice: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(self._path, message, node.start_mark.line + 1, dotted(keys), advice))
