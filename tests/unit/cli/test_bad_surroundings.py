"""Broken templates, patches and kubeconfigs end a deploy with exit code 3 and one clear message; nothing is sent."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kubecoder.cli.main import app
from tests.unit.fleets import FleetFolder, user

SERVICE = "manifests/workspace/service.yaml.j2"
KUBECONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "prod",
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "u", "user": {"token": "t0ken-value"}}],
    "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u"}}],
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        pytest.fail("a request was sent")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FleetFolder:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kubeconfig").write_text(json.dumps(KUBECONFIG))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    return FleetFolder(Path()).add("jane", "john")


def refusal(*arguments: str) -> str:
    """Run a command, check what holds for every refusal, and return what it says."""
    result = CliRunner().invoke(app, arguments, prog_name="kubecoder")
    assert (result.exit_code, result.stdout) == (3, ""), result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert "t0ken-value" not in result.output
    assert result.stderr.count("error: ") == 1
    return result.stderr


@pytest.mark.parametrize("command", [["deploy", "--all"], ["deploy", "john"], ["diff"]], ids=" ".join)
@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        (SERVICE, "a: {{ nothing }}\n", f"{SERVICE}:1: 'nothing' is undefined"),
        (SERVICE, "a: {% if %}\n", f"{SERVICE}:1: "),
        (SERVICE, "a: [\n", f"{SERVICE}:"),
        (SERVICE, "a: b\n", f"{SERVICE} renders to something without apiVersion"),
        ("manifests/workspace/service.yml", "a: b\n", "manifests/workspace/service.yml"),
        ("manifests/base/namespace.yaml.j2", "a: {{ nothing }}\n", "manifests/base/namespace.yaml.j2:1: "),
    ],
    ids=["undefined", "syntax", "no YAML", "no object", "name", "base"],
)
def test_a_broken_template(fleet: FleetFolder, command: list[str], file: str, text: str, says: str) -> None:
    fleet.write(file, text)
    assert says in refusal(*command)


def test_patches_that_match_nothing_are_told_for_all_users_at_once(fleet: FleetFolder) -> None:
    patches = "patches: [{kind: Cronjob, merge: {}}]\n"
    for name in ("jane", "john"):
        fleet.write(f"users/{name}.yaml", user(name, patches))
    said = refusal("deploy", "--all")
    assert "users/jane.yaml: patches[0]: the workspace has no Cronjob" in said
    assert "users/john.yaml: patches[0]: the workspace has no Cronjob" in said


@pytest.mark.parametrize("command", [["deploy", "--all"], ["status"], ["rollback", "john"]], ids=" ".join)
@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a: [1", "isn't valid YAML"),
        ("", "isn't a kubeconfig"),
        ("\0", "kubeconfig"),
        ({"current-context": "dev"}, "there is no context 'dev'"),
        ({"current-context": ""}, "no current context is set"),
        ({"clusters": []}, "there is no cluster 'c'"),
        ({"users": "x"}, "users: must be a list"),
        ({"clusters": [{"name": "c", "cluster": {"server": "nowhere"}}]}, "isn't the address of a server"),
        ({"users": [{"name": "u", "user": {"tokenFile": "/no/such"}}]}, "the file /no/such doesn't exist"),
        ({"users": [{"name": "u", "user": {"client-key": "/no/such"}}]}, "the file /no/such doesn't exist"),
    ],
)
def test_a_broken_kubeconfig(
    fleet: FleetFolder, command: list[str], content: str | dict[str, Any], says: str, tmp_path: Path
) -> None:
    text = content if isinstance(content, str) else json.dumps({**KUBECONFIG, **content})
    (tmp_path / "kubeconfig").write_text(text)
    assert says in refusal(*command)


def test_a_kubeconfig_that_is_not_there(fleet: FleetFolder, tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").unlink()
    assert "doesn't exist" in refusal("deploy", "--all")
