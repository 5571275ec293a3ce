"""One YAML file: read strictly, its lines found only when somebody asks."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from kubecoder.errors import ConfigError, Problem
from kubecoder.fleet import values
from kubecoder.fleet.values import KeyPath, dotted

MAX_BYTES = 2**18
# What YAML counts as the end of a line.
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(frozen=True)
class Document:
    """One YAML file of the fleet.

    Attributes:
        path: The file, as the user would name it.
        text: What it holds.
        data: Its top-level map, of JSON values.
    """

    path: Path
    text: str
    data: dict[str, Any]

    def depth(self, keys: KeyPath) -> int:
        """Count how many of the keys exist, one below the other."""
        value: Any = self.data
        for depth, key in enumerate(keys):
            if key not in (value if isinstance(value, dict) else range(_length(value))):
                return depth
            value = value[key]
        return len(keys)

    def line(self, keys: KeyPath) -> int:
        """Find the 1-based line of a key, or of the nearest key above it that exists."""
        node, line = self._root, 1
        for key in keys:
            found = _child(node, key)
            if found is None:
                break
            line, node = found
        return line

    def problem(self, keys: KeyPath, message: str, advice: str = "") -> Problem:
        """Say what is wrong with one of this file's keys."""
        return Problem(self.path, message, self.line(keys), dotted(keys), advice)

    @cached_property
    def _root(self) -> Any:
        return values.compose(self.text)


def read(path: Path) -> Document:
    """Read one YAML file.

    Raises:
        ConfigError: It can't be read or isn't a map of JSON values; the problems name lines.
    """
    try:
        return parse(path, _decode(path, _read_bytes(path)))
    except OSError as error:
        raise _error(Problem(path, f"can't be read: {error.strerror or error}")) from error


def parse(path: Path, text: str) -> Document:
    """Parse the text of one YAML file.

    Raises:
        ConfigError: It isn't a map of JSON values; the problems name lines.
    """
    builder = values.Builder(path)
    try:
        if values.is_too_deep(text):
            raise RecursionError
        root = values.compose(text)
        data = {} if root is None else builder.build(root)
    except yaml.YAMLError as error:
        raise _error(_syntax_problem(path, text, error)) from error
    except RecursionError as error:
        raise _error(_too_deep(path)) from error
    if builder.problems:
        raise ConfigError.from_problems(builder.problems)
    if data is not None and not isinstance(data, dict):
        raise _error(Problem(path, "isn't a map of keys", 1, advice="`key: value` lines"))
    return Document(path, text, data or {})


def _read_bytes(path: Path) -> bytes:
    # Opening a pipe that somebody left in the folder would stop the program.
    if not stat.S_ISREG(path.stat().st_mode):
        raise _error(Problem(path, "is no file"))
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise _error(Problem(path, f"is larger than {MAX_BYTES // 1024} KiB", advice="one user per file"))
    return content


def _decode(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _error(Problem(path, "isn't UTF-8 text", line, advice="save it as UTF-8")) from error


def _length(value: object) -> int:
    return len(value) if isinstance(value, list) else 0


def _child(node: Any, key: str | int) -> tuple[int, Any] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                return name.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark.line + 1, node.value[key]
    return None


def _syntax_problem(path: Path, text: str, error: yaml.YAMLError) -> Problem:
    what = str(getattr(error, "problem", None) or "unreadable characters").split("\n")[0]
    if "nesting depth" in what:
        # A recent libyaml refuses a thousand levels by itself.
        return _too_deep(path)
    mark = getattr(error, "problem_mark", None)
    # The parser puts what is missing at the end below the last line.
    line = min(mark.line + 1, len(text.splitlines())) if mark else None
    advice = ""
    if "cannot start any token" in what and mark:
        character = _LINE_BREAK.split(text)[mark.line][mark.column : mark.column + 1]
        advice = "indent with spaces, not tabs" if character == "\t" else f"put text with {character!r} in quotes"
    elif "single document" in str(getattr(error, "context", "")):
        what, advice = "holds more than one document", "remove the `---` between them"
    return Problem(path, f"isn't valid YAML: {what}", line, advice=advice)


def _too_deep(path: Path) -> Problem:
    return Problem(path, f"is nested more than {values.MAX_DEPTH} levels deep")


def _error(problem: Problem) -> ConfigError:
    return ConfigError.from_problems([problem])
