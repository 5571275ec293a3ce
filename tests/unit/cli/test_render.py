"""`kubecoder render`."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from kubecoder.cli.main import app

DEFAULTS = """
fleetId: acme-1a2b3c
domain: dev.company.com
image: {tag: 0.1.0}
"""
OAUTH2 = """
oauth2: {clientId: Ov23liExample, clientSecret: oauth-client-secret-1, cookieSecret: "0123456789abcdef"}
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    folder = tmp_path / "fleet"
    (folder / "users").mkdir(parents=True)
    (folder / "users" / "_defaults.yaml").write_text(DEFAULTS)
    for name in ("john", "jane"):
        (folder / "users" / f"{name}.yaml").write_text(f"user: {{name: {name}}}\noauth2: {{githubUsers: [{name}]}}\n")
    secret = folder / "secrets" / "_defaults" / "oauth2.yaml"
    secret.parent.mkdir(parents=True, mode=0o700)
    secret.parent.parent.chmod(0o700)
    secret.touch(mode=0o600)
    secret.write_text(OAUTH2)
    return folder


def run(fleet: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["-C", str(fleet), "render", *arguments], prog_name="kubecoder")


def documents(result: Result) -> list[Any]:
    assert result.exit_code == 0, result.stderr
    return list(yaml.safe_load_all(result.stdout))


def owners(result: Result) -> list[str]:
    found = (document["metadata"]["annotations"]["kubecoder.dev/owner"] for document in documents(result))
    return list(dict.fromkeys(owner.removeprefix("acme-1a2b3c/") for owner in found))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["base", "jane", "john"]),
        (["--all"], ["base", "jane", "john"]),
        (["john"], ["john"]),
        (["john", "jane", "john"], ["john", "jane"]),
        (["base"], ["base"]),
        (["john", "base"], ["base", "john"]),
    ],
)
def test_what_is_rendered(fleet: Path, arguments: list[str], expected: list[str]) -> None:
    assert owners(run(fleet, *arguments)) == expected


def test_every_object_comes_once_and_the_namespace_first(fleet: Path) -> None:
    found = documents(run(fleet))
    keys = [(entry["kind"], entry["metadata"].get("namespace"), entry["metadata"]["name"]) for entry in found]
    assert len(set(keys)) == len(keys)
    assert keys[0] == ("Namespace", None, "coder")


def test_a_file_for_each_workspace(fleet: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "manifests"
    result = run(fleet, "--output-dir", str(folder))
    assert result.stdout.splitlines() == [str(folder / f"{name}.yaml") for name in ("base", "jane", "john")]
    texts = [(folder / f"{name}.yaml").read_text() for name in ("base", "jane", "john")]
    assert "---\n".join(texts) == run(fleet).stdout
    assert sorted(file.name for file in folder.iterdir()) == ["base.yaml", "jane.yaml", "john.yaml"]


def test_files_with_secrets_are_for_nobody_else(fleet: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "john.yaml").touch(mode=0o644)
    run(fleet, "john", "--output-dir", str(folder))
    assert stat.S_IMODE((folder / "john.yaml").stat().st_mode) == 0o600
    run(fleet, "john", "--no-secrets", "--output-dir", str(folder))
    assert stat.S_IMODE((folder / "john.yaml").stat().st_mode) & 0o044


def test_a_file_of_a_user_who_is_gone_is_told(fleet: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run(fleet, "--output-dir", str(folder))
    (fleet / "users" / "jane.yaml").unlink()
    assert "jane.yaml is from no user of this fleet" in run(fleet, "--all", "--output-dir", str(folder)).stderr
    assert "jane.yaml" not in run(fleet, "john", "--output-dir", str(folder)).stderr
    assert (folder / "jane.yaml").exists()


def test_no_secrets_leaves_out_values(fleet: Path) -> None:
    secrets = [entry for entry in documents(run(fleet, "--no-secrets")) if entry["kind"] == "Secret"]
    assert len(secrets) == 4
    assert not any("data" in secret for secret in secrets)


def test_no_secrets_works_in_a_clone_without_secrets(fleet: Path) -> None:
    (fleet / "secrets" / "_defaults" / "oauth2.yaml").unlink()
    assert run(fleet, "john").exit_code == 3
    result = run(fleet, "john", "--no-secrets")
    assert owners(result) == ["john"]
    assert "john: no OAuth client in secrets/" in result.stderr


def test_names_and_all_exclude_each_other(fleet: Path) -> None:
    result = run(fleet, "john", "--all")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: names and --all exclude each other")


def test_an_unknown_user(fleet: Path) -> None:
    result = run(fleet, "joan")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "no user joan" in result.stderr


def test_a_broken_template_writes_nothing(fleet: Path, tmp_path: Path) -> None:
    template = fleet / "manifests" / "workspace" / "service.yaml.j2"
    template.parent.mkdir(parents=True)
    template.write_text("a: {{ nothing }}\n")
    folder = tmp_path / "out"
    result = run(fleet, "--output-dir", str(folder))
    assert (result.exit_code, result.stdout) == (3, "")
    assert f"{template}:1: 'nothing' is undefined" in result.stderr
    assert not folder.exists()


def test_a_folder_that_cannot_be_written(fleet: Path, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    result = run(fleet, "--output-dir", str(tmp_path / "out" / "deeper"))
    assert result.exit_code == 3
    assert "can't write to" in result.stderr
