"""Git identity, SSH key and App token of a home of its own, by the real git and ssh-keygen."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.errors import ChangedError, KeyExistsError, KeyNotFoundError, UnavailableError
from agent.github import apptoken, identity, programs, sshkey
from agent.models import GitIdentity, IdentityBody

ALICE = GitIdentity(name="Alice Ä", email="alice@example.com")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_identity_is_set_and_the_rest_of_the_file_stays(home: Path) -> None:
    file = home / ".gitconfig"
    file.write_text("# mine\n[alias]\n\tst = status\n[user]\n\tsigningkey = X\n")
    assert identity.get(home) == GitIdentity()
    identity.change(home, ALICE, seen=GitIdentity())
    assert identity.get(home) == ALICE
    assert file.read_text().startswith("# mine\n[alias]\n\tst = status\n[user]\n\tsigningkey = X\n")


def test_an_identity_that_nobody_looked_at_stays(home: Path) -> None:
    identity.change(home, ALICE, seen=GitIdentity())
    with pytest.raises(ChangedError):
        identity.change(home, GitIdentity(name="Bob", email="bob@example.com"), seen=GitIdentity())
    assert identity.get(home) == ALICE


def test_a_damaged_configuration_is_told(home: Path) -> None:
    (home / ".gitconfig").write_text("[user\n")
    with pytest.raises(UnavailableError, match="git failed"):
        identity.get(home)


def test_a_locked_configuration_is_told(home: Path) -> None:
    (home / ".gitconfig.lock").touch()
    with pytest.raises(UnavailableError, match="lock"):
        identity.change(home, ALICE, seen=GitIdentity())


@pytest.mark.parametrize(
    ("name", "email"),
    [("", "a@b"), ("--unset", "a@b"), ("A\nB", "a@b"), ("A <x>", "a@b"), ("A", "ab"), ("A", "-a@b"), ("A", "a@b\n[x]")],
)
def test_what_is_no_identity_is_refused(name: str, email: str) -> None:
    with pytest.raises(ValidationError):
        IdentityBody(name=name, email=email, seen=GitIdentity())


def test_a_key_is_made_shown_and_deleted(home: Path) -> None:
    assert sshkey.find(home) is None
    made = sshkey.make(home, "kubecoder alice")
    assert made == sshkey.find(home)
    assert made.public_key.startswith("ssh-ed25519 ")
    assert made.public_key.endswith(" kubecoder alice")
    assert mode(home / ".ssh") == 0o700
    assert {mode(home / ".ssh" / name) for name in ("id_ed25519", "config")} == {0o600}
    derived = subprocess.check_output(["ssh-keygen", "-y", "-f", home / ".ssh" / "id_ed25519"], text=True)
    assert derived.split()[:2] == made.public_key.split()[:2]
    assert sorted(path.name for path in (home / ".ssh").iterdir()) == ["config", "id_ed25519", "id_ed25519.pub"]
    with pytest.raises(ChangedError):
        sshkey.delete(home, "SHA256:another")
    assert sshkey.find(home) == made
    sshkey.delete(home, made.fingerprint)
    assert sshkey.find(home) is None
    with pytest.raises(KeyNotFoundError):
        sshkey.delete(home, made.fingerprint)


def test_a_key_that_is_there_stays(home: Path) -> None:
    made = sshkey.make(home, "first")
    content = (home / ".ssh" / "id_ed25519").read_bytes()
    with pytest.raises(KeyExistsError):
        sshkey.make(home, "second")
    assert (home / ".ssh" / "id_ed25519").read_bytes() == content
    assert sshkey.find(home) == made


def test_a_key_without_its_public_file_is_shown_all_the_same(home: Path) -> None:
    made = sshkey.make(home, "x")
    (home / ".ssh" / "id_ed25519.pub").unlink()
    found = sshkey.find(home)
    assert found is not None
    assert found == made


def test_a_key_with_a_passphrase_and_no_public_file_has_a_fingerprint(home: Path) -> None:
    made = sshkey.make(home, "x")
    file = home / ".ssh" / "id_ed25519"
    file.with_suffix(".pub").unlink()
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", file], check=True, capture_output=True)
    found = sshkey.find(home)
    assert found is not None
    assert (found.public_key, found.fingerprint) == ("", made.fingerprint)


@pytest.mark.parametrize("obstacle", ["config", "id_ed25519.pub"])
def test_what_fails_half_way_leaves_no_key_and_can_be_tried_again(home: Path, obstacle: str) -> None:
    (home / ".ssh" / obstacle / "in the way").mkdir(parents=True)
    with pytest.raises(OSError):
        sshkey.make(home, "x")
    assert sshkey.find(home) is None
    (home / ".ssh" / obstacle / "in the way").rmdir()
    (home / ".ssh" / obstacle).rmdir()
    assert sshkey.make(home, "x").public_key.endswith(" x")
    assert sorted(path.name for path in (home / ".ssh").iterdir()) == ["config", "id_ed25519", "id_ed25519.pub"]


def test_a_file_that_is_no_key_is_told(home: Path) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh" / "id_ed25519").write_text("no key")
    with pytest.raises(UnavailableError, match="ssh-keygen failed"):
        sshkey.find(home)


@pytest.mark.parametrize("before", ["Host github.com\n  User me\n", "host = other GitHub.com\n"])
def test_what_ssh_knows_of_github_stays(home: Path, before: str) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh" / "config").write_text(before)
    sshkey.make(home, "x")
    assert (home / ".ssh" / "config").read_text() == before


def test_the_block_comes_after_what_is_there(home: Path) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh" / "config").write_text("Host other\n  User me")
    sshkey.make(home, "x")
    assert (home / ".ssh" / "config").read_text() == f"Host other\n  User me\n\n{sshkey.HOST_BLOCK}"


def test_a_linked_configuration_of_ssh_is_left_alone(home: Path) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh" / "config").symlink_to("../dotfiles/ssh")
    sshkey.make(home, "x")
    assert not (home / "dotfiles").exists()


def test_a_program_that_is_missing_is_told(home: Path) -> None:
    with pytest.raises(UnavailableError, match="isn't installed"):
        programs.run(home, ["no-such-program"])


def test_a_program_that_hangs_is_ended(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "SECONDS", 0.01)
    with pytest.raises(UnavailableError, match="didn't end"):
        programs.run(home, ["sleep", "60"])


def test_the_state_of_the_token(tmp_path: Path) -> None:
    directory = tmp_path / "github"
    assert not apptoken.state(directory).configured
    directory.mkdir()
    assert apptoken.state(directory).configured
    file = directory / "state.json"
    file.write_text('{"expires_at": "2026-01-01T01:00:00+00:00", "refreshed_at": "2026-01-01T00:00:00+00:00"}')
    state = apptoken.state(directory)
    assert state.expires_at is not None
    assert state.last_error is None
    file.write_text('{"expires_at": null, "last_error": "GitHub is down", "last_error_at": "2026-01-01T00:00:00Z"}')
    assert apptoken.state(directory).last_error == "GitHub is down"
    file.write_text("{")
    assert apptoken.state(directory).last_error is not None
