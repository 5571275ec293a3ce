"""A stand-in for GitHub on loopback: sign-in for an OAuth App, the API that the door asks, tokens for a GitHub App."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from starlette.applications import Starlette
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

API_VERSION = "2022-11-28"


@dataclass(frozen=True)
class Account:
    """A person: organisations, and teams as `org:slug`."""

    login: str
    organisations: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()


@dataclass
class GithubApp:
    """A GitHub App: whose key signs, where it is installed, how long its tokens live."""

    app_id: str
    installation_id: str
    public_key: RSAPublicKey
    lifetime: timedelta = timedelta(hours=1)


@dataclass
class StubGithub:
    """The server. Tests set who sits at the browser, and what goes wrong.

    Attributes:
        client_id: Of the OAuth App.
        client_secret: Of the OAuth App.
        at_the_browser: Who signs in next.
        asks: Whether it asks the person first by a page, as GitHub does, instead of going on at once.
        app: The GitHub App, if any.
        failure: Status that the App's endpoint answers instead of a token; 0 for none.
        retry_after: Seconds in the Retry-After header of a failure.
        clock_offset: How far this server's clock is ahead of ours.
        token_requests: Bodies of all requests for installation tokens.
        newest_token: The installation token that was given last.
    """

    client_id: str = "Iv1.0123456789abcdef"
    client_secret: str = "0123456789abcdef0123456789abcdef01234567"
    at_the_browser: Account = Account("alice")
    asks: bool = False
    app: GithubApp | None = None
    failure: int = 0
    retry_after: int = 0
    clock_offset: timedelta = timedelta()
    token_requests: list[Any] = field(default_factory=list)
    newest_token: str = ""
    _codes: dict[str, tuple[Account, str]] = field(default_factory=dict)
    _tokens: dict[str, Account] = field(default_factory=dict)

    def application(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route("/login/oauth/authorize", self._authorize),
                Route("/login/oauth/access_token", self._access_token, methods=["POST"]),
                Route("/api/", self._root),
                Route("/api/user", self._user),
                Route("/api/user/emails", self._emails),
                Route("/api/user/orgs", self._orgs),
                Route("/api/user/teams", self._teams),
                Route("/api/app/installations/{id}/access_tokens", self._installation_token, methods=["POST"]),
            ]
        )

    async def _authorize(self, request: Request) -> Response:
        query = request.query_params
        if query["client_id"] != self.client_id:
            return Response("unknown client", 404)
        if self.asks and "agreed" not in query:
            return HTMLResponse(self._question(request.url.include_query_params(agreed="yes")))
        code = secrets.token_hex(10)
        self._codes[code] = (self.at_the_browser, query.get("code_challenge", ""))
        answer = urlencode({"code": code, "state": query["state"]})
        return RedirectResponse(f"{query['redirect_uri']}?{answer}", 302)

    def _question(self, address: URL) -> str:
        login = html.escape(self.at_the_browser.login)
        link = f'<a href="{html.escape(str(address))}">Continue as {login}</a>'
        return f'<!doctype html><html lang="en"><title>GitHub</title><h1>Choose an account</h1><p>{link}</p></html>'

    async def _access_token(self, request: Request) -> Response:
        form = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
        account, challenge = self._codes.pop(form.get("code", ""), (None, ""))
        if account is None or form.get("client_secret") != self.client_secret:
            return JSONResponse({"error": "bad_verification_code"})
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if challenge != base64.urlsafe_b64encode(verifier).decode().rstrip("="):
            return JSONResponse({"error": "bad_verifier"})
        token = f"gho_{secrets.token_hex(18)}"
        self._tokens[token] = account
        return JSONResponse({"access_token": token, "token_type": "bearer", "scope": "user:email,read:org"})

    def _account(self, request: Request) -> Account:
        token = request.headers["Authorization"].rpartition(" ")[2]
        return self._tokens[token]

    async def _root(self, request: Request) -> Response:
        self._account(request)
        return JSONResponse({})

    async def _user(self, request: Request) -> Response:
        login = self._account(request).login
        return JSONResponse({"login": login, "email": f"{login}@example.com"})

    async def _emails(self, request: Request) -> Response:
        login = self._account(request).login
        return JSONResponse([{"email": f"{login}@example.com", "primary": True, "verified": True}])

    async def _orgs(self, request: Request) -> Response:
        first = request.query_params.get("page") == "1"
        return JSONResponse([{"login": name} for name in self._account(request).organisations if first])

    async def _teams(self, request: Request) -> Response:
        first = request.query_params.get("page") == "1"
        teams = [team.split(":") for team in self._account(request).teams if first]
        return JSONResponse([{"name": slug, "slug": slug, "organization": {"login": org}} for org, slug in teams])

    async def _installation_token(self, request: Request) -> Response:
        now = datetime.now(UTC) + self.clock_offset
        headers = {"Date": now.strftime("%a, %d %b %Y %H:%M:%S GMT")}
        self.token_requests.append(await request.json())
        if self.failure:
            extra = {"Retry-After": str(self.retry_after)} if self.retry_after else {}
            return JSONResponse({"message": "as the test wants it"}, self.failure, {**headers, **extra})
        refusal = self._refuse_app(request, now)
        if refusal:
            return JSONResponse({"message": refusal}, 401, headers)
        assert self.app is not None
        self.newest_token = f"ghs_{secrets.token_hex(18)}"
        document = {
            "token": self.newest_token,
            "expires_at": (now - self.clock_offset + self.app.lifetime).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return JSONResponse(document, 201, headers)

    def _refuse_app(self, request: Request, now: datetime) -> str:
        """Check the App's JWT by GitHub's rules, which count by GitHub's clock."""
        if self.app is None or request.path_params["id"] != self.app.installation_id:
            return "Integration not found"
        if request.headers.get("X-GitHub-Api-Version") != API_VERSION:
            return "Unsupported API version"
        token = request.headers["Authorization"].removeprefix("Bearer ")
        unchecked = {"verify_exp": False, "verify_iat": False}
        try:
            claims = jwt.decode(token, self.app.public_key, algorithms=["RS256"], options=unchecked)  # type: ignore[arg-type]
        except jwt.PyJWTError:
            return "A JSON web token could not be decoded"
        if claims["iss"] != self.app.app_id:
            return "'Issuer' claim ('iss') must be an Integer"
        if claims["iat"] > now.timestamp() or claims["exp"] <= now.timestamp():
            return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        if claims["exp"] > now.timestamp() + 600:
            return "'Expiration time' claim ('exp') is too far in the future"
        return ""


class GithubServer:
    """Runs a `StubGithub` in a thread, on a port of its own unless one is given."""

    def __init__(self, github: StubGithub, port: int = 0, address: str = "127.0.0.1") -> None:
        self.github = github
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((address, port))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{address}:{self.port}"
        config = uvicorn.Config(
            github.application(), log_config=None, access_log=False, lifespan="off", ws="none", date_header=False
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="stub-github")

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()

    def provider(self) -> Mapping[str, str]:
        """Return what a provider of oauth2-proxy's alpha configuration needs to come here instead."""
        return {
            "loginURL": f"{self.url}/login/oauth/authorize",
            "redeemURL": f"{self.url}/login/oauth/access_token",
            "validateURL": f"{self.url}/api/",
        }
