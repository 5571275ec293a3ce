"""Who is signed in by the door's headers, and whether the current allow-list admits them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from agent.access.headers import Headers, collect
from agent.errors import NotAdmittedError, NotSignedInError, UnavailableError
from agent.files import read_small

HEADER_USER = b"x-forwarded-user"
HEADER_EMAIL = b"x-forwarded-email"
HEADER_GROUPS = b"x-forwarded-groups"
HEADER_CREATED = b"x-kubecoder-session-created"
HEADER_EXPIRES = b"x-kubecoder-session-expires"

# Accounts that a company manages end in `_shortcode`.
LOGIN_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}(_[A-Za-z0-9]{1,16})?")
# Go's time.Time.String(), which the door puts into its headers.
GO_TIME_PATTERN = re.compile(
    r"(?P<moment>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,9}))?"
    r" (?P<sign>[+-])(?P<hours>\d\d)(?P<minutes>\d\d) \S{1,10}(?: m=[+-]\d+\.\d+)?"
)
CLOCK_SKEW = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class AllowList:
    """Who may use the workspace: listed users, *or* members of the organisation (and of one of its teams).

    As the door does it, logins compare exactly, the organisation alone too, and organisation with team without case.
    """

    users: frozenset[str]
    org: str = ""
    teams: frozenset[str] = frozenset()

    def admits(self, user: str, groups: Iterable[str]) -> bool:
        """Tell whether a login with these groups (`org` and `org:team`) may come in."""
        if user in self.users:
            return True
        if not self.org:
            return False
        member_of = set(groups)
        if not self.teams:
            return self.org in member_of
        allowed = {f"{self.org}:{team}".casefold() for team in self.teams}
        return not allowed.isdisjoint(group.casefold() for group in member_of)


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in, as the door tells of it."""

    user: str
    email: str
    groups: tuple[str, ...]
    created: datetime
    expires: datetime


def read_allow_list(path: Path) -> AllowList:
    """Read the mounted allow-list: `{"users": [...], "org": "...", "team": "..."}`.

    Raises:
        UnavailableError: It can't be read, or would admit nobody.
    """
    try:
        return parse_allow_list(read_small(path))
    except (OSError, ValueError) as error:
        raise UnavailableError(
            f"the allow-list {path} can't be used: {error}", hint="deploy the workspace again"
        ) from error


def parse_allow_list(content: bytes) -> AllowList:
    """Parse an allow-list.

    Raises:
        ValueError: Its shape is wrong, or it would admit nobody.
    """
    document = json.loads(content)
    if not isinstance(document, dict):
        raise ValueError("it isn't a JSON object")  # noqa: TRY004 - the file is at fault, not a caller
    users = document.get("users") or []
    if not isinstance(users, list) or not all(isinstance(user, str) for user in users):
        raise ValueError("users isn't a list of logins")
    org, team = _text(document, "org"), _text(document, "team")
    if team and not org:
        raise ValueError("a team without its organisation admits nobody")
    listed = frozenset(user for user in users if user)
    if not listed and not org:
        raise ValueError("neither users nor an organisation are listed")
    teams = frozenset(slug.strip() for slug in team.split(",") if slug.strip())
    return AllowList(listed, org, teams)


def _text(document: dict[str, Any], key: str) -> str:
    value = document.get(key) or ""
    if not isinstance(value, str):
        raise ValueError(f"{key} isn't a text")  # noqa: TRY004 - as above
    return value.strip()


def read_session(headers: Headers, *, now: datetime) -> Session:
    """Read a sign-in from request headers.

    Anything missing is a refusal: a client can make the door drop a header that it
    injects (`Connection: close, X-Forwarded-User`), though it can't forge one.

    Raises:
        NotSignedInError: A header is missing, doubled or malformed, or the session is over.
    """
    found = collect(headers)
    user = _single(found, HEADER_USER)
    if not LOGIN_PATTERN.fullmatch(user):
        raise NotSignedInError("the signed-in user's name is malformed")
    groups = _at_most_one(found, HEADER_GROUPS)
    session = Session(
        user=user,
        email=_at_most_one(found, HEADER_EMAIL),
        groups=tuple(group for group in groups.split(",") if group),
        created=parse_go_time(_single(found, HEADER_CREATED)),
        expires=parse_go_time(_single(found, HEADER_EXPIRES)),
    )
    if session.expires <= now:
        raise NotSignedInError("the session is over", hint="load the page again to sign in")
    if session.created > now + CLOCK_SKEW:
        raise NotSignedInError("the session begins in the future")
    return session


def _single(found: dict[bytes, list[bytes]], name: bytes) -> str:
    value = _at_most_one(found, name)
    if not value:
        raise NotSignedInError("not signed in", hint="load the page again to sign in")
    return value


def _at_most_one(found: dict[bytes, list[bytes]], name: bytes) -> str:
    values = found.get(name, [b""])
    if len(values) != 1:
        raise NotSignedInError(f"{name.decode()} came more than once")
    return values[0].decode("latin-1")


def parse_go_time(text: str) -> datetime:
    """Parse Go's `2026-11-23 17:40:32.93433425 +0000 UTC`, to the microsecond.

    Raises:
        NotSignedInError: It isn't such a time.
    """
    match = GO_TIME_PATTERN.fullmatch(text)
    if match is None:
        raise NotSignedInError("the session's times are malformed")
    offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"]))
    microseconds = int((match["fraction"] or "0").ljust(6, "0")[:6])
    try:
        zone = timezone(-offset if match["sign"] == "-" else offset)
        return datetime.fromisoformat(match["moment"]).replace(microsecond=microseconds, tzinfo=zone)
    except ValueError as error:
        raise NotSignedInError("the session's times are malformed") from error


def admit(session: Session, allow_list: AllowList) -> None:
    """Let an admitted session pass.

    Raises:
        NotAdmittedError: The current list doesn't admit it.
    """
    if not allow_list.admits(session.user, session.groups):
        raise NotAdmittedError(
            f"{session.user} may not use this workspace", hint="ask the admin to add the login to oauth2.githubUsers"
        )
