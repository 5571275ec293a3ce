"""What git knows of the secrets, on a real git."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kubecoder.fleet import tracking
from tests.unit.fleets import FleetFolder

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="needs git: https://git-scm.com/downloads")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def test_outside_of_a_work_tree_there_is_nothing_to_find(folder: FleetFolder) -> None:
    assert tracking.findings(folder.directory) == ([], [])


def test_ignored_secrets_are_fine(folder: FleetFolder) -> None:
    git(folder.directory, "init", "-q")
    folder.write(".gitignore", "/secrets/*\n")
    assert tracking.findings(folder.directory) == ([], [])


def test_secrets_that_git_would_add_are_a_notice(folder: FleetFolder) -> None:
    git(folder.directory, "init", "-q")
    problems, notices = tracking.findings(folder.directory)
    assert problems == []
    assert [str(notice.path.relative_to(folder.directory)) for notice in notices] == ["secrets/_defaults/oauth2.yaml"]
    assert "add /secrets/* to .gitignore" in notices[0].text


def test_tracked_secrets_are_a_problem_even_if_they_are_ignored_now(folder: FleetFolder) -> None:
    folder.write("secrets/.gitkeep", "")
    folder.write("secrets/jöhn doe/claude.yaml", "")
    git(folder.directory, "init", "-q")
    git(folder.directory, "add", "secrets")
    folder.write(".gitignore", "/secrets/*\n")
    problems, notices = tracking.findings(folder.directory)
    assert notices == []
    assert [str(problem.path.relative_to(folder.directory)) for problem in problems] == [
        "secrets/_defaults/oauth2.yaml",
        "secrets/jöhn doe/claude.yaml",
    ]


def test_a_fleet_below_the_top_of_a_work_tree_is_looked_at_too(folder: FleetFolder) -> None:
    git(folder.directory.parent, "init", "-q")
    git(folder.directory.parent, "add", "-A")
    problems, _ = tracking.findings(folder.directory)
    assert [problem.message for problem in problems] == ["is tracked by git"]


def test_without_git_nothing_is_found(folder: FleetFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    git(folder.directory, "init", "-q")
    monkeypatch.setenv("PATH", "/nowhere")
    assert tracking.findings(folder.directory) == ([], [])
