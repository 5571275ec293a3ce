"""docs/manifests.md says what templates may use, and its examples work."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import yaml

from kubecoder import render
from kubecoder.models.user import UserFile
from kubecoder.render import variables
from kubecoder.render.variables import SecretValues
from tests.manifest_cases import EVERYTHING, MINIMAL, fleet

TEXT = (Path(__file__).parents[3] / "docs" / "manifests.md").read_text(encoding="utf-8")
WORKSPACE, BASE = TEXT.split("| variable | in `base/` |")


def documented(text: str) -> set[str]:
    table = text.rpartition("| variable |")[2] if "| variable |" in text else text
    return {word for cell in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for word in re.findall("`(.+?)`", cell)}


def test_every_variable_of_a_workspace_is_documented() -> None:
    user = MINIMAL.workspace().user
    names = variables.of_workspace(user, MINIMAL.secrets).keys() - UserFile.model_fields.keys()
    assert names | {"pod_annotations"} == documented(WORKSPACE)


def test_every_variable_of_the_base_is_documented() -> None:
    assert variables.of_base("f", "coder", []).keys() == documented(BASE)


def test_every_secret_value_is_documented() -> None:
    assert all(f"`{field.name}`" in WORKSPACE for field in fields(SecretValues))


def test_every_object_is_documented() -> None:
    workspace = EVERYTHING.workspace()
    names = {manifest["metadata"]["name"] for manifest in render.workspace(fleet(workspace), workspace).manifests}
    assert all(f"`{name}`" in TEXT for name in names)


def test_the_example_of_patches_works() -> None:
    (example,) = re.findall(r"```yaml\n(.+?)```", TEXT, re.DOTALL)
    workspace = MINIMAL.workspace(**yaml.safe_load(example))
    manifests = render.workspace(fleet(workspace), workspace).manifests
    patched = [m["metadata"]["name"] for m in manifests if "example.com/team" in m["metadata"]["annotations"]]
    assert patched == ["ws-john-door"]
