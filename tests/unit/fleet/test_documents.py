"""YAML files give JSON values or an error with a line; never anything else, whatever they hold."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kubecoder.errors import ConfigError
from kubecoder.fleet import documents
from kubecoder.fleet.documents import Document
from kubecoder.fleet.values import dotted
from tests.unit.fleets import refusal

PATH = Path("users/john.yaml")
TEXT = """\
user:
  name: john
  env:
    - name: A
      value: x
    - name: B
oauth2: {githubUsers: [a,
  b]}
"""

text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(text, below, max_size=3),
    max_leaves=10,
)
# Pieces that make YAML rather than noise.
INDICATORS = (
    "a",
    "b: ",
    "- ",
    "? ",
    ": ",
    "\n",
    "  ",
    "\t",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&x ",
    "*x",
    "<<: ",
    "|\n",
    ">\n",
)
TAGS = ("!!int ", "!!set ", "!!binary ", "!!float ", "!!bool ", "!!null ", "!x ", "%YAML 1.1\n", "---\n", "'", '"', "#")
SCALARS = ("0x", "1_0", "1:2", "2024-01-01", ".inf", "~", "=", "yes", "1e5", "0b", "\\", "é", "\x85", "\ufeff", "- - ")
yaml_like = st.lists(st.sampled_from((*INDICATORS, *TAGS, *SCALARS)), max_size=25).map("".join)


def parse(content: str) -> Any:
    return documents.parse(PATH, content).data


@pytest.mark.parametrize(
    ("content", "data"),
    [
        ("", {}),
        ("# only a comment\n", {}),
        ("null\n", {}),
        ("a: 2024-01-01\n", {"a": "2024-01-01"}),
        ("a: =\n", {"a": "="}),
        ("a: 1_000\n", {"a": 1000}),
        ("\ufeffa: 1\n", {"a": 1}),
        ("a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
        ("a: {<<: [{b: 1}, {b: 2, c: 3}]}\n", {"a": {"b": 1, "c": 3}}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
    ],
)
def test_values_are_json(tmp_path: Path, content: str, data: Any) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(content, encoding="utf-8")
    assert documents.read(file).data == data


def test_no_two_places_share_a_map() -> None:
    data = parse("a: &x {b: []}\nc: *x\n")
    data["a"]["b"].append(1)
    assert data["c"] == {"b": []}


@given(st.dictionaries(text, json_values, max_size=4))
def test_every_map_of_json_values_survives_yaml(data: dict[str, Any]) -> None:
    assert json.dumps(parse(yaml.safe_dump(data)), sort_keys=True) == json.dumps(data, sort_keys=True)


@settings(max_examples=300)
@given(st.binary(max_size=60))
@example(b"\xff\xfe")
@example(b"a: !!int ''")
@example(b"a: !!bool x")
@example(b"a: " + b"9" * 5000)
@example(b"? [a]\n: b")
@example(b"<<: 1")
@example(b"<<: &x [*x]")
def test_any_bytes_are_values_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(content)
    _read_or_refuse(file)


@settings(max_examples=500)
@given(yaml_like)
@example("\x85\x85b: %YAML 1.1\n")
@example("\u2028a: @")
def test_anything_like_yaml_is_values_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(content, encoding="utf-8")
    _read_or_refuse(file)


def _read_or_refuse(file: Path) -> None:
    error = refusal(lambda: json.dumps(documents.read(file).data, allow_nan=False))
    assert error is None or {problem.path for problem in error.problems} == {file}


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "&a ["])
@pytest.mark.parametrize("levels", [100, 5_000, 60_000])
def test_depth_never_ends_the_process(opening: str, levels: int) -> None:
    with pytest.raises(ConfigError):
        parse(opening * levels)


def test_aliases_cannot_blow_up() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ConfigError, match="1 problem") as raised:
        parse("\n".join(lines))
    assert "too large through its aliases" in str(raised.value.problems[0])


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ((), 1),
        (("user",), 1),
        (("user", "name"), 2),
        (("user", "env", 0), 4),
        (("user", "env", 0, "value"), 5),
        (("user", "env", 1, "name"), 6),
        (("oauth2", "githubUsers", 1), 8),
        (("user", "host"), 1),
        (("user", "env", 7), 3),
        (("image", "tag"), 1),
    ],
)
def test_the_line_of_a_key_or_of_the_nearest_above_it(keys: tuple[str | int, ...], line: int) -> None:
    assert documents.parse(PATH, TEXT).line(keys) == line


@pytest.mark.parametrize(
    ("keys", "depth"),
    [
        ((), 0),
        (("user", "name"), 2),
        (("user", "name", "first"), 2),
        (("user", "env", 1), 3),
        (("user", "env", 2), 2),
        (("image",), 0),
    ],
)
def test_the_depth_tells_how_much_of_a_place_exists(keys: tuple[str | int, ...], depth: int) -> None:
    assert documents.parse(PATH, TEXT).depth(keys) == depth


def test_a_problem_names_file_line_and_key() -> None:
    problem = documents.parse(PATH, TEXT).problem(("user", "env", 0, "value"), "is wrong", "write y")
    assert str(problem) == "users/john.yaml:5: user.env[0].value: is wrong (write y)"


def test_places_are_written_as_people_do() -> None:
    assert dotted(("user", "env", 2, "name")) == "user.env[2].name"
    assert dotted(()) == ""


def test_a_document_without_text_has_one_line() -> None:
    assert Document(PATH, "", {}).line(("a", "b")) == 1


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(ConfigError) as raised:
        documents.read(tmp_path / "pipe.yaml")
    assert raised.value.problems[0].message == "is no file"
