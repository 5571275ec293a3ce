"""One request to its end: the place in the window, the tries, the renewed credentials, the error."""

from __future__ import annotations

import logging
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic_core import from_json

from kubecoder.cluster.config import Access
from kubecoder.cluster.failures import api_error, status_document, unreachable
from kubecoder.cluster.limiter import Limiter
from kubecoder.cluster.retry import DEFAULT, FIRST_CONTACT, ONCE, Policy, is_transient
from kubecoder.cluster.stream import BrokenConnectionError, Stream
from kubecoder.cluster.transport import Answer, Request, Transport, retry_after
from kubecoder.errors import ApiError
from kubecoder.models.manifest import Manifest

log = logging.getLogger("kubecoder.cluster")

Try: TypeAlias = Answer | BrokenConnectionError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request came to.

    Attributes:
        answer: The last answer, of whatever status.
        subject: What was asked for.
        uncertain: An earlier try got no answer, and the server may have acted on it.
    """

    answer: Answer
    subject: str
    uncertain: bool

    def check(self) -> None:
        """Raise the `ApiError` of an answer that isn't a success."""
        if self.answer.status >= 300:
            raise self.error()

    @property
    def manifest(self) -> Manifest:
        """The answer's JSON as one object; raises as `document` does."""
        found: Manifest = self.document
        return found

    @property
    def document(self) -> Any:
        """The answer's JSON.

        Raises:
            ApiError: The answer isn't a success, or isn't JSON.
        """
        self.check()
        try:
            return from_json(self.answer.body)
        except ValueError:
            raise ApiError(
                f"{self.subject}: the answer isn't JSON; something else than the API server may have answered",
                status=self.answer.status,
                subject=self.subject,
            ) from None

    def error(self) -> ApiError:
        """Make the error of an answer that isn't a success."""
        found = status_document(self.answer.body)
        return api_error(self.answer.status, found, subject=self.subject, retry_after=self.answer.retry_after)


class Exchange:
    """Sends the requests of all threads to one cluster.

    Args:
        access: The server and the credentials.
        workers: The most requests in flight.
        policy: How often a request is tried.
        clock: Monotonic seconds.
        sleep: Waits for seconds.
        jitter: Numbers in [0, 1).
    """

    def __init__(
        self,
        access: Access,
        workers: int,
        *,
        policy: Policy = DEFAULT,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.access = access
        self.transport = Transport(access)
        self.limiter = Limiter(workers, clock=clock)
        self._policy = policy
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._was_answered = False

    def send(self, request: Request, *, subject: str, retry: bool = True) -> Outcome:
        """Send until there is an answer that another try wouldn't change.

        Raises:
            UnreachableError: There was none.
            ConfigError: The credentials had to be renewed, and that failed.
        """
        return self._persist(lambda: self.transport.send(request), request, subject, retry=retry)

    def open(self, request: Request, *, subject: str) -> Stream:
        """Send until there is a stream.

        Raises:
            ApiError: The server refused.
            UnreachableError: There was no answer.
            ConfigError: The credentials had to be renewed, and that failed.
        """
        opened: list[Stream] = []

        def attempt() -> Answer:
            stream = self.transport.open(request)
            if stream.status < 400:
                opened.append(stream)
                return Answer(stream.status, b"", None)
            return Answer(stream.status, stream.read(), retry_after(stream.response))

        outcome = self._persist(attempt, request, subject, retry=True)
        if not opened:
            raise outcome.error()
        return opened[0]

    def _persist(self, attempt: Callable[[], Answer], request: Request, subject: str, *, retry: bool) -> Outcome:
        started = self._clock()
        tries = 0
        uncertain = renewed = resent = False
        while True:
            generation = self.access.generation
            result = self._try(attempt, request)
            if isinstance(result, Answer) and result.status == 401 and not renewed:
                renewed = True
                self.access.renew(generation)
                continue
            if isinstance(result, BrokenConnectionError) and result.reused and not resent:
                resent = uncertain = True  # the server may have closed an idle connection: that is no failure
                continue
            tries += 1
            pause = self._pause(result, tries, self._clock() - started, retry=retry)
            if pause is None and isinstance(result, Answer):
                return Outcome(result, subject, uncertain)
            if pause is None:
                assert isinstance(result, BrokenConnectionError)
                raise unreachable(result.cause, self.access.server) from result
            uncertain = uncertain or may_have_acted(result)
            self._sleep(pause)

    def _try(self, attempt: Callable[[], Answer], request: Request) -> Try:
        started = self._clock()
        result: Try
        with self.limiter.slot() as ticket:
            try:
                result = attempt()
            except BrokenConnectionError as error:
                result = error
            else:
                self._was_answered = True
                ticket.pushed_back = result.status in (429, 503)
                ticket.retry_after = result.retry_after or 0.0
        said = result.status if isinstance(result, Answer) else f"broken connection ({result})"
        log.info("%s %s: %s, %d ms", request.method, request.path, said, (self._clock() - started) * 1000)
        return result

    def _pause(self, result: Try, tries: int, elapsed: float, *, retry: bool) -> float | None:
        """Give the seconds until the next try; None when this result is to be taken."""
        policy = (self._policy if self._was_answered else FIRST_CONTACT) if retry else ONCE
        if isinstance(result, BrokenConnectionError):
            if isinstance(result.cause, ssl.SSLCertVerificationError):
                return None
            return policy.pause(tries, elapsed, None, self._jitter)
        if result.status < 400:
            return None  # without a look at the body: a page of a list is large
        if not is_transient(result.status, status_document(result.body), retry_after=result.retry_after):
            return None
        return policy.pause(tries, elapsed, result.retry_after, self._jitter)


def may_have_acted(result: Try) -> bool:
    """Tell whether the server may have done what was asked although it didn't say so."""
    return result.sent if isinstance(result, BrokenConnectionError) else result.status in (500, 502, 504)
