"""Values reach manifests exactly as they are, and never as YAML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from kubecoder.errors import TemplateError
from kubecoder.models.manifest import Manifest
from kubecoder.render import filling
from kubecoder.render.templates import Templates

TEXT = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: x
data:
  whole: {{ value }}
  flow: {a: {{ value }}, b: [{{ value }}]}
  document.yaml: |
    value: {{ value }}
  document.json: |
    {"value": {{ value | json }}}
"""

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\U0010fffd"), max_size=40)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)


def templates(folder: Path, text: str) -> Templates:
    file = folder / "workspace" / "x.yaml.j2"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return Templates(folder)


def one(loaded: Templates, **variables: Any) -> Manifest:
    shapes = loaded._documents("workspace/x.yaml.j2", variables)
    manifest: Manifest = next(iter(shapes))
    return manifest


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return templates(tmp_path_factory.mktemp("manifests"), TEXT)


@pytest.mark.parametrize("value", [1e-05, -1e22, [1.5e-07, "1e-05"], {'a"': 1e16, "\\": "e"}])
def test_a_number_with_an_exponent_stays_a_number(loaded: Templates, value: Any) -> None:
    data = one(loaded, value=value)["data"]
    assert yaml.safe_load(data["document.yaml"]) == {"value": value}


@given(value=values)
def test_any_value_comes_out_as_it_went_in(loaded: Templates, value: Any) -> None:
    data = one(loaded, value=value)["data"]
    assert data["whole"] == value
    assert data["flow"] == {"a": value, "b": [value]}
    assert yaml.safe_load(data["document.yaml"]) == {"value": value}
    assert json.loads(data["document.json"]) == {"value": value}


@given(value=values)
def test_a_filled_manifest_survives_yaml(loaded: Templates, value: Any) -> None:
    manifest = one(loaded, value=value)
    assert yaml.load(yaml.dump(manifest, Dumper=yaml.CSafeDumper), Loader=yaml.CSafeLoader) == manifest


@pytest.mark.parametrize(
    "value", ["a\n- b: c", "{{ x }}", "'\"", "yes", "0x10", "1e3", "~", "# no", "&a *a", "%", "\t"]
)
def test_a_value_inside_a_text_is_written_as_it_is(tmp_path: Path, value: str) -> None:
    text = 'apiVersion: v1\nkind: A\nmetadata: {name: x}\nplain: ws-{{ v }}-door\nquoted: "https://{{ v }}/"\n'
    manifest = one(templates(tmp_path, text), v=value)
    assert manifest["plain"] == f"ws-{value}-door"
    assert manifest["quoted"] == f"https://{value}/"


def test_keys_are_filled_too(tmp_path: Path) -> None:
    text = "apiVersion: v1\nkind: A\nmetadata: {name: x}\nmap:\n  {{ key }}: 1\n  a-{{ key }}: 2\n"
    assert one(templates(tmp_path, text), key="b: c")["map"] == {"b: c": 1, "a-b: c": 2}


def test_numbers_and_booleans_inside_a_text_are_written_as_in_yaml(tmp_path: Path) -> None:
    text = "apiVersion: v1\nkind: A\nmetadata: {name: x}\na: n{{ 5 }}-{{ true }}\n"
    assert one(templates(tmp_path, text))["a"] == "n5-true"


@pytest.mark.parametrize("value", [[1], {"a": 1}, None])
def test_a_list_or_map_cannot_be_part_of_a_text(tmp_path: Path, value: Any) -> None:
    loaded = templates(tmp_path, "apiVersion: v1\nkind: A\nmetadata: {name: x}\na: b-{{ v }}\n")
    with pytest.raises(TemplateError, match=r"x\.yaml\.j2: a (list|dict|NoneType) can't be a part of a text"):
        one(loaded, v=value)


@pytest.mark.parametrize(
    "value", [SecretStr("s"), b"bytes", {1, 2}, object()], ids=["secret", "bytes", "set", "object"]
)
def test_only_json_values_are_written(tmp_path: Path, value: Any) -> None:
    loaded = templates(tmp_path, "apiVersion: v1\nkind: A\nmetadata: {name: x}\na: {{ v }}\n")
    with pytest.raises(TemplateError, match=r"x\.yaml\.j2:4: a \w+ has no place in a manifest"):
        one(loaded, v=value)


def test_half_of_a_surrogate_pair_is_refused(tmp_path: Path) -> None:
    loaded = templates(tmp_path, "apiVersion: v1\nkind: A\nmetadata: {name: x}\na: {{ v }}\n")
    with pytest.raises(TemplateError, match=r"x\.yaml\.j2:4: .*surrogates not allowed"):
        one(loaded, v="\ud83d")


def test_the_text_of_a_macro_is_refused(tmp_path: Path) -> None:
    text = "{% macro m() %}{{ v }}{% endmacro %}\napiVersion: v1\nkind: A\nmetadata: {name: x}\na: {{ m() }}\n"
    with pytest.raises(TemplateError, match=r"x\.yaml\.j2:5: the text of a macro"):
        one(templates(tmp_path, text), v=1)


def test_base64_takes_text_alone(tmp_path: Path) -> None:
    assert filling.to_base64("é") == "w6k="
    loaded = templates(tmp_path, "apiVersion: v1\nkind: A\nmetadata: {name: x}\na: {{ missing | b64 }}\n")
    with pytest.raises(TemplateError, match=r"x\.yaml\.j2:4: 'missing' is undefined"):
        one(loaded)


def test_json_text_as_a_whole_value_is_a_string(tmp_path: Path) -> None:
    loaded = templates(tmp_path, "apiVersion: v1\nkind: A\nmetadata: {name: x}\na: {{ [1, 'b'] | json }}\n")
    value = one(loaded)["a"]
    assert value == '[1, "b"]'
    assert type(value) is str


def test_workspaces_of_one_shape_share_one_parse_and_no_values(tmp_path: Path) -> None:
    loaded = templates(tmp_path, TEXT)
    first, second = one(loaded, value=["a"]), one(loaded, value=["b"])
    assert len(loaded._shapes) == 1
    first["data"]["whole"].append("changed")
    assert second["data"]["whole"] == ["b"]
    assert one(loaded, value=["a"])["data"]["whole"] == ["a"]
