"""The home made ready at start."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from agent import home as homes


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    skeleton = tmp_path / "skel"
    (skeleton / ".config").mkdir(parents=True)
    (skeleton / ".bashrc").write_text("ours")
    (skeleton / ".config" / "tool").write_text("ours")
    return skeleton


def snapshot(home: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(home)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in home.rglob("*")
    }


def test_a_new_home_gets_the_skeleton(home: Path, skeleton: Path) -> None:
    homes.prepare(home, skeleton, {})
    assert (home / ".bashrc").read_text() == "ours"
    assert (home / ".config" / "tool").read_text() == "ours"
    assert stat.S_IMODE((home / ".ssh").stat().st_mode) == 0o700


def test_a_second_start_changes_nothing(home: Path, skeleton: Path) -> None:
    environment = {"GIT_USER_NAME": "Alice Ä", "GIT_USER_EMAIL": "alice@example.com"}
    homes.prepare(home, skeleton, environment)
    before = snapshot(home)
    homes.prepare(home, skeleton, environment)
    assert snapshot(home) == before


def test_what_the_user_has_stays(home: Path, skeleton: Path) -> None:
    (home / ".bashrc").write_text("mine")
    (skeleton / ".profile").write_text("ours")
    (home / ".profile").symlink_to("dotfiles/profile")
    homes.prepare(home, skeleton, {})
    assert (home / ".bashrc").read_text() == "mine"
    assert (home / ".profile").is_symlink()
    assert not (home / "dotfiles").exists()


def test_private_files_lose_their_group(home: Path, skeleton: Path) -> None:
    for name in (".ssh/id_ed25519", ".gnupg/private-keys-v1.d/key", ".kubecoder/api-token", ".netrc", "notes"):
        file = home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("secret")
        file.chmod(0o660)
        file.parent.chmod(0o2770)
    homes.repair_modes(home)
    assert stat.S_IMODE((home / ".ssh/id_ed25519").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / ".gnupg/private-keys-v1.d").stat().st_mode) & 0o077 == 0
    assert stat.S_IMODE((home / ".gnupg/private-keys-v1.d/key").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / ".kubecoder/api-token").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / ".netrc").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "notes").stat().st_mode) == 0o660


def test_what_a_link_leads_to_keeps_its_mode(home: Path, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "file").write_text("text")
    (tmp_path / "shared" / "file").chmod(0o644)
    (home / ".ssh").symlink_to(tmp_path / "shared")
    (home / ".netrc").symlink_to(tmp_path / "shared" / "file")
    homes.repair_modes(home)
    assert stat.S_IMODE((tmp_path / "shared" / "file").stat().st_mode) == 0o644


def test_git_gets_an_identity_only_where_it_has_none(home: Path) -> None:
    (home / ".gitconfig").write_text("[user]\n\tname = Mine\n")
    homes.set_git_identity(home, {"GIT_USER_NAME": "Theirs", "GIT_USER_EMAIL": "theirs@example.com"})
    text = (home / ".gitconfig").read_text()
    assert "Mine" in text
    assert "Theirs" not in text
    assert "theirs@example.com" in text


def test_git_is_left_alone_without_an_identity(home: Path) -> None:
    homes.set_git_identity(home, {"GIT_USER_NAME": ""})
    assert not (home / ".gitconfig").exists()
