"""What holds for every module: size, names, docstrings, and folders that Python must not import."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("kubecoder", "agent", "manifests")
MOST_LINES = 400
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "misc", "base", "manager", "lib"}


def modules(*folders: str) -> dict[str, str]:
    """Return the text of every module below the folders."""
    files = sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))
    return {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files}


OURS = modules(*PACKAGES)
ALL = {**OURS, **modules("tests", "docs")}


def test_there_are_modules_to_look_at() -> None:
    assert len(OURS) > 100


def test_a_module_fits_in_the_head() -> None:
    lengths = {name: text.count("\n") for name, text in ALL.items()}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_a_module_is_named_after_its_subject() -> None:
    assert [name for name in OURS if Path(name).stem in FORBIDDEN_NAMES] == []


def test_a_module_says_first_what_it_is() -> None:
    docstrings = {name: ast.get_docstring(ast.parse(text)) or "" for name, text in OURS.items()}
    assert [name for name, docstring in docstrings.items() if not docstring.split("\n")[0].strip()] == []


@pytest.mark.parametrize("folder", ["users", "secrets"])
def test_a_folder_of_data_is_no_package(folder: str) -> None:
    assert not list((ROOT / folder).rglob("*.py")), f"{folder}/ would shadow a module of that name"


def test_every_package_ships_its_types() -> None:
    assert all((ROOT / package / "py.typed").exists() for package in ("kubecoder", "agent"))
