"""Clones of repositories on the wire: where from, where to, how far they are."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, StringConstraints, model_validator

from agent.models.wire import WireModel

# Neither a user nor a host can begin with a dash: ssh would take it for an option.
_USER = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_HOST = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?"
_PATH = r"[A-Za-z0-9._~%+/-]+"
_HTTPS = re.compile(rf"https://{_HOST}(:\d{{1,5}})?/{_PATH}")
_SSH = re.compile(rf"ssh://({_USER}@)?{_HOST}(:\d{{1,5}})?/{_PATH}")
_SCP = re.compile(rf"({_USER}@){_HOST}:(?!/?-)(?!:){_PATH}")
_PART = re.compile(r"[^\x00-\x1f\x7f/\ud800-\udfff]{1,200}")
_EXPECTED = "an address such as https://github.com/owner/repository or git@github.com:owner/repository.git"

CloneState = Literal["running", "done", "failed", "cancelled"]


def _is_address(value: str) -> str:
    if re.match(r"https://[^/]*@", value):
        raise ValueError("an address without a user or token: git asks the workspace's own credentials")
    if not any(form.fullmatch(value) for form in (_HTTPS, _SSH, _SCP)) or not repository_name(value):
        raise ValueError(_EXPECTED)
    return value


def _is_folder(value: str) -> str:
    parts = value.split("/")
    if not all(_PART.fullmatch(part) and part not in (".", "..", ".git") for part in parts):
        raise ValueError("a folder below the home, such as projects/api")
    return value


def repository_name(address: str) -> str:
    """Return the name of the folder that git would make for an address; empty when none can be told."""
    name = re.split(r"[/:]", address.rstrip("/"))[-1].removesuffix(".git")
    return "" if name in (".", "..") or name.startswith("-") or "%" in name else name


class CloneBody(WireModel):
    """`POST /oauth/api/github/clones`.

    Attributes:
        url: HTTPS or SSH; credentials don't belong in it.
        folder: Below the home; the repository's name when empty. It must not exist yet.
    """

    url: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(_is_address)]
    folder: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""

    @model_validator(mode="after")
    def _name_the_folder(self) -> Self:
        folder = _is_folder(self.folder.removesuffix("/") or repository_name(self.url))
        object.__setattr__(self, "folder", folder)
        return self


class Clone(WireModel):
    """One clone, running or ended.

    Attributes:
        clone_id: To cancel it by.
        folder: Below the home.
        phase: What git does now, in its own words, such as `Receiving objects`.
        percent: Of the phase; None where git can't tell.
        error: What git said when it failed.
        hint: The next step after that.
    """

    clone_id: str
    url: str
    folder: str
    state: CloneState
    started_at: datetime
    ended_at: datetime | None = None
    phase: str = ""
    percent: int | None = None
    error: str | None = None
    hint: str | None = None


class CloneList(WireModel):
    """`GET /oauth/api/github/clones`: the newest first; an agent forgets those of the agent before it."""

    clones: tuple[Clone, ...]
