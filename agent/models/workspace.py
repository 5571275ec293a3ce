"""The workspace itself on the wire: alive, ready, which version, who is signed in."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from agent.models.states import PermissionMode
from agent.models.wire import WireModel


class Health(WireModel):
    """`GET /health`: the process answers."""

    status: Literal["ok"] = "ok"


class Check(WireModel):
    """One thing that must be true for the workspace to be ready; `reason` is empty when it is."""

    name: str
    ok: bool
    reason: str = ""


class Readiness(WireModel):
    """`GET /ready`: 200 when `ready`, else 503."""

    ready: bool
    checks: tuple[Check, ...]


class Version(WireModel):
    """`GET /api/claude/version`: what answers, and for which workspace."""

    workspace: str
    version: str


class ApiToken(WireModel):
    """`GET /oauth/api/claude/auth/token`: the user's own token for the API."""

    token: str


Part = Literal["ide", "terminal", "browser"]


class SessionInfo(WireModel):
    """`GET /oauth/api/session`: who is signed in, until when, and what this workspace has.

    Attributes:
        workspace: The workspace's name.
        user: GitHub login.
        expires_at: End of the session; the door asks for a new sign-in then.
        parts: What is installed and running beside the agent.
        permission_modes: What tasks may be launched with.
        has_door: Whether sign-in is at the door; else a link of `kubecoder local` signs in.
        api_url: Where programs reach the API, as in KUBECODER_URL; absent where nobody knows.
        version: The agent's version.
    """

    workspace: str
    user: str
    email: str
    signed_in_at: datetime
    expires_at: datetime
    parts: tuple[Part, ...]
    permission_modes: tuple[PermissionMode, ...]
    has_door: bool
    api_url: str | None = None
    version: str


class FolderList(WireModel):
    """`GET /oauth/api/folders?start=…`: paths below the home, each with a slash at its end."""

    folders: tuple[str, ...]


class Admission(WireModel):
    """`GET /oauth/api/access`: who may sign in; listed users, *or* members of the organisation (of one of its teams).

    Where no door stands in front, whoever has opened the link is `local`, and nobody is listed.
    """

    users: tuple[str, ...]
    organization: str | None = None
    teams: tuple[str, ...] = ()
