"""GitHub on the wire: git identity, SSH key, the App's token."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from agent.models.wire import WireModel

# The name may be anything that git writes as it stands: it takes these off, or ends the line with them.
_NAME = re.compile(r"[^\x00-\x1f\x7f<>]*[^\x00-\x1f\x7f<>.,:;\"'\\ ][^\x00-\x1f\x7f<>]*")
_EMAIL = re.compile(r"[^\s\x00-\x1f\x7f<>@]+@[^\s\x00-\x1f\x7f<>@]+")


def _is_name(value: str) -> str:
    if value.startswith("-") or not _NAME.fullmatch(value):
        raise ValueError("a person's name on one line, without < and >")
    return value


def _is_email(value: str) -> str:
    if value.startswith("-") or not _EMAIL.fullmatch(value):
        raise ValueError("an e-mail address, such as john@company.com")
    return value


_Text = StringConstraints(strip_whitespace=True, max_length=200)


class GitIdentity(WireModel):
    """`user.name` and `user.email` of git; empty where git has none."""

    name: str = ""
    email: str = ""


class IdentityBody(WireModel):
    """`POST /oauth/api/github/identity`.

    Attributes:
        name: The new name.
        email: The new e-mail address.
        seen: The identity that the person saw; another one by now is 409 `changed`.
    """

    name: Annotated[str, _Text, AfterValidator(_is_name)]
    email: Annotated[str, _Text, AfterValidator(_is_email)]
    seen: GitIdentity


class SshKey(WireModel):
    """The public part of the key; empty where its file is gone and the key has a passphrase."""

    public_key: str
    fingerprint: str


def _is_comment(value: str) -> str:
    if not value.isprintable() or value.startswith("-"):
        raise ValueError("words on one line that tell the key from others")
    return value


class SshKeyBody(WireModel):
    """`POST /oauth/api/github/ssh-key`: what stands behind the key, to know it by."""

    comment: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_is_comment)
    ]


class KeyDeletionBody(WireModel):
    """`POST /oauth/api/github/ssh-key/delete`: which key, so that no other one goes."""

    fingerprint: Annotated[str, StringConstraints(max_length=200)]


class AppToken(WireModel):
    """The GitHub App's token, as far as its container has told.

    Attributes:
        configured: Whether this workspace has a GitHub App.
        expires_at: Until when it is valid; None where no token is.
        refreshed_at: When it was last renewed.
        last_error: Why the last renewal failed; None when it didn't.
    """

    configured: bool = True
    expires_at: datetime | None = None
    refreshed_at: datetime | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None


class GithubState(WireModel):
    """`GET /oauth/api/github/status`: all of it; `ssh_key` is missing when there is none.

    Attributes:
        gh_login: Who has signed in with `gh auth login`; empty when nobody has, and gh uses the App's token.
    """

    identity: GitIdentity
    ssh_key: SshKey | None = None
    app_token: AppToken
    gh_login: str = ""
