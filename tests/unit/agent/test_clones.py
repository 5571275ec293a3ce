"""What may be cloned whereto, git's environment, and what is told of its failures."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.errors import CloneNotFoundError, FolderExistsError, InvalidBodyError, UnavailableError
from agent.github import gitclone
from agent.github.clones import Clones, claim
from agent.github.gitclone import CloneFailedError, environment
from agent.models import Clone, CloneBody


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("https://github.com/acme/api", "api"),
        (" https://github.com/acme/api.git ", "api"),
        ("https://git.company.com:8443/a/b/c.git/", "c"),
        ("git@github.com:acme/api.git", "api"),
        ("git@github.com:api", "api"),
        ("ssh://git@git.company.com:2222/~john/x.y.git", "x.y"),
    ],
)
def test_the_folder_is_called_like_the_repository(url: str, folder: str) -> None:
    assert CloneBody(url=url).folder == folder


@pytest.mark.parametrize(
    "url",
    [
        "",
        "github.com/acme/api",
        "https://github.com/",
        "https://github.com/acme/..",
        "https://github.com/acme/.git",
        "https://-x/acme/api",
        "https://github.com/acme/api?x=1",
        "https://github.com/acme/api#x",
        "HTTPS://github.com/acme/api",
        "https::https://github.com/acme/api",
        "ssh://git:secret@github.com/acme/api",
        "ssh://-x@github.com/acme/api",
        "git@github.com:/-x",
        "git@-x:acme/api",
        "a b@github.com:acme/api",
        "git@github.com::acme/api",
        "https://github.com/acme/\u202eapi",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        CloneBody(url=url)


@pytest.mark.parametrize("folder", ["/x", "..", "a/../b", ".", "a//b", "a/.git/b", "a\nb", "a\0b", "\ud800", "x" * 201])
def test_what_is_no_folder_below_the_home_is_refused(folder: str) -> None:
    with pytest.raises(ValidationError):
        CloneBody(url="https://github.com/acme/api", folder=folder)


def test_a_folder_is_claimed_once(tmp_path: Path) -> None:
    assert claim(tmp_path, "a/b") == tmp_path / "a" / "b"
    with pytest.raises(FolderExistsError):
        claim(tmp_path, "a/b")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert claim(tmp_path, "link/c") == tmp_path / "a" / "c"
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FolderExistsError):
        claim(tmp_path, "dangling")
    (tmp_path / "a" / "out").symlink_to("/")
    with pytest.raises(InvalidBodyError):
        claim(tmp_path, "a/out/tmp/x")
    with pytest.raises(UnavailableError):
        claim(Path("/proc"), "x")


def test_git_gets_the_way_out_and_no_secret() -> None:
    agent = {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy",
        "no_proxy": "x",
        "ANTHROPIC_API_KEY": "k",
        "GIT_DIR": "/x",
        "GIT_SSH_COMMAND": "/x",
    }
    given = environment(Path("/home/dev"), agent)
    assert (given["HTTPS_PROXY"], given["no_proxy"], given["HOME"]) == ("http://proxy", "x", "/home/dev")
    assert given["GIT_ALLOW_PROTOCOL"] == "https:ssh"
    assert given["GIT_TERMINAL_PROMPT"] == "0"
    assert given["GIT_SSH_COMMAND"].startswith("ssh -o BatchMode=yes ")
    assert not {"ANTHROPIC_API_KEY", "GIT_DIR"} & given.keys()


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("fatal: could not read Username for 'https://github.com': terminal prompts disabled", "gh auth login"),
        ("git@github.com: Permission denied (publickey).", "add the workspace's SSH key"),
        ("Host key verification failed.", "compare the fingerprint"),
        ("remote: Repository not found.", "private repository"),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", "kubecoder test"),
        ("fatal: write error: No space left on device", "free space"),
        ("fatal: something new", "in the terminal"),
    ],
)
def test_a_failure_has_a_next_step(said: str, hint: str) -> None:
    message = gitclone._failure(deque(["Cloning into 'x'...", said]), 128)
    assert said in message
    assert hint in CloneFailedError(message).hint


def test_a_failure_has_neither_credentials_nor_control_characters() -> None:
    lines = deque(["fatal: unable to access 'https://x:secret@host/': \x1b[31mno"])
    assert gitclone._failure(lines, 128) == "fatal: unable to access 'https://host/': [31mno"
    assert gitclone._failure(deque(), 128).startswith("git ended with 128")


def test_a_clone_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs, home = tmp_path / "bin", tmp_path / "home"
    programs.mkdir()
    home.mkdir()
    program = programs / "git"
    program.write_text('#!/bin/sh\neval "last=\\${$#}"; touch "$last/half"; trap "" TERM; exec sleep 60\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(gitclone, "END_SECONDS", 0.1)

    async def run() -> Clone:
        told: asyncio.Queue[Clone] = asyncio.Queue()
        clones = Clones(home, seconds=0.3)
        await clones.start(CloneBody(url="https://github.com/acme/api"), told=told.put)
        assert told.get_nowait().state == "running"
        clone = await asyncio.wait_for(told.get(), 20)
        assert clones.list().clones == (clone,)
        return clone

    clone = asyncio.run(run())
    assert (clone.state, clone.error) == ("failed", "it wasn't done after 0 s")
    assert clone.ended_at is not None
    assert clone.ended_at <= datetime.now(UTC)
    assert not (home / "api").exists()


def test_a_machine_without_git_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    progress: list[int] = []

    def tell(_phase: str, percent: int) -> None:
        progress.append(percent)

    with pytest.raises(UnavailableError, match="isn't installed"):
        asyncio.run(gitclone.clone(tmp_path, "https://github.com/a/b", tmp_path, seconds=1, progress=tell))
    assert progress == []


def test_an_unknown_clone_can_not_be_cancelled(tmp_path: Path) -> None:
    with pytest.raises(CloneNotFoundError):
        asyncio.run(Clones(tmp_path).cancel("none"))
