"""What the wheel and the source distribution hold, and what they must not."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both distributions, built from a copy of this tree with secrets lying in it."""
    folder, tree = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("tree") / "kubecoder"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", ".venv", ".nox", ".*_cache", "__pycache__"))
    (tree / "secrets" / "john").mkdir(exist_ok=True)
    (tree / "secrets" / "john" / "oauth2.yaml").write_text("oauth2: {clientSecret: hidden}\n")
    script = "import sys; from hatchling.build import build_wheel, build_sdist; "
    script += "build_wheel(sys.argv[1]); build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", script, str(folder)], cwd=tree, check=True, capture_output=True, timeout=120)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> set[str]:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def sdist(built: Path) -> set[str]:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        return {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}


def tracked(folder: str) -> set[str]:
    files = (file for file in (ROOT / folder).rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return {str(file.relative_to(ROOT)) for file in files}


def test_the_wheel_has_every_file_of_the_three_packages(wheel: set[str]) -> None:
    expected = tracked("kubecoder") | tracked("agent") | tracked("manifests")
    assert expected - wheel == set()


def test_the_wheel_has_nothing_else_but_its_own_facts(wheel: set[str]) -> None:
    others = {name for name in wheel if not name.startswith(("kubecoder/", "agent/", "manifests/"))}
    assert {name.split("/")[0].rpartition(".")[2] for name in others} == {"dist-info"}


def test_the_source_distribution_has_no_secrets(sdist: set[str]) -> None:
    assert {name for name in sdist if name.startswith("secrets")} <= {"secrets", "secrets/.gitkeep"}
    assert not {name for name in sdist if name.startswith((".ci", ".nox", ".venv", "build", "dist"))}


def test_the_source_distribution_has_what_builds_and_tests_it(sdist: set[str]) -> None:
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "noxfile.py", "tests/conftest.py"} <= sdist
