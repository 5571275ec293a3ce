"""`kubecoder validate` for people, for machines, and for a clone that has no secrets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kubecoder.cli.main import app
from kubecoder.fleet import schema
from tests.unit.fleets import FleetFolder, user

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FleetFolder:
    monkeypatch.chdir(tmp_path)
    return FleetFolder(Path()).add("john")


def validate(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["validate", *arguments], prog_name="kubecoder")


def test_a_good_fleet_is_silent_on_stdout(fleet: FleetFolder) -> None:
    fleet.add("jane")
    result = validate()
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "2 users, no problems\n")


def test_notices_are_told_and_are_no_problems(fleet: FleetFolder) -> None:
    fleet.write("users/john.yaml", user("john", "ssh: {port: 22}\n"))
    result = validate()
    assert result.exit_code == 0
    assert result.stderr.startswith("users/john.yaml: ssh: has no effect")


def test_machines_get_one_document(fleet: FleetFolder) -> None:
    assert json.loads(validate("-o", "json").stdout) == {
        "valid": True,
        "users": ["john"],
        "problems": [],
        "notices": [],
    }
    fleet.write("users/john.yaml", user("john", "api: {generation: 0}\n"))
    result = validate("-o", "json")
    assert result.exit_code == 3
    assert json.loads(result.stdout) == {
        "valid": False,
        "users": [],
        "problems": [
            {
                "file": "users/john.yaml",
                "line": 5,
                "key": "api.generation",
                "message": "is too small",
                "advice": "at least 1",
            }
        ],
        "notices": [],
    }


def test_a_clone_without_secrets_can_be_checked(fleet: FleetFolder) -> None:
    Path("secrets/_defaults/oauth2.yaml").unlink()
    assert validate().exit_code == 3
    assert validate("--no-secrets").exit_code == 0


def test_the_example_fleet_is_valid() -> None:
    result = CliRunner().invoke(app, ["-C", str(ROOT), "validate", "--no-secrets"], prog_name="kubecoder")
    assert (result.exit_code, result.stderr) == (0, "2 users, no problems\n")


def test_a_broken_template_is_found_without_a_cluster(fleet: FleetFolder) -> None:
    fleet.write("manifests/workspace/service.yaml.j2", "kind: {{ nothing.of_this }}\n")
    result = validate()
    assert result.exit_code == 3
    assert "service.yaml.j2" in result.stderr
    assert "Traceback" not in result.output


def test_a_patch_that_matches_nothing_is_found_without_a_cluster(fleet: FleetFolder) -> None:
    fleet.write("users/john.yaml", user("john", "patches: [{kind: Deploiment, merge: {spec: {}}}]\n"))
    result = validate()
    assert result.exit_code == 3
    assert "users/john.yaml" in result.stderr


def test_the_schema_needs_no_fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = validate("--schema")
    assert (result.exit_code, result.stdout) == (0, schema.text())
