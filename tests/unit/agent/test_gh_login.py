"""Who has signed in to gh, by what stands in for gh's own program."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.github import ghlogin


@pytest.mark.parametrize(
    ("script", "login"),
    [
        ('[ "$*" = "config get user -h github.com" ] && echo alice', "alice"),
        ("echo 'could not find key \"user\"' >&2; exit 1", ""),
        ("echo '<b>x</b>'", ""),
    ],
)
def test_the_login_is_ghs_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, login: str) -> None:
    program = tmp_path / "gh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert ghlogin.login(tmp_path) == login


def test_a_machine_without_gh_has_no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ghlogin.login(tmp_path) == ""
