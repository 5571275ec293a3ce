"""Which versions of Claude Code the tests run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.rigs import claude

PACKAGE = "@anthropic-ai/claude-code-linux-x64"
IMAGE = Path(__file__).parents[3] / "agent" / "image" / "npm"


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def test_the_newest_version_is_that_of_the_workspace_image() -> None:
    assert read(IMAGE / "package.json")["dependencies"][PACKAGE] == claude.NEWEST


def test_the_newest_version_is_the_same_file_as_in_the_workspace_image() -> None:
    key = f"node_modules/{PACKAGE}"
    ours = read(claude.LOCKS / claude.NEWEST / "package-lock.json")["packages"][key]
    assert ours["integrity"] == read(IMAGE / "package-lock.json")["packages"][key]["integrity"]


@pytest.mark.parametrize("version", claude.VERSIONS)
def test_a_version_is_pinned_by_hash_and_names_no_registry(version: str) -> None:
    assert read(claude.LOCKS / version / "package.json")["dependencies"] == {PACKAGE: version}
    packages = read(claude.LOCKS / version / "package-lock.json")["packages"]
    assert set(packages) == {"", f"node_modules/{PACKAGE}"}
    package = packages[f"node_modules/{PACKAGE}"]
    assert package["version"] == version
    assert package["integrity"].startswith("sha512-")
    assert "resolved" not in package


def test_a_private_home_approves_the_key_and_trusts_the_folders(tmp_path: Path) -> None:
    home = claude.make_home(tmp_path / "home", tmp_path)
    document = read(home / ".claude.json")
    assert document["customApiKeyResponses"]["approved"] == [claude.API_KEY[-20:]]
    assert document["projects"] == {str(tmp_path.resolve()): {"hasTrustDialogAccepted": True}}


def test_the_environment_holds_nothing_of_the_callers_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_CODE_SOMETHING", "1")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "somebody's own")
    environment = claude.environment(tmp_path, "http://127.0.0.1:1")
    assert not {"CLAUDE_CODE_SOMETHING", "ANTHROPIC_AUTH_TOKEN"} & set(environment)
    assert environment["HOME"] == str(tmp_path)
