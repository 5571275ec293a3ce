"""The home's ed25519 key: made, shown and deleted, never replaced without being asked to."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from agent.errors import ChangedError, KeyExistsError, KeyNotFoundError
from agent.files import read_small, write_atomically
from agent.github.programs import failure, run
from agent.models import SshKey

NAME = "id_ed25519"
HOST_BLOCK = "Host github.com\n    User git\n    IdentityFile ~/.ssh/id_ed25519\n    IdentitiesOnly yes\n"


def find(home: Path) -> SshKey | None:
    """Return the public part of the key; None when there is no key.

    Raises:
        UnavailableError: ssh-keygen can't read it.
    """
    if not _private(home).exists():
        return None
    public = _public(home)
    try:
        text = read_small(public, limit=20_000).decode(errors="replace").strip()
    except OSError:
        text = ""
    done = run(home, ["ssh-keygen", "-l", "-E", "sha256", "-f", str(public if text else _private(home))])
    if done.returncode:
        raise failure(done)
    text = text or _derived(home)
    return SshKey(public_key=text, fingerprint=done.stdout.split()[1])


def make(home: Path, comment: str) -> SshKey:
    """Make a key without a passphrase, and tell ssh to use it for github.com where nothing is said of that host.

    What fails leaves no key behind, so that it can be tried again.

    Raises:
        KeyExistsError: There is one already.
        UnavailableError: ssh-keygen fails.
        OSError: The home can't be written.
    """
    folder = home / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as temporary:
        new = Path(temporary) / NAME
        done = run(home, ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(new)])
        if done.returncode:
            raise failure(done)
        new.chmod(0o600)
        try:
            # Unlike a rename, a link never takes the place of a key that somebody else has made meanwhile.
            os.link(new, _private(home))
        except FileExistsError as error:
            raise KeyExistsError("there is an SSH key already", hint="delete it first, if nothing uses it") from error
        try:
            _name_host(folder / "config")
            new.with_suffix(".pub").replace(_public(home))
        except OSError:
            _private(home).unlink()
            raise
    key = find(home)
    assert key is not None
    return key


def delete(home: Path, fingerprint: str) -> None:
    """Delete the key that has this fingerprint.

    Raises:
        KeyNotFoundError: There is none.
        ChangedError: The key is another one.
        OSError: The home can't be written.
    """
    key = find(home)
    if key is None:
        raise KeyNotFoundError("there is no SSH key")
    if key.fingerprint != fingerprint:
        raise ChangedError("the SSH key is another one", hint="look at it again, then delete it")
    for path in (_private(home), _public(home)):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def _derived(home: Path) -> str:
    """Return the public part out of the private one; empty where that has a passphrase."""
    done = run(home, ["ssh-keygen", "-y", "-P", "", "-f", str(_private(home))])
    return "" if done.returncode else done.stdout.strip()


def _name_host(config: Path) -> None:
    """Add the block for github.com; a file that is a link, or names the host, is the user's own business."""
    if config.is_symlink():
        return
    text = read_small(config).decode("utf-8", "surrogateescape") if config.exists() else ""
    named = (line.split() for line in text.lower().replace("=", " ").splitlines())
    if any(words and words[0] == "host" and "github.com" in words[1:] for words in named):
        return
    end = "" if not text or text.endswith("\n") else "\n"
    gap = "\n" if text else ""
    write_atomically(config, (text + end + gap + HOST_BLOCK).encode("utf-8", "surrogateescape"))


def _private(home: Path) -> Path:
    return home / ".ssh" / NAME


def _public(home: Path) -> Path:
    return home / ".ssh" / f"{NAME}.pub"
