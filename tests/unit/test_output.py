"""What commands write, and where."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubecoder.errors import ConfigError, KubecoderError, Problem
from kubecoder.output import Column, Format, Printer, error_text, json_text, printable, table, yaml_text


@dataclass(frozen=True)
class Row:
    name: str
    node: str


ROWS = [Row("imran", "node-a"), Row("gerard", "")]
COLUMNS = [Column("NAME", lambda row: row.name), Column("NODE", lambda row: row.node, wide=True)]
DOCUMENT = {"workspaces": [{"name": "imran"}, {"name": "gerard"}]}


def written(capsys: pytest.CaptureFixture[str], form: Format) -> str:
    Printer(form).rows(ROWS, COLUMNS, document=DOCUMENT, name=lambda row: f"workspace/{row.name}")
    return capsys.readouterr().out


def test_table_leaves_out_wide_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert written(capsys, Format.table) == "NAME\nimran\ngerard\n"


def test_wide_table_shows_every_column_and_none_for_an_empty_cell(capsys: pytest.CaptureFixture[str]) -> None:
    assert written(capsys, Format.wide) == "NAME     NODE\nimran    node-a\ngerard   <none>\n"


def test_names_come_one_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert written(capsys, Format.name) == "workspace/imran\nworkspace/gerard\n"


def test_json_and_yaml_are_the_same_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(written(capsys, Format.json)) == DOCUMENT
    assert yaml.safe_load(written(capsys, Format.yaml)) == DOCUMENT


def test_an_empty_table_has_its_titles() -> None:
    assert table(["NAME", "AGE"], []) == "NAME   AGE\n"


def test_long_cells_are_never_truncated() -> None:
    assert "x" * 500 in table(["NAME"], [["x" * 500]])


def test_columns_align_under_wide_and_combining_characters() -> None:
    lines = table(["NAME", "AGE"], [["李明", "1d"], ["e\u0301va", "2d"], ["plain", "3d"]]).splitlines()
    assert lines == ["NAME    AGE", "李明    1d", "e\u0301va     2d", "plain   3d"]


def test_a_cell_stays_on_its_line() -> None:
    assert table(["MESSAGE"], [["first\nsecond\tthird"]]) == "MESSAGE\nfirst second third\n"


def test_escape_sequences_from_a_cluster_never_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Printer().warn("pod says \x1b]0;owned\x07")
    assert capsys.readouterr().err == "warning: pod says \\x1b]0;owned\\x07\n"


@given(st.text())
def test_printable_text_has_no_control_characters(text: str) -> None:
    assert all(character.isprintable() or character in "\n\t" for character in printable(text))


def test_stdout_has_the_data_and_stderr_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    printer = Printer()
    printer.line("data")
    printer.text("as it is\x1b[0m")
    printer.notice("notice")
    printer.warn("look")
    captured = capsys.readouterr()
    assert captured.out == "data\nas it is\x1b[0m"
    assert captured.err == "notice\nwarning: look\n"


def test_quiet_leaves_out_notices_only(capsys: pytest.CaptureFixture[str]) -> None:
    printer = Printer(quiet=True)
    printer.notice("notice")
    printer.warn("look")
    assert capsys.readouterr().err == "warning: look\n"


def test_an_error_shows_every_problem_and_the_next_step() -> None:
    error = ConfigError(
        "2 problems in the fleet's files",
        problems=[
            Problem(Path("users/john.yaml"), "is missing", line=3, key="user.host", advice="write john.example.org"),
            Problem(Path("secrets/john"), "is empty"),
        ],
        hint="run kubecoder validate",
    )
    assert error_text(error) == (
        "error: 2 problems in the fleet's files\n"
        "  users/john.yaml:3: user.host: is missing (write john.example.org)\n"
        "  secrets/john: is empty\n"
        "hint: run kubecoder validate\n"
    )


def test_an_error_without_a_hint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Printer().error(KubecoderError("it failed"))
    assert capsys.readouterr().err == "error: it failed\n"


class Colour(StrEnum):
    red = "red"


@dataclass(frozen=True)
class Point:
    x: int
    at: datetime


def test_json_takes_times_paths_enums_dataclasses_and_mappings() -> None:
    moment = datetime(2026, 11, 23, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    value = {"p": Point(1, moment), "c": Colour.red, "f": Path("a/b"), "m": MappingProxyType({"k": 1})}
    assert json.loads(json_text(value)) == {
        "p": {"x": 1, "at": "2026-11-23T10:00:00Z"},
        "c": "red",
        "f": "a/b",
        "m": {"k": 1},
    }


def test_json_refuses_what_has_no_form() -> None:
    with pytest.raises(TypeError, match="set has no JSON form"):
        json_text({"s": {1}})
    with pytest.raises(TypeError, match="type has no JSON form"):
        json_text({"t": Point})


@pytest.mark.parametrize("text", ["1e3", "0x1f", "012", "1_000", "y", "N", "12:30:45", ".5", "+1", "1e-3"])
def test_yaml_quotes_strings_that_other_parsers_read_as_something_else(text: str) -> None:
    assert yaml_text({"v": text}) == f'v: "{text}"\n'


def test_yaml_writes_several_lines_as_a_block() -> None:
    assert yaml_text({"v": "one\ntwo\n"}) == "v: |\n  one\n  two\n"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(), values, max_size=4))
def test_yaml_says_what_json_says(value: object) -> None:
    assert yaml.safe_load(yaml_text(value)) == json.loads(json_text(value))


def test_a_dumb_terminal_gets_no_live_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert Printer().is_terminal
    monkeypatch.setenv("TERM", "dumb")
    assert not Printer().is_terminal


def test_a_time_in_utc_ends_with_z() -> None:
    assert json_text(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == '"2026-01-02T03:04:05Z"\n'
