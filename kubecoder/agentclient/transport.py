"""Requests to one agent: bounded retries where a second try can do no harm, a new look when the agent has moved."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from kubecoder.agentclient.failures import is_gateway, refused, unreachable
from kubecoder.agentclient.reach import API_PATH, Endpoint, Reach
from kubecoder.errors import AgentError, AgentUnreachableError, KubecoderError

log = logging.getLogger("kubecoder.agent")

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
"""Starting and ending a session and confirming an answer take seconds, not a minute."""
IDLE_SECONDS = 2.0
"""The agent closes an idle connection after five; one that it may be closing just now must not get a request."""
PAUSES = (0.2, 0.6, 1.5)
"""Between the tries of a request that may be repeated."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        path: Below `/api/claude`.
        repeatable: Whether sending it twice does no more than sending it once.
        seconds: How long a stream may be silent.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    repeatable: bool = False
    seconds: float = ANSWER_SECONDS


class Transport:
    """Sends requests to one agent; safe to use from several threads.

    Args:
        reach: The way to the agent.
        patience: How often a repeatable request is tried again; 0 is once only.
        connect_seconds: How long a connection may take.
        answer_seconds: How long an answer may take; streams aren't meant.
        sleep: Waits between two tries.
    """

    def __init__(
        self,
        reach: Reach,
        *,
        patience: int = len(PAUSES),
        connect_seconds: float = CONNECT_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.reach = reach
        self._pauses = PAUSES[:patience]
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds
        self._sleep = sleep
        self._lock = threading.Lock()
        self._http: httpx.Client | None = None
        self._endpoint: Endpoint | None = None
        self._outdated: list[httpx.Client] = []

    def close(self) -> None:
        """Close idle connections and the way to the agent."""
        with self._lock:
            for http in (*self._outdated, *((self._http,) if self._http else ())):
                http.close()
            self._outdated.clear()
            self._http = self._endpoint = None
        self.reach.close()

    def send(self, call: Call) -> httpx.Response:
        """Send a request and return its successful answer.

        Raises:
            NotFoundError: There is no such task or request for permission.
            AgentUnreachableError: There was no answer; a request that isn't repeatable may have been carried out.
            AgentError: The agent refused.
        """
        try:
            return self._send(call)
        except AgentError as error:
            refused_one = self._endpoint
            if error.status != 401 or self.reach.endpoint(refused_one) == refused_one:
                raise
        # Nothing was done, and the token has been rotated since it was read.
        return self._send(call)

    @contextmanager
    def stream(self, call: Call, endpoint: Endpoint) -> Iterator[httpx.Response]:
        """Open a stream for the length of the block, by one try.

        Args:
            call: What to open; `seconds` is the longest silence.
            endpoint: Where the agent is.

        Raises:
            httpx.RequestError: There is no connection, or it broke.
            KubecoderError: The agent refused.
        """
        http = self._client(endpoint)
        timeout = httpx.Timeout(call.seconds, connect=self._connect_seconds)
        with http.stream(call.method, _url(endpoint, call), headers=dict(call.headers), timeout=timeout) as response:
            log.info("%s %s %d (stream)", call.method, call.path, response.status_code)
            if not response.is_success:
                response.read()
                raise refused(response, self.reach.name)
            yield response

    def failure(self, error: httpx.RequestError) -> KubecoderError:
        """Turn a failure of the connection into the error to raise; the way to the agent may know more about it."""
        reason = self.reach.explain()
        if reason is not None and not isinstance(error, httpx.TimeoutException):
            return AgentUnreachableError(f"no answer from the agent of {self.reach.name}: {reason}", hint=reason.hint)
        return unreachable(error, self.reach.name)

    def _send(self, call: Call) -> httpx.Response:
        failed: Endpoint | None = None
        pauses = iter(self._pauses)
        while True:
            endpoint = self.reach.endpoint(failed)
            try:
                response = self._try(endpoint, call)
            except httpx.RequestError as error:
                failure = self.failure(error)
                may_repeat = call.repeatable or isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
            else:
                if response.is_success:
                    return response
                failure = refused(response, self.reach.name)
                may_repeat = call.repeatable and is_gateway(response)
            pause = next(pauses, None)
            if pause is None or not may_repeat:
                raise failure
            failed = endpoint
            self._sleep(pause)

    def _try(self, endpoint: Endpoint, call: Call) -> httpx.Response:
        http = self._client(endpoint)
        started = time.monotonic()
        response = http.request(
            call.method,
            _url(endpoint, call),
            params=dict(call.query),
            json=call.body,
            headers=dict(call.headers),
            timeout=httpx.Timeout(self._answer_seconds, connect=self._connect_seconds),
        )
        milliseconds = (time.monotonic() - started) * 1000
        log.info("%s %s %d in %.0f ms", call.method, call.path, response.status_code, milliseconds)
        return response

    def _client(self, endpoint: Endpoint) -> httpx.Client:
        with self._lock:
            if self._http is None or self._endpoint != endpoint:
                if self._http is not None:
                    self._outdated.append(self._http)  # it may carry another thread's stream
                self._http = httpx.Client(
                    headers={"Authorization": f"Bearer {endpoint.token}"},
                    trust_env=not endpoint.is_loopback,
                    limits=httpx.Limits(keepalive_expiry=IDLE_SECONDS),
                )
                self._endpoint = endpoint
            return self._http


def _url(endpoint: Endpoint, call: Call) -> str:
    return f"{endpoint.url}{API_PATH}{call.path}"
