"""Which image the fleet's files ask for, patches and the fleet's own templates included."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubecoder.status.image import wanted_image
from tests.fleets import fleet, user

TEMPLATE = Path(__file__).parents[3] / "manifests" / "workspace" / "deployment.yaml.j2"
PATCHED = "registry.example.com/own:7"


def patch(kind: str = "Deployment", container: str = "ide", **more: Any) -> dict[str, Any]:
    containers = [{"name": container, "image": PATCHED}]
    return {"kind": kind, "merge": {"spec": {"template": {"spec": {"containers": containers}}}}, **more}


def wanted(*patches: dict[str, Any], template_dir: Path | None = None) -> str:
    made = replace(fleet(user("john", patches=patches)), template_dir=template_dir)
    return wanted_image(made, made.workspaces[0])


def test_without_patches_it_is_what_the_file_says_and_nothing_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubecoder.render.workspace", None)
    labels = {"kind": "Service", "merge": {"metadata": {"labels": {"a": "b"}}}}
    assert wanted() == wanted(labels) == "kubecoder/workspace:1"


def test_a_patch_of_the_main_container_counts() -> None:
    assert wanted(patch()) == PATCHED
    assert wanted(patch(name="ws-john")) == PATCHED


def test_a_patch_of_another_container_does_not() -> None:
    assert wanted(patch(container="oauth2-proxy")) == "kubecoder/workspace:1"


def test_the_fleets_own_template_counts(tmp_path: Path) -> None:
    own = tmp_path / "workspace"
    own.mkdir()
    text = TEMPLATE.read_text().replace("image: {{ image.reference }}", f"image: {PATCHED}")
    (own / TEMPLATE.name).write_text(text)
    assert wanted(template_dir=tmp_path) == PATCHED


def test_a_file_that_cant_be_rendered_leaves_what_it_says() -> None:
    assert wanted(patch(name="nobody")) == "kubecoder/workspace:1"
