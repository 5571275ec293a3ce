"""Whatever is wrong with the fleet's files: exit code 3, the exact places, no traceback, nothing sent."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from kubecoder.cli.main import app
from tests.unit.cli.bad_files import CASES, Case
from tests.unit.fleets import API_KEY, CLIENT_SECRET, COOKIE_SECRET, FleetFolder, rsa_key

HIDDEN = (API_KEY, CLIENT_SECRET, COOKIE_SECRET, *rsa_key().splitlines()[1:-1])


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        pytest.fail("a request was sent")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FleetFolder:
    monkeypatch.chdir(tmp_path)
    return FleetFolder(Path()).add("john")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="kubecoder")


def told(result: Result) -> list[str]:
    """Return the lines about problems, after checking what holds for every such error."""
    assert result.exit_code == 3, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert not [value for value in HIDDEN if value in result.output]
    assert result.stdout == ""
    first, *lines = result.stderr.splitlines()
    assert first.startswith("error: ")
    return [line.removeprefix("  ") for line in lines if line.startswith("  ")]


def test_the_fleet_that_is_broken_below_is_valid(fleet: FleetFolder) -> None:
    result = run("validate")
    assert (result.exit_code, result.stderr) == (0, "1 user, no problems\n")


def test_there_are_enough_cases_and_each_has_its_name() -> None:
    assert len({case.id for case in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
@pytest.mark.parametrize("command", [["validate"], ["deploy", "--all"]], ids=["validate", "deploy"])
def test_a_broken_file_is_told_by_place_and_key(case: Case, command: list[str], fleet: FleetFolder) -> None:
    for name, content in case.files.items():
        if content is None:
            (fleet.directory / name).unlink()
        else:
            fleet.write(name, content)
    lines = told(run(*command))
    assert len(lines) == len(case.told), lines
    for line, start in zip(lines, case.told, strict=True):
        assert line.startswith(start)


def test_all_problems_of_all_files_are_told_at_once(fleet: FleetFolder) -> None:
    fleet.add("jane", "max")
    fleet.write("users/john.yaml", "user: {name: john, pvcSize: 5GB, host: HOST}\noauth2: {githubTeam: a}\nbild: {}\n")
    fleet.write("users/jane.yaml", "user: [\n")
    fleet.write("secrets/max/claude.yaml", "claude: {apiKey: ''}\n").chmod(0o640)
    assert [line.split(" ")[0] for line in told(run("validate"))] == [
        "secrets/max/claude.yaml:",
        "secrets/max/claude.yaml:1:",
        "users/jane.yaml:1:",
        "users/john.yaml:1:",
        "users/john.yaml:1:",
        "users/john.yaml:2:",
        "users/john.yaml:3:",
    ]


def test_a_mistake_in_the_defaults_is_told_once_for_all_users(fleet: FleetFolder) -> None:
    fleet.add(*(f"user{number}" for number in range(20)))
    fleet.write("users/_defaults.yaml", "fleetId: fleet\ndomain: a.io\nimage: {tag: ':'}\n")
    assert told(run("validate")) == [
        "users/_defaults.yaml:3: image.tag: ':' is no image tag (for example 0.1.0, or sha256:<64 hex digits>)"
    ]


def test_the_defaults_are_checked_in_a_fleet_without_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    FleetFolder(Path()).write("users/_defaults.yaml", "fleetId: Fleet\nimage: {tag: a b}\n")
    assert [line.split(" ")[1] for line in told(run("validate"))] == ["fleetId:", "image.tag:"]


def test_a_folder_that_is_no_fleet_says_how_to_make_one(tmp_path: Path) -> None:
    result = run("-C", str(tmp_path), "validate")
    assert told(result) == []
    assert f"{tmp_path} is no fleet" in result.stderr
    assert "hint: go to the fleet's folder, name it with -C, or make one with `kubecoder init`" in result.stderr


def test_a_folder_in_the_place_of_a_file_is_told(fleet: FleetFolder) -> None:
    (fleet.directory / "users" / "jane.yaml").mkdir()
    assert told(run("validate")) == ["users/jane.yaml: is no file"]


def test_a_link_that_leads_nowhere_is_told(fleet: FleetFolder) -> None:
    (fleet.directory / "users" / "jane.yaml").symlink_to("nowhere")
    assert told(run("validate")) == ["users/jane.yaml: can't be read: No such file or directory"]


def test_a_link_to_secrets_that_leads_nowhere_is_told(fleet: FleetFolder) -> None:
    fleet.write("secrets/john/claude.yaml", "").unlink()
    (fleet.directory / "secrets" / "john" / "claude.yaml").symlink_to("nowhere")
    assert told(run("validate")) == ["secrets/john/claude.yaml: can't be read: No such file or directory"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_secrets_that_others_can_read_are_told_with_the_command_that_helps(fleet: FleetFolder, mode: int) -> None:
    (fleet.directory / "secrets" / "_defaults" / "oauth2.yaml").chmod(mode)
    file = "secrets/_defaults/oauth2.yaml"
    assert told(run("validate")) == [f"{file}: can be read by others (mode {mode:04o}) (chmod 600 {file})"]


@pytest.mark.skipif(not shutil.which("git"), reason="needs git: https://git-scm.com/downloads")
def test_secrets_that_git_tracks_are_told(fleet: FleetFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "add", "secrets"], check=True)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    file = "secrets/_defaults/oauth2.yaml"
    assert told(run("validate")) == [f"{file}: is tracked by git (git rm --cached {file}, and renew the secret)"]


def test_secrets_do_not_matter_where_none_are_needed(fleet: FleetFolder) -> None:
    fleet.write("secrets/_defaults/oauth2.yaml", "[")
    assert run("validate", "--no-secrets").exit_code == 0
    assert run("user", "list").exit_code == 0
