"""Who git says made a commit: `user.name` and `user.email` of the home's own configuration."""

from __future__ import annotations

from pathlib import Path

from agent.errors import ChangedError
from agent.github.programs import failure, run
from agent.models import GitIdentity

# Of `git config --get`: the key isn't there.
ABSENT = 1


def get(home: Path) -> GitIdentity:
    """Return the identity; what git has none of is empty.

    Raises:
        UnavailableError: git can't read its configuration.
    """
    return GitIdentity(name=_get(home, "user.name"), email=_get(home, "user.email"))


def change(home: Path, new: GitIdentity, *, seen: GitIdentity) -> None:
    """Set the identity and leave everything else in the file as it is.

    Args:
        home: Whose.
        new: What to set.
        seen: What the person looked at when they decided so.

    Raises:
        ChangedError: It is another one meanwhile.
        UnavailableError: git can't write its configuration.
    """
    if get(home) != seen:
        raise ChangedError("the git identity has changed meanwhile", hint="look at it again, then set it")
    for key, value, old in (("user.name", new.name, seen.name), ("user.email", new.email, seen.email)):
        if value != old:
            done = run(home, ["git", "config", "--global", key, value])
            if done.returncode:
                raise failure(done)


def _get(home: Path, key: str) -> str:
    done = run(home, ["git", "config", "--global", "--includes", "--get", key])
    if done.returncode not in (0, ABSENT):
        raise failure(done)
    return done.stdout.removesuffix("\n")
