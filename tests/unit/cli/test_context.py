"""What commands get from the options: the fleet, the connection, the users' names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from kubecoder.cli.context import complete_users, connect, open_fleet, settings
from kubecoder.cli.main import app
from kubecoder.errors import ConfigError
from kubecoder.settings import Settings

DEFAULTS = """\
fleetId: 0123456789abcdef
context: of-the-fleet
image: {tag: "1.0"}
"""
USER = """\
user: {name: NAME, host: NAME.example.org}
oauth2: {githubUsers: [NAME]}
"""
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "of-the-kubeconfig",
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "u", "user": {"token": "t"}}],
    "contexts": [
        {"name": name, "context": {"cluster": "c", "user": "u"}}
        for name in ("of-the-kubeconfig", "of-the-fleet", "of-the-option")
    ],
}


class Contexts:
    """Makes Typer contexts whose settings point at a fleet and a kubeconfig."""

    def __init__(self, folder: Path) -> None:
        self.fleet = folder / "fleet"
        (self.fleet / "users").mkdir(parents=True)
        (self.fleet / "users" / "_defaults.yaml").write_text(DEFAULTS)
        for name in ("john", "jane"):
            (self.fleet / "users" / f"{name}.yaml").write_text(USER.replace("NAME", name))
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(json.dumps(KUBECONFIG))

    def make(self, **changes: Any) -> typer.Context:
        ctx = typer.Context(typer.main.get_command(app), info_name="kubecoder")
        ctx.obj = Settings(**{"fleet_dir": self.fleet, "kubeconfig": str(self.kubeconfig), **changes})
        return ctx


@pytest.fixture
def contexts(tmp_path: Path) -> Contexts:
    return Contexts(tmp_path)


def test_a_fleet_is_loaded_from_the_folder_of_the_settings(contexts: Contexts) -> None:
    fleet = open_fleet(contexts.make(), require_secrets=False)
    assert [workspace.name for workspace in fleet.workspaces] == ["jane", "john"]


def test_secrets_are_required_unless_said_otherwise(contexts: Contexts) -> None:
    with pytest.raises(ConfigError) as raised:
        open_fleet(contexts.make())
    assert all("secrets" in str(problem) for problem in raised.value.problems)


def test_notices_of_the_fleet_go_to_stderr(contexts: Contexts, capsys: pytest.CaptureFixture[str]) -> None:
    file = contexts.fleet / "users" / "john.yaml"
    file.write_text(file.read_text() + "ssh: {enabled: true}\n")
    fleet = open_fleet(contexts.make(), require_secrets=False)
    captured = capsys.readouterr()
    assert captured.err.splitlines() == list(fleet.notices) != []
    assert captured.out == ""


@pytest.mark.parametrize(
    ("option", "with_fleet", "chosen"),
    [(None, False, "of-the-kubeconfig"), (None, True, "of-the-fleet"), ("of-the-option", True, "of-the-option")],
)
def test_the_option_wins_over_the_fleet_and_the_fleet_over_the_kubeconfig(
    contexts: Contexts, option: str | None, with_fleet: bool, chosen: str
) -> None:
    ctx = contexts.make(context=option)
    fleet = open_fleet(ctx, require_secrets=False) if with_fleet else None
    assert connect(ctx, fleet).context == chosen


def test_a_command_that_writes_says_where(contexts: Contexts, capsys: pytest.CaptureFixture[str]) -> None:
    connect(contexts.make())
    assert capsys.readouterr().err == ""
    connect(contexts.make(), writes=True)
    assert capsys.readouterr().err == "context: of-the-kubeconfig (http://127.0.0.1:1)\n"


def test_the_connection_closes_with_the_command(contexts: Contexts, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    ctx = contexts.make()
    monkeypatch.setattr("kubecoder.cluster.Cluster.close", lambda _: closed.append(True))
    connect(ctx)
    assert closed == []
    ctx.close()
    assert closed == [True]


def test_user_names_complete_from_file_names(contexts: Contexts) -> None:
    (contexts.fleet / "users" / "broken.yaml").write_text(":::")
    assert complete_users(contexts.make(), "") == ["broken", "jane", "john"]
    assert complete_users(contexts.make(), "ja") == ["jane"]
    assert complete_users(contexts.make(), "_") == []


def test_user_names_complete_to_nothing_outside_a_fleet(tmp_path: Path) -> None:
    ctx = typer.Context(typer.main.get_command(app))
    ctx.obj = Settings(fleet_dir=tmp_path)
    assert complete_users(ctx, "") == []


@pytest.mark.parametrize("position", ["before", "after", "environment"])
def test_the_shell_completes_users_of_the_fleet_that_the_line_names(
    contexts: Contexts, monkeypatch: pytest.MonkeyPatch, position: str
) -> None:
    from typer.completion import completion_init  # type: ignore[attr-defined]

    completion_init()
    fleet = contexts.fleet
    line = {"before": f"kubecoder -C {fleet} deploy j", "after": f"kubecoder deploy -C {fleet} j"}
    words = line.get(position, "kubecoder deploy j")
    if position == "environment":
        monkeypatch.setenv("KUBECODER_FLEET", str(fleet))
    environment = {
        "_KUBECODER_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    result = CliRunner().invoke(app, [], env=environment, prog_name="kubecoder")
    assert result.stdout.split() == ["jane", "john"]


def test_settings_during_completion_are_the_parsed_options() -> None:
    ctx = typer.Context(typer.main.get_command(app))
    ctx.params["fleet"] = "/fleet"
    assert settings(ctx) == Settings(fleet_dir=Path("/fleet"))
    assert settings(typer.Context(typer.main.get_command(app))) == Settings()
