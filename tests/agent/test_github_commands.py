"""git and gh in the workspace take the GitHub App's token from its file at each use, for github.com alone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOTFS = Path(__file__).parent.parent.parent / "agent" / "image" / "rootfs"
TOKEN = "ghs_" + "t" * 36


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    return file


def git_credential(tmp_path: Path, token_file: Path, question: str) -> str:
    """Ask git as git asks itself, with the image's own configuration."""
    helper = ROOTFS / "usr/local/bin/git-credential-kubecoder"
    config = (ROOTFS / "etc/gitconfig").read_text().replace("/usr/local/bin/git-credential-kubecoder", str(helper))
    (tmp_path / "gitconfig").write_text(config)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GIT_CONFIG_SYSTEM": str(tmp_path / "gitconfig"),
        "GIT_TERMINAL_PROMPT": "0",
        "KUBECODER_GITHUB_TOKEN_FILE": str(token_file),
    }
    command = ["git", "credential", "fill"]
    done = subprocess.run(
        command, input=question, env=environment, capture_output=True, text=True, timeout=20, check=False
    )
    return done.stdout


def test_git_gets_the_current_token_for_github(tmp_path: Path, token_file: Path) -> None:
    question = "protocol=https\nhost=github.com\npath=acme/api.git\n\n"
    answer = git_credential(tmp_path, token_file, question)
    assert f"username=x-access-token\npassword={TOKEN}\n" in answer
    token_file.write_text("ghs_renewed")
    assert "password=ghs_renewed" in git_credential(tmp_path, token_file, question)


@pytest.mark.parametrize(
    "question",
    [
        "protocol=https\nhost=evil.test\n\n",
        "protocol=http\nhost=github.com\n\n",
        "protocol=https\nhost=github.com.evil.test\n\n",
        "protocol=https\nhost=evilgithub.com\n\n",
        "protocol=https\nhost=gist.github.com\n\n",
        "protocol=https\nhost=github.com:8443\n\n",
    ],
)
def test_git_gets_no_token_for_anybody_else(tmp_path: Path, token_file: Path, question: str) -> None:
    assert TOKEN not in git_credential(tmp_path, token_file, question)


@pytest.mark.parametrize("action", ["store", "erase", ""])
def test_the_helper_only_gives(token_file: Path, action: str) -> None:
    helper = str(ROOTFS / "usr/local/bin/git-credential-kubecoder")
    environment = {**os.environ, "KUBECODER_GITHUB_TOKEN_FILE": str(token_file)}
    done = subprocess.run(
        [helper, *([action] if action else [])],
        input="protocol=https\nhost=github.com\n\n",
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout == ""
    assert token_file.read_text() == TOKEN


@pytest.mark.parametrize("content", [None, ""])
def test_without_a_token_the_helper_says_nothing(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    assert git_credential(tmp_path, tmp_path / "token", "protocol=https\nhost=github.com\n\n") == ""


@pytest.fixture
def gh(tmp_path: Path) -> Path:
    """The wrapper around a gh that shows its token and arguments."""
    real = tmp_path / "real-gh"
    real.write_text('#!/bin/sh\necho "${GH_TOKEN:-none} $*"\n')
    real.chmod(0o755)
    wrapper = tmp_path / "gh"
    wrapper.write_text((ROOTFS / "usr/local/bin/gh").read_text().replace("/usr/bin/gh", str(real)))
    wrapper.chmod(0o755)
    return wrapper


def run_gh(gh: Path, token_file: Path, **environment: str) -> str:
    base = {"PATH": os.environ["PATH"], "HOME": str(gh.parent), "KUBECODER_GITHUB_TOKEN_FILE": str(token_file)}
    command = [str(gh), "pr", "list", "--search", "two words"]
    done = subprocess.run(command, env={**base, **environment}, capture_output=True, text=True, timeout=20, check=True)
    return done.stdout


def test_gh_gets_the_current_token(gh: Path, token_file: Path) -> None:
    assert run_gh(gh, token_file) == f"{TOKEN} pr list --search two words\n"
    token_file.write_text("ghs_renewed")
    assert run_gh(gh, token_file).startswith("ghs_renewed ")


def test_the_users_own_login_of_gh_wins(gh: Path, token_file: Path) -> None:
    assert run_gh(gh, token_file, GH_TOKEN="mine").startswith("mine ")
    assert run_gh(gh, token_file, GITHUB_TOKEN="mine").startswith("none ")
    hosts = gh.parent / ".config" / "gh" / "hosts.yml"
    hosts.parent.mkdir(parents=True)
    hosts.write_text("github.com:\n    user: alice\n")
    assert run_gh(gh, token_file).startswith("none ")
    hosts.write_text("github.company.com:\n    user: alice\n")
    assert run_gh(gh, token_file).startswith(f"{TOKEN} ")


def test_gh_works_without_a_token(gh: Path, tmp_path: Path) -> None:
    assert run_gh(gh, tmp_path / "none").startswith("none ")
