"""Everything a command writes: data to stdout, the rest to stderr."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum, StrEnum
from pathlib import PurePath
from typing import Any, TextIO

from kubecoder.errors import ConfigError, KubecoderError

COLUMN_GAP = 3
NONE = "<none>"
UNKNOWN = "<unknown>"


class Format(StrEnum):
    """The values of `-o/--output`."""

    table = "table"
    wide = "wide"
    json = "json"
    yaml = "yaml"
    name = "name"

    @property
    def is_document(self) -> bool:
        """Whether the output is one JSON or YAML document."""
        return self in (Format.json, Format.yaml)


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        title: Upper case, without spaces.
        value: Gives the cell of one item; an empty cell is shown as `<none>`.
        wide: Whether only `-o wide` shows the column.
    """

    title: str
    value: Callable[[Any], str]
    wide: bool = False


class Printer:
    """Owns stdout and stderr for one command.

    Args:
        format: What `-o` asked for.
        quiet: Leaves out notices; data, warnings and errors are always written.
    """

    def __init__(self, format: Format = Format.table, *, quiet: bool = False) -> None:
        self.format = format
        self.quiet = quiet

    def rows(
        self,
        items: Sequence[Any],
        columns: Sequence[Column],
        *,
        document: Mapping[str, Any],
        name: Callable[[Any], str],
    ) -> None:
        """Write the same data as a table, a document or one name per line, as `-o` asks.

        Args:
            items: One item per row.
            columns: The table's columns; wide ones only with `-o wide`.
            document: The JSON/YAML form of all items.
            name: Gives `kind/name` of an item for `-o name`.
        """
        if self.format.is_document:
            self.document(document)
        elif self.format is Format.name:
            _write(sys.stdout, "".join(f"{printable(name(item))}\n" for item in items))
        else:
            shown = [column for column in columns if self.format is Format.wide or not column.wide]
            cells = [[column.value(item) for column in shown] for item in items]
            _write(sys.stdout, table([column.title for column in shown], cells))

    def document(self, value: object) -> None:
        """Write a value as YAML with `-o yaml`, else as JSON."""
        _write(sys.stdout, yaml_text(value) if self.format is Format.yaml else json_text(value))

    def line(self, text: str) -> None:
        """Write one line of data to stdout, at once."""
        _write(sys.stdout, f"{text}\n")

    def text(self, text: str) -> None:
        """Write data to stdout exactly as given."""
        _write(sys.stdout, text)

    def notice(self, text: str) -> None:
        """Tell something on stderr, unless the printer is quiet."""
        if not self.quiet:
            _write(sys.stderr, f"{printable(text)}\n")

    def warn(self, text: str) -> None:
        """Tell something on stderr that the user should look at."""
        _write(sys.stderr, f"warning: {printable(text)}\n")

    def error(self, error: KubecoderError) -> None:
        """Tell an error, all its problems and the next step on stderr."""
        _write(sys.stderr, error_text(error))

    @property
    def is_terminal(self) -> bool:
        """Whether a person watches stderr, so that live progress makes sense."""
        return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def error_text(error: KubecoderError) -> str:
    """Return the lines that a user reads about an error."""
    lines = [f"error: {error.message}"]
    if isinstance(error, ConfigError):
        lines += [f"  {problem}" for problem in error.problems]
    if error.hint:
        lines.append(f"hint: {error.hint}")
    return "".join(f"{printable(line)}\n" for line in lines)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align rows under titles as kubectl does: no lines, no colour, never truncated."""
    cells = [list(titles), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        padded = (cell + " " * (width + COLUMN_GAP - _width(cell)) for cell, width in zip(row, widths, strict=True))
        lines.append("".join(padded).rstrip())
    return "".join(f"{line}\n" for line in lines)


def json_text(value: object) -> str:
    """Encode a value as indented JSON; times become RFC 3339 in UTC, dataclasses maps.

    What isn't printable is escaped, also where JSON would allow it: the reader may be a terminal.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, default=_plain)
    return _UNCOMMON.sub(_json_character, text) + "\n"


def yaml_text(value: object) -> str:
    """Encode a value as one YAML document that YAML 1.1 and 1.2 parsers read alike."""
    import yaml  # noqa: PLC0415 - 30 ms that only this format needs

    class Dumper(yaml.CSafeDumper):
        pass

    def represent(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
        style = "|" if "\n" in text else '"' if _AMBIGUOUS.fullmatch(text) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, represent)
    plain = json.loads(json.dumps(value, default=_plain))
    text: str = yaml.dump(plain, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=2**20)
    return text


def printable(text: str) -> str:
    """Replace control characters, so that text from a cluster can't steer the reader's terminal."""
    return text if text.isprintable() else "".join(map(_printable, text))


# Plain scalars that PyYAML takes for strings, but other parsers of YAML for numbers or booleans.
_AMBIGUOUS = re.compile(r"[-+.]?[0-9][-+._0-9a-fA-FoxX:]*|[yYnN]")


_UNCOMMON = re.compile(r"[^\n -~]")


def _json_character(match: re.Match[str]) -> str:
    character = match[0]
    return character if character.isprintable() else json.dumps(character)[1:-1]


def _printable(character: str) -> str:
    if character.isprintable() or character in "\n\t":
        return character
    return character.encode("unicode_escape").decode("ascii")


def _cell(value: str) -> str:
    return printable(" ".join(value.split())) or NONE


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, PurePath):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()
