"""One request to GitHub: the App's JWT for an installation token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from agent.githubtoken.app import GithubApp

API_URL = "https://api.github.com"
API_VERSION = "2022-11-28"
TIMEOUT = httpx.Timeout(10, connect=5)
# Over all: a server that sends a byte now and then defeats the time-outs above.
WHOLE_SECONDS = 20
# Less than this isn't worth a correction; JWTs have room for it.
SKEW_SECONDS = 30
LONGEST_MESSAGE = 200


class ExchangeError(Exception):
    """GitHub gave no token.

    Attributes:
        retry_after: Seconds that GitHub asks to wait, or 0.
        clock_skew: Seconds that our clock is behind GitHub's, where that may be the reason; else 0.
    """

    def __init__(self, message: str, *, retry_after: float = 0, clock_skew: float = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.clock_skew = clock_skew


@dataclass(frozen=True, slots=True)
class InstallationToken:
    """A token and its end; the token is never printed."""

    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"InstallationToken(expires_at={self.expires_at.isoformat()})"


class Exchange:
    """Asks GitHub for installation tokens, with a clock that follows GitHub's when ours is off."""

    def __init__(self, api_url: str = API_URL, *, clock: Callable[[], float] = time.time) -> None:
        self._api_url = api_url.rstrip("/")
        self._clock = clock
        self._skew = 0.0

    async def request(self, app: GithubApp) -> InstallationToken:
        """Ask for a token.

        Raises:
            ExchangeError: GitHub can't be reached, refuses, or answers nonsense.
            SettingsError: The App's private key can't sign.
        """
        try:
            return await self._request(app)
        except ExchangeError as error:
            if not error.clock_skew:
                raise
            self._skew = error.clock_skew
            return await self._request(app)

    async def _request(self, app: GithubApp) -> InstallationToken:
        headers = {
            "Authorization": f"Bearer {app.token(self._clock() + self._skew)}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": API_VERSION,
        }
        url = f"{self._api_url}/app/installations/{app.installation_id}/access_tokens"
        try:
            async with asyncio.timeout(WHOLE_SECONDS), httpx.AsyncClient(timeout=TIMEOUT) as client:
                response = await client.post(url, headers=headers, json=app.narrowing())
        except (httpx.HTTPError, TimeoutError) as error:
            raise ExchangeError(f"GitHub can't be reached: {type(error).__name__}") from error
        if response.status_code != httpx.codes.CREATED:
            raise self._refusal(response)
        return _parse(response)

    def _refusal(self, response: httpx.Response) -> ExchangeError:
        skew = 0.0
        if response.status_code == httpx.codes.UNAUTHORIZED:
            measured = _server_time(response, self._clock()) - self._clock()
            if abs(measured - self._skew) > SKEW_SECONDS:
                skew = measured
        return ExchangeError(
            f"GitHub answered {response.status_code}: {_message(response)}",
            retry_after=_retry_after(response),
            clock_skew=skew,
        )


def _parse(response: httpx.Response) -> InstallationToken:
    try:
        document = response.json()
        token, expires_at = document["token"], datetime.fromisoformat(document["expires_at"])
    except (ValueError, TypeError, KeyError) as error:
        raise ExchangeError("GitHub's answer holds no token") from error
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        raise ExchangeError("GitHub's answer holds no token")
    return InstallationToken(token, expires_at if expires_at.tzinfo else expires_at.replace(tzinfo=UTC))


def _message(response: httpx.Response) -> str:
    try:
        message = response.json()["message"]
    except (ValueError, TypeError, KeyError):
        message = response.reason_phrase
    return str(message)[:LONGEST_MESSAGE]


def _retry_after(response: httpx.Response) -> float:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else 0


def _server_time(response: httpx.Response, default: float) -> float:
    try:
        return parsedate_to_datetime(response.headers["Date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return default
