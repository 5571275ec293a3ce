"""Sign-in where no door stands in front: an agent on the loopback of one person's machine.

The way in is a link with a key that works once, as Jupyter has it. `kubecoder local up` writes the key into a file
that only its user can read; whoever opens the link gets a signed cookie for it. Sessions outlive a restart of the
agent and end after a week, at a sign-out (of every browser), or when `kubecoder local down` removes the secret.

The origin is `http://127.0.0.1:PORT` and nothing else. `localhost` is refused: cookies don't separate ports, and most
development servers, which would be sent ours, are looked at under that name.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.access.admission import Session
from agent.access.guards import Arrived, Caller, refuse, unnoted
from agent.access.headers import collect
from agent.access.origin import check_request, check_upgrade
from agent.access.tokens import read_secret
from agent.errors import AgentError, NotSignedInError
from agent.files import write_atomically

USER = "local"
"""The login of everybody who comes in by the link."""
SESSION_SECONDS = 7 * 86400
LONGEST_COOKIE = 300
COOKIES_TRIED = 10
SIGN_IN_PATH = "/"
SIGN_OUT_PATH = "/oauth2/sign_out"
HINT = "`kubecoder local up` prints a link that signs in"

_COOKIE = re.compile(r"(\d{1,12})\.(\d{1,12})\.([\w-]{16,64})\.([0-9a-f]{64})", re.ASCII)
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{head}<title>kubecoder</title>
<h1>{title}</h1>
<p>{text}</p>
</html>
"""
# No redirect: in one that began on another site, such as a terminal in a browser, the new cookie isn't sent.
_SIGNED_IN = _PAGE.format(
    head='<meta http-equiv="refresh" content="0; url=/oauth/">\n',
    title="Signed in",
    text='<a href="/oauth/">Go on to the workspace</a>',
)
_SIGN_IN = _PAGE.format(
    head="",
    title="Sign in",
    text="<code>kubecoder local up</code> prints a link that signs in; it works once. "
    "After that you can also load this page again.",
)
_SIGNED_OUT = _PAGE.format(
    head="", title="Signed out", text="<code>kubecoder local up</code> prints a link that signs in again."
)


class LocalKeys:
    """The key of the sign-in link and the secret that signs sessions, each in a file of the state directory.

    Args:
        directory: The agent's state directory.
        port: Where browsers reach the agent; a session is good for no other.
        now: The clock, in Unix seconds.
    """

    def __init__(self, directory: Path, *, port: int, now: Callable[[], float] = time.time) -> None:
        self._key_file = directory / "sign-in-key"
        self._secret_file = directory / "sign-in-secret"
        self._port = port
        self._now = now
        self.cookie_name = f"kubecoder-local-{port}"

    def redeem(self, key: str) -> str | None:
        """Use up the key and return a new session's cookie; None for a key that isn't the current one.

        Raises:
            OSError: The secret can't be written.
        """
        expected = read_secret(self._key_file)
        if not expected or not hmac.compare_digest(key.encode(), expected):
            return None
        try:
            self._key_file.unlink()
        except OSError:
            # Somebody else was first with it, or it would go on working.
            return None
        created = int(self._now())
        value = f"{created}.{created + SESSION_SECONDS}.{secrets.token_urlsafe(16)}"
        return f"{value}.{self._signature(value, self._make_secret())}"

    def session(self, cookie: str) -> Session | None:
        """Return the session of a cookie; None when it isn't ours, or is over."""
        secret = read_secret(self._secret_file)
        match = _COOKIE.fullmatch(cookie) if len(cookie) <= LONGEST_COOKIE else None
        if not secret or match is None:
            return None
        signed, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature, self._signature(signed, secret)):
            return None
        created, expires = int(match[1]), int(match[2])
        if expires <= self._now():
            return None
        return Session(
            user=USER,
            email="",
            groups=(),
            created=datetime.fromtimestamp(created, UTC),
            expires=datetime.fromtimestamp(expires, UTC),
        )

    def end_sessions(self) -> None:
        """End every session.

        Raises:
            OSError: The secret can't be removed.
        """
        self._secret_file.unlink(missing_ok=True)

    def _make_secret(self) -> bytes:
        secret = read_secret(self._secret_file)
        if not secret:
            secret = secrets.token_urlsafe(36).encode()
            write_atomically(self._secret_file, secret)
        return secret

    def _signature(self, value: str, secret: bytes) -> str:
        return hmac.new(secret, f"kubecoder session {self._port} {value}".encode(), hashlib.sha256).hexdigest()


