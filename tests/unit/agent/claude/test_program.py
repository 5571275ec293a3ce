"""How Claude Code is found and started, and what its settings tell it to tell us."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from agent.claude import hooksettings, program
from agent.claude.program import ClaudeMissingError


def arguments(**changes: object) -> list[str]:
    values = {"session_id": "s-1", "resume": False, "permission_mode": "default", "model": None, **changes}
    return program.arguments(Path("/bin/claude"), settings_file=Path("/x/settings.json"), **values)  # type: ignore[arg-type]


def test_a_missing_program_is_an_error_that_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClaudeMissingError, match="npm install"):
        program.find("claude")
    with pytest.raises(ClaudeMissingError):
        asyncio.run(program.version(tmp_path / "claude"))
    with pytest.raises(ClaudeMissingError, match="version"):
        asyncio.run(program.version(Path("/bin/echo")))


def test_a_conversation_begins_with_its_id_and_goes_on_with_it() -> None:
    expected = ["--permission-mode", "default", "--settings", "/x/settings.json"]
    assert arguments() == ["/bin/claude", "--session-id", "s-1", *expected]
    assert arguments(resume=True) == ["/bin/claude", "--resume", "s-1", *expected]
    assert arguments(model="opus", permission_mode="plan")[3:7] == ["--permission-mode", "plan", "--model", "opus"]


def environment_of(tmp_path: Path, content: bytes, **before: str) -> dict[str, str]:
    (tmp_path / "environment").write_bytes(content)
    command = program.wrapped(["/usr/bin/env", "-0"], folder=tmp_path)
    shown = subprocess.run(command, env={"PATH": "/usr/bin:/bin", **before}, capture_output=True, check=True).stdout
    return dict(line.split("=", 1) for line in shown.decode().split("\0") if line)


def test_claude_gets_the_agents_keys_and_not_an_older_servers(tmp_path: Path) -> None:
    now = {
        "ANTHROPIC_API_KEY": "new 'key' $x",
        "HTTPS_PROXY": "http://p",
        "CLAUDECODE": "1",
        "OTHER": "x",
        "CLAUDE_CODE_SSE_PORT": "1",
    }
    content = program.launch_environment(3, now)
    got = environment_of(
        tmp_path,
        content,
        ANTHROPIC_AUTH_TOKEN="old",
        CLAUDECODE="1",
        ANTHROPIC_API_KEY="old",
        KEPT="yes",
        NO_COLOR="1",
        CI="true",
    )
    assert got["ANTHROPIC_API_KEY"] == "new 'key' $x"
    assert got["HTTPS_PROXY"] == "http://p"
    assert got["CLAUDE_CODE_MAX_RETRIES"] == "3"
    assert got["DISABLE_AUTOUPDATER"] == "1"
    assert got["KEPT"] == "yes"
    assert not {"ANTHROPIC_AUTH_TOKEN", "CLAUDECODE", "OTHER", "CLAUDE_CODE_SSE_PORT", "NO_COLOR", "CI"} & set(got)
    assert not (tmp_path / "environment").exists(), "a key stays in no file"


def test_the_prompt_goes_in_on_stdin_and_the_code_is_kept(tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("a prompt")
    command = program.wrapped(["/bin/sh", "-c", "cat; exit 7"], folder=tmp_path)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("a prompt", 7)
    assert (tmp_path / "exit-code").read_text() == "7\n"


def test_every_event_is_told_once(tmp_path: Path) -> None:
    document = json.loads(
        hooksettings.document(
            url="http://x/hooks/1", event_command=["tell", "a b"], permission_command=["wait", "it's"]
        )
    )
    hooks = document["hooks"]
    assert {name: [hook["type"] for group in groups for hook in group["hooks"]] for name, groups in hooks.items()} == {
        **{name: ["http"] for name in hooksettings.EVENTS},
        "SessionStart": ["command"],
        "PermissionRequest": ["command"],
    }
    assert hooks["Stop"][0]["hooks"][0]["url"] == "http://x/hooks/1/event"
    assert hooks["SessionStart"][0]["hooks"][0]["command"] == "tell 'a b'"
    assert hooks["PermissionRequest"][0]["hooks"][0]["timeout"] >= 86400
