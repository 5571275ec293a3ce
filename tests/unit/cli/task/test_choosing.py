"""Which task, and which workspace, a person means."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubecoder.agentclient.reach import LocalReach, PodReach
from kubecoder.cli import agents
from kubecoder.cli.task.choosing import matching
from kubecoder.errors import ConfigError, UsageError
from tests.fleets import fleet, user
from tests.rigs.cli import Cli
from tests.unit.cli.task.played import TASK_ID, TOKEN, PlayedAgent, task
from tests.unit.cluster.server import Server
from tests.unit.shelf import holding

TASKS = [
    task("1764075602-0b000000", name="nightly"),
    task("1764075601-0a111111", name="nightly", status="completed"),
    task("1764075600-0a222222", name="0b"),
    task("1764075500-0c333333", name="twice", status="killed"),
    task("1764075400-0d444444", name="twice", status="killed"),
]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("17640754", ["0d444444"]),
        ("0a1", ["0a111111"]),
        ("0a", ["0a111111", "0a222222"]),
        ("nightly", ["0b000000"]),
        ("0b", ["0a222222"]),
        ("twice", ["0c333333", "0d444444"]),
        ("twic", []),
        ("", []),
    ],
)
def test_a_task_is_meant_by_its_name_or_the_beginning_of_either_half_of_its_id(text: str, ids: list[str]) -> None:
    assert [found.task_id.rpartition("-")[2] for found in matching(TASKS, text)] == ids


def test_a_task_that_is_not_there_and_one_of_several_are_errors(run: Cli, agent: PlayedAgent) -> None:
    agent.tasks |= {item.task_id: item for item in TASKS}
    assert "has no task 'nobody'" in run("task", "status", "nobody").expect(4).stderr
    several = run("task", "status", "17640756").expect(2).stderr
    assert "4 tasks are called '17640756'" in several
    assert "1764075602-0b000000 (working)" in several
    assert "no such task" in run("task", "status", "1-00000000").expect(4).stderr


def test_the_shell_completes_ids_with_what_they_are(run: Cli, agent: PlayedAgent) -> None:
    words = {"_KUBECODER_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "kubecoder task status 17640756"}
    shown = run.with_environment(**words).run().stdout
    assert TASK_ID in shown
    assert "working" in shown
    words["_TYPER_COMPLETE_ARGS"] = "kubecoder task status 9"
    assert TASK_ID not in run.with_environment(**words).run().stdout


def test_completion_is_silent_where_no_agent_answers(run: Cli, agent: PlayedAgent) -> None:
    agent.refusal = (503, "unavailable", "no")
    words = {"_KUBECODER_COMPLETE": "complete_bash", "COMP_WORDS": "kubecoder task status 17", "COMP_CWORD": "3"}
    done = run.with_environment(**words).run()
    assert (done.stdout.strip(), done.stderr) == ("", "")


class Choice:
    """What `choose_reach` chooses in a folder with some users."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.monkeypatch = monkeypatch
        self.folder = folder
        (folder / "users").mkdir()
        monkeypatch.setenv("HOME", str(folder))
        monkeypatch.setattr(agents, "connect", lambda *_: holding())

    def users(self, *names: str) -> None:
        for name in names:
            (self.folder / "users" / f"{name}.yaml").touch()
        self.monkeypatch.setattr(agents, "open_fleet", lambda *_, **__: fleet(*map(user, names)))

    def __call__(self, user: str | None = None) -> Any:
        import typer

        from kubecoder.cli.main import app
        from kubecoder.settings import Settings

        ctx = typer.Context(typer.main.get_command(app))
        ctx.obj = Settings(fleet_dir=self.folder)
        return agents.choose_reach(ctx, user)

    def local(self) -> Path:
        file = self.folder / ".local" / "share" / "kubecoder" / "local" / "workspace.json"
        file.parent.mkdir(parents=True)
        (self.folder / "token").write_text(TOKEN)
        facts = {"url": "http://127.0.0.1:4711", "token_file": str(self.folder / "token"), "tmux_socket": "/run/t"}
        file.write_text(json.dumps(facts))
        return file


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Choice:
    return Choice(monkeypatch, tmp_path)


def test_the_option_names_the_workspace(choose: Choice, monkeypatch: pytest.MonkeyPatch) -> None:
    choose.users("john", "jane")
    monkeypatch.setenv("KUBECODER_USER", "john")
    monkeypatch.setenv("KUBECODER_URL", "https://imran.dev.company.com")
    monkeypatch.setenv("KUBECODER_TOKEN", TOKEN)
    assert isinstance(choose("jane"), PodReach)
    assert choose("jane").name == "jane"
    assert choose().name == "imran.dev.company.com"
    monkeypatch.delenv("KUBECODER_URL")
    assert choose().name == "john"


def test_an_address_without_a_token_says_what_is_missing(choose: Choice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECODER_URL", "https://imran.dev.company.com")
    with pytest.raises(ConfigError, match="KUBECODER_URL is set and KUBECODER_TOKEN isn't"):
        choose()


def test_the_only_user_needs_no_name(choose: Choice) -> None:
    choose.users("jane")
    assert choose().name == "jane"


def test_the_login_is_taken_when_it_is_a_user(
    choose: Choice, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    choose.users("john", "jane")
    monkeypatch.setattr("getpass.getuser", lambda: "jane")
    assert choose().name == "jane"
    assert capsys.readouterr().err == "workspace: jane\n"


def no_login() -> str:
    raise KeyError


@pytest.mark.parametrize("login", [lambda: "root", no_login])
def test_otherwise_the_choices_are_listed(
    login: Callable[[], str], choose: Choice, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose.users("john", "jane")
    monkeypatch.setattr("getpass.getuser", login)
    with pytest.raises(UsageError) as raised:
        choose()
    assert "one of: jane, john, local" in str(raised.value.hint)


def test_this_machines_workspace_is_named_local(choose: Choice, monkeypatch: pytest.MonkeyPatch) -> None:
    choose.users("john")
    choose.local()
    assert isinstance(choose("local"), LocalReach)
    monkeypatch.setenv("KUBECODER_USER", "local")
    assert isinstance(choose(), LocalReach)


def test_without_a_fleet_this_machines_workspace_is_taken_and_said(
    choose: Choice, capsys: pytest.CaptureFixture[str]
) -> None:
    choose.local()
    assert isinstance(choose(), LocalReach)
    assert capsys.readouterr().err == "the workspace of this machine (http://127.0.0.1:4711)\n"


def test_without_anything_every_way_is_named(choose: Choice) -> None:
    with pytest.raises(UsageError) as raised:
        choose()
    assert all(word in str(raised.value.hint) for word in ("-C", "KUBECODER_URL", "kubecoder local up"))


def test_workspaces_complete_with_local(run: Cli, server: Server, tmp_path: Path) -> None:
    (tmp_path / "users").mkdir()
    (tmp_path / "users" / "lora.yaml").touch()
    words = {"_KUBECODER_COMPLETE": "complete_bash", "COMP_WORDS": "kubecoder task list -u lo", "COMP_CWORD": "4"}
    done = run.with_environment(KUBECODER_FLEET=str(tmp_path), **words).run()
    assert done.stdout.split() == ["lora", "local"]