class LocalGuard:
    """Lets pass who signed in by the link, from our own page.

    Args:
        app: What is guarded.
        origin: `http://127.0.0.1:PORT`.
        keys: The sign-in link's.
        arrived: Called with whoever is let in.
    """

    def __init__(self, app: ASGIApp, *, origin: str, keys: LocalKeys, arrived: Arrived = unnoted) -> None:
        self._app = app
        self._origin = origin
        self._keys = keys
        self._arrived = arrived

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request or an upgrade on, sign in, sign out, or refuse."""
        try:
            self._check_source(scope)
            session = await self._session(scope)
            answer = await self._sign_in_or_out(scope, is_signed_in=session is not None)
            if answer is None and session is None:
                raise NotSignedInError("not signed in", hint=HINT)
        except AgentError as error:
            await self._refuse(error, scope, receive, send)
            return
        if answer is not None:
            await answer(scope, receive, send)
            return
        caller = Caller("session", USER, session)
        await self._arrived(caller)
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)

    def _check_source(self, scope: Scope) -> None:
        if scope["type"] == "websocket":
            check_upgrade(scope["headers"], origin=self._origin)
        else:
            check_request(scope["method"], scope["headers"], origin=self._origin)

    async def _session(self, scope: Scope) -> Session | None:
        # Another server on the loopback may set a cookie of our name too; it can't make a valid one.
        header = b";".join(collect(scope["headers"]).get(b"cookie", [])).decode("latin-1")
        pairs = (part.strip().partition("=") for part in header.split(";"))
        for cookie in [value for name, _, value in pairs if name == self._keys.cookie_name][:COOKIES_TRIED]:
            session = await asyncio.to_thread(self._keys.session, cookie)
            if session is not None:
                return session
        return None

    async def _sign_in_or_out(self, scope: Scope, *, is_signed_in: bool) -> Response | None:
        if scope["type"] != "http" or scope["method"] != "GET":
            return None
        if scope["path"] == SIGN_IN_PATH:
            keys = parse_qs(scope["query_string"].decode("latin-1")).get("key", [])
            cookie = await asyncio.to_thread(self._keys.redeem, keys[0]) if len(keys) == 1 else None
            return self._page(_SIGNED_IN, cookie, SESSION_SECONDS) if cookie is not None else None
        if scope["path"] == SIGN_OUT_PATH and is_signed_in:
            await asyncio.to_thread(self._keys.end_sessions)
            return self._page(_SIGNED_OUT, "", 0)
        return None

    def _page(self, text: str, cookie: str, seconds: int) -> Response:
        response = HTMLResponse(text, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
        # Not `secure`: browsers don't agree on whether plain HTTP to the loopback may set such a cookie.
        response.set_cookie(self._keys.cookie_name, cookie, max_age=seconds, httponly=True, samesite="strict")
        return response

    async def _refuse(self, error: AgentError, scope: Scope, receive: Receive, send: Send) -> None:
        if isinstance(error, NotSignedInError) and _is_navigation(scope):
            scope.setdefault("state", {})["refusal"] = f"{error.code}: {error.message}"
            await HTMLResponse(_SIGN_IN, 401, headers={"Cache-Control": "no-store"})(scope, receive, send)
        else:
            await refuse(error, scope, receive, send)


def _is_navigation(scope: Scope) -> bool:
    accepted = b",".join(collect(scope["headers"]).get(b"accept", []))
    return scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and b"text/html" in accepted
