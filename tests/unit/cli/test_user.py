"""`kubecoder user list|show|remove` in every format, without ever showing a secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from kubecoder.cli import user as user_commands
from kubecoder.cli.main import app
from tests.unit.fleets import API_KEY, CLIENT_SECRET, COOKIE_SECRET, FleetFolder, user

JANE = """\
  githubOrg: acme
  githubTeam: dev
namespace: jane
build: {mode: dind}
patches: [{kind: Service, merge: {}}]
"""


@pytest.fixture(autouse=True)
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FleetFolder:
    monkeypatch.chdir(tmp_path)
    folder = FleetFolder(Path()).add("john")
    folder.write("users/jane.yaml", user("jane", JANE))
    folder.write("secrets/jane/claude.yaml", f"claude: {{apiKey: {API_KEY}}}\n")
    return folder


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, arguments, prog_name="kubecoder")
    assert not [secret for secret in (API_KEY, CLIENT_SECRET, COOKIE_SECRET) if secret in result.output]
    return result


def shown(*arguments: str) -> str:
    result = run("user", *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_list_has_a_row_for_each_user() -> None:
    assert shown("list") == (
        "NAME   HOST                   NAMESPACE   SIGN-IN\n"
        "jane   jane.dev.company.com   jane        jane,@acme/dev\n"
        "john   john.dev.company.com   coder       john\n"
    )


def test_a_wide_list_has_more_columns() -> None:
    head, jane, _ = (line.split() for line in shown("list", "-o", "wide").splitlines())
    assert dict(zip(head, jane, strict=True))["BUILD"] == "dind"
    assert jane[-1] == "users/jane.yaml"


@pytest.mark.parametrize(("output", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_a_list_is_an_object_with_a_named_list(output: str, read: Callable[[str], Any]) -> None:
    document = read(shown("list", "-o", output))
    assert [entry["name"] for entry in document["users"]] == ["jane", "john"]
    assert document["users"][0] == {
        "name": "jane",
        "namespace": "jane",
        "host": "jane.dev.company.com",
        "url": "https://jane.dev.company.com/",
        "github_users": ["jane"],
        "github_org": "acme",
        "github_team": "dev",
        "image": "kubecoder/workspace:0.1.0",
        "home_size": "50Gi",
        "build_mode": "dind",
        "file": "users/jane.yaml",
    }


def test_names_are_one_per_line() -> None:
    assert shown("list", "-o", "name") == "user/jane\nuser/john\n"
    assert shown("show", "john", "-o", "name") == "user/john\n"


def test_an_empty_fleet_says_how_to_begin() -> None:
    for file in Path("users").glob("j*.yaml"):
        file.unlink()
    result = run("user", "list")
    assert result.stdout.split() == ["NAME", "HOST", "NAMESPACE", "SIGN-IN"]
    assert "add one with `kubecoder user add`" in result.stderr


def test_a_list_needs_no_secrets_but_good_files(fleet: FleetFolder) -> None:
    fleet.write("secrets/_defaults/oauth2.yaml", "")
    assert run("user", "list").exit_code == 0
    fleet.write("users/john.yaml", "user: {}\n")
    assert run("user", "list").exit_code == 3


def test_one_user_is_shown_with_all_defaults() -> None:
    text = shown("show", "jane")
    facts = dict(line.split(":", 1) for line in text.splitlines())
    assert {name: value.strip() for name, value in facts.items()} == {
        "Name": "jane",
        "File": "users/jane.yaml",
        "URL": "https://jane.dev.company.com/",
        "Namespace": "jane",
        "Sign-in": "jane,@acme/dev",
        "Image": "kubecoder/workspace:0.1.0",
        "Home": "50Gi",
        "Resources": "cpu 200m to 2, memory 512Mi to 4Gi",
        "Build": "dind",
        "Variables": "<none>",
        "Patches": "Service",
        "Secrets": "oauth2 (secrets/_defaults/oauth2.yaml), claude (secrets/jane/claude.yaml)",
    }


def test_the_document_of_one_user_has_the_values_as_files_have_them() -> None:
    document = json.loads(shown("show", "jane", "-o", "json"))
    assert document["values"]["resources"]["limits"] == {"cpu": "2", "memory": "4Gi"}
    assert document["values"]["oauth2"]["githubUsers"] == ["jane"]
    assert document["secrets"] == {
        "oauth2": ["secrets/_defaults/oauth2.yaml"],
        "claude": ["secrets/jane/claude.yaml"],
    }


@pytest.mark.parametrize("command", [["show"], ["remove", "--yes"]], ids=["show", "remove"])
def test_a_user_who_is_not_there_is_an_error_with_the_choices(command: list[str]) -> None:
    result = run("user", *command, "max")
    assert (result.exit_code, result.stderr) == (4, "error: no user max in this fleet\nhint: users: jane, john\n")


class TestRemove:
    def test_it_says_what_is_lost_and_what_stays(self) -> None:
        result = run("user", "remove", "jane", "--yes")
        assert result.exit_code == 0
        assert result.stdout == "secrets/jane removed\nusers/jane.yaml removed\n"
        assert "will delete secrets/jane and users/jane.yaml" in result.stderr
        assert "secrets that are nowhere else are lost" in result.stderr
        assert "a workspace in the cluster stays; `kubecoder delete jane` deletes it" in result.stderr
        assert shown("list", "-o", "name") == "user/john\n"
        assert not Path("secrets/jane").exists()

    def test_it_needs_a_yes_where_nobody_can_be_asked(self) -> None:
        result = run("user", "remove", "jane")
        assert result.exit_code == 2
        assert result.stderr.endswith("error: removing jane needs a yes\nhint: write --yes\n")
        assert Path("users/jane.yaml").exists()

    @pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
    def test_it_asks_where_somebody_is(self, monkeypatch: pytest.MonkeyPatch, answer: str, code: int) -> None:
        monkeypatch.setattr(user_commands, "can_ask", lambda: True)
        result = CliRunner().invoke(app, ["user", "remove", "jane"], input=answer)
        assert result.exit_code == code
        assert "Remove user jane?" in result.stderr
        assert Path("users/jane.yaml").exists() is (code != 0)

    def test_a_dry_run_removes_nothing_and_asks_nothing(self) -> None:
        result = run("user", "remove", "jane", "--dry-run")
        assert result.stdout == "secrets/jane removed (dry run)\nusers/jane.yaml removed (dry run)\n"
        assert Path("secrets/jane/claude.yaml").exists()

    def test_a_broken_file_can_be_removed(self, fleet: FleetFolder) -> None:
        fleet.write("users/john.yaml", "user: [")
        assert run("user", "remove", "john", "--yes").exit_code == 0
        assert shown("list", "-o", "name") == "user/jane\n"

    def test_secrets_that_were_left_over_can_be_removed(self) -> None:
        Path("users/jane.yaml").unlink()
        assert run("user", "remove", "jane", "--yes").stdout == "secrets/jane removed\n"

    @pytest.mark.parametrize("name", ["../users", "_defaults", "jane/..", ""])
    def test_it_never_leaves_the_place_of_users(self, name: str) -> None:
        before = sorted(Path().rglob("*"))
        result = run("user", "remove", "--yes", name)
        assert (result.exit_code, "can't be a user's name" in result.stderr) == (2, True)
        assert sorted(Path().rglob("*")) == before

    def test_what_cannot_be_deleted_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(path: Path) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr("kubecoder.fleet.removal.shutil.rmtree", refuse)
        result = run("user", "remove", "jane", "--yes")
        assert result.exit_code == 3
        assert "secrets/jane can't be deleted: Permission denied" in result.stderr
        assert Path("users/jane.yaml").exists()
