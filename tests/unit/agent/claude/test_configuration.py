"""Claude's own configuration: dialogs answered beforehand, and nothing lost."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.claude import configuration
from agent.claude.configuration import ConfigurationError, seed, signed_in
from tests.unit.agent.claude.test_hookevents import JSON

KEY = "sk-ant-invented-0123456789abcdefghij"
LOGIN = {"oauthAccount": {"emailAddress": "john@company.com"}, "userID": "u", "projects": {"/x": {"history": [1]}}}


def state_of(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / ".claude.json").read_text())
    return found


def test_a_new_home_is_asked_nothing(tmp_path: Path) -> None:
    workdir = tmp_path / "project"
    workdir.mkdir()
    seed(tmp_path, workdir, {"ANTHROPIC_API_KEY": KEY})
    state = state_of(tmp_path)
    assert state["hasCompletedOnboarding"] is True
    assert state["projects"][str(workdir)] == {"hasTrustDialogAccepted": True}
    assert state["customApiKeyResponses"] == {"approved": [KEY[-20:]], "rejected": []}
    assert stat.S_IMODE((tmp_path / ".claude.json").stat().st_mode) == 0o600
    assert KEY not in (tmp_path / ".claude.json").read_text()


def test_a_login_and_what_nobody_knows_stay(tmp_path: Path) -> None:
    (tmp_path / ".claude.json").write_text(json.dumps(LOGIN))
    seed(tmp_path, tmp_path, {})
    state = state_of(tmp_path)
    assert {key: state[key] for key in ("oauthAccount", "userID")} == {
        key: LOGIN[key] for key in ("oauthAccount", "userID")
    }
    assert state["projects"]["/x"] == {"history": [1]}
    assert "customApiKeyResponses" not in state


def test_the_folder_of_the_repository_is_trusted(tmp_path: Path) -> None:
    workdir = tmp_path / "repository" / "below"
    workdir.mkdir(parents=True)
    (tmp_path / "repository" / ".git").mkdir()
    seed(tmp_path, workdir, {})
    assert state_of(tmp_path)["projects"][str(tmp_path / "repository")]["hasTrustDialogAccepted"] is True


def test_a_seeded_home_is_not_written_again(tmp_path: Path) -> None:
    seed(tmp_path, tmp_path, {"ANTHROPIC_API_KEY": KEY})
    before = (tmp_path / ".claude.json").stat()
    seed(tmp_path, tmp_path, {"ANTHROPIC_API_KEY": KEY})
    after = (tmp_path / ".claude.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_refused_key_is_refused_no_more(tmp_path: Path) -> None:
    responses = {"approved": ["other"], "rejected": [KEY[-20:], "third"]}
    (tmp_path / ".claude.json").write_text(json.dumps({"customApiKeyResponses": responses}))
    seed(tmp_path, tmp_path, {"ANTHROPIC_API_KEY": KEY})
    assert state_of(tmp_path)["customApiKeyResponses"] == {"approved": ["other", KEY[-20:]], "rejected": ["third"]}


def test_what_claude_writes_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".claude.json"
    file.write_text("{}")
    original = configuration._answered
    turns: list[int] = []

    def answered(*arguments: Any) -> dict[str, Any]:
        if not turns:
            file.write_text(json.dumps({"oauthAccount": {"emailAddress": "new"}}))
        turns.append(1)
        return original(*arguments)

    monkeypatch.setattr(configuration, "_answered", answered)
    seed(tmp_path, tmp_path, {})
    assert len(turns) == 2
    assert state_of(tmp_path)["oauthAccount"] == {"emailAddress": "new"}
    assert state_of(tmp_path)["hasCompletedOnboarding"] is True


@pytest.mark.parametrize("content", [b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000])
def test_a_broken_file_is_left_alone_and_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".claude.json").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"\.claude\.json isn't"):
        seed(tmp_path, tmp_path, {})
    assert (tmp_path / ".claude.json").read_bytes() == content


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "dotfiles" / "claude.json").write_text(json.dumps(LOGIN))
    (tmp_path / ".claude.json").symlink_to("dotfiles/claude.json")
    seed(tmp_path, tmp_path, {})
    assert (tmp_path / ".claude.json").is_symlink()
    assert state_of(tmp_path)["oauthAccount"] == LOGIN["oauthAccount"]


def test_another_folder_is_taken_when_it_is_chosen(tmp_path: Path) -> None:
    chosen = {"CLAUDE_CONFIG_DIR": str(tmp_path / "chosen")}
    seed(tmp_path, tmp_path, chosen)
    assert (tmp_path / "chosen" / ".claude.json").exists()
    assert configuration.config_directory(tmp_path, chosen) == tmp_path / "chosen"
    assert configuration.config_directory(tmp_path, {}) == tmp_path / ".claude"


@given(state=st.dictionaries(st.sampled_from(["projects", "customApiKeyResponses", "theme", "x"]), JSON))
def test_nothing_that_was_in_the_file_makes_seeding_fail(
    tmp_path_factory: pytest.TempPathFactory, state: dict[str, Any]
) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / ".claude.json").write_text(json.dumps(state, allow_nan=True).encode("ascii", "replace").decode())
    seed(home, home, {"ANTHROPIC_API_KEY": KEY})
    assert state_of(home)["projects"][str(home.resolve())]["hasTrustDialogAccepted"] is True


@pytest.mark.parametrize(
    ("environment", "files", "expected"),
    [
        ({}, {}, False),
        ({"ANTHROPIC_API_KEY": ""}, {}, False),
        ({"ANTHROPIC_API_KEY": "x"}, {}, True),
        ({"ANTHROPIC_AUTH_TOKEN": "x"}, {}, True),
        ({"CLAUDE_CODE_OAUTH_TOKEN": "x"}, {}, True),
        ({"CLAUDE_CODE_USE_BEDROCK": "1"}, {}, True),
        ({}, {".claude/.credentials.json": "{}"}, True),
        ({}, {".claude.json": '{"oauthAccount": {"a": 1}}'}, True),
        ({}, {".claude.json": '{"theme": "dark"}'}, False),
        ({}, {".claude/settings.json": '{"apiKeyHelper": "x"}'}, True),
        ({}, {".claude/settings.json": '{"env": {"ANTHROPIC_API_KEY": "x"}}'}, True),
        ({}, {".claude/settings.json": '{"env": [1]}'}, False),
        ({}, {".claude/settings.json": "{"}, False),
    ],
)
def test_any_way_to_sign_in_counts(
    tmp_path: Path, environment: dict[str, str], files: dict[str, str], expected: bool
) -> None:
    (tmp_path / ".claude").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    assert signed_in(tmp_path, environment) is expected


def test_folders_that_are_trusted_at_the_same_time_are_all_trusted(tmp_path: Path) -> None:
    workdirs = [tmp_path / f"project-{number}" for number in range(12)]
    with ThreadPoolExecutor(len(workdirs)) as pool:
        for seeding in [pool.submit(seed, tmp_path, workdir, {}) for workdir in workdirs]:
            seeding.result()
    assert set(state_of(tmp_path)["projects"]) == {str(workdir) for workdir in workdirs}
    assert not (tmp_path / ".claude.json.lock").exists()


def test_what_claude_writes_under_its_lock_is_waited_for(tmp_path: Path) -> None:
    lock = tmp_path / ".claude.json.lock"
    lock.mkdir()
    with ThreadPoolExecutor() as pool:
        seeding = pool.submit(seed, tmp_path, tmp_path / "ours", {})
        (tmp_path / ".claude.json").write_text(json.dumps(LOGIN))
        lock.rmdir()
        seeding.result()
    assert set(state_of(tmp_path)["projects"]) == {"/x", str(tmp_path / "ours")}


def test_a_lock_that_was_left_behind_holds_nobody_up(tmp_path: Path) -> None:
    lock = tmp_path / ".claude.json.lock"
    lock.mkdir()
    os.utime(lock, (0, 0))
    seed(tmp_path, tmp_path, {})
    assert not lock.exists()


def test_a_lock_that_is_never_released_is_not_waited_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration, "LOCK_SECONDS", 0.1)
    (tmp_path / ".claude.json.lock").mkdir()
    seed(tmp_path, tmp_path, {})
    assert state_of(tmp_path)["projects"]
    assert (tmp_path / ".claude.json.lock").exists()
