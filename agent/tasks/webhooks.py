"""Tell a task's webhook that its prompt is done: by https, to a public address that was checked, without redirects."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import logging
import socket
import ssl
from collections.abc import Collection, Sequence
from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx

from agent import __version__
from agent.errors import InvalidBodyError
from agent.logs import event
from agent.models import TaskSummary
from agent.settings import Network
from agent.tasks.registry import Registry

log = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 10.0
PAUSES_SECONDS: Final = (1.0, 5.0, 25.0, 125.0)
"""Between the tries; with their time-outs a receiver has three minutes to come back."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
CARRIERS: Final = (ipaddress.IPv6Network("::/96"), ipaddress.IPv6Network("64:ff9b::/96"))
"""Whose last four bytes are the IPv4 address that is reached: IPv4-compatible addresses, and NAT64."""
OWN_CARRIER: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
"""NAT64 of one's own network: where it leads only its router knows."""


class NoAddressError(Exception):
    """The webhook's host can't be resolved, which may pass."""


class ForbiddenAddressError(Exception):
    """The webhook's host has an address that we may not send to."""


def check_url(url: str) -> None:
    """Refuse a webhook that couldn't be sent to.

    Raises:
        InvalidBodyError: It isn't an https address without a password in it.
    """
    try:
        parts = urlsplit(url)
        valid = parts.scheme == "https" and parts.hostname and parts.username is None and parts.password is None
        _ = parts.port
    except ValueError:
        valid = False
    if not valid or any(character.isspace() or not character.isprintable() for character in url):
        raise InvalidBodyError("webhook: an https address such as https://ci.company.com/hook")


def allowed(address: Address, networks: Collection[Network]) -> bool:
    """Tell whether a webhook may go to an address: a public one, or one in an admitted network.

    An IPv4 address in IPv6 clothes counts as what it is.
    """
    real = _undressed(address)
    if any(real.version == network.version and real in network for network in networks):
        return True
    return real.is_global and not real.is_multicast and not (real.version == 6 and real in OWN_CARRIER)


def _undressed(address: Address) -> Address:
    if not isinstance(address, ipaddress.IPv6Address) or int(address) <= 1:
        return address
    if any(address in carrier for carrier in CARRIERS):
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address


async def resolve(host: str, port: int, networks: Collection[Network]) -> list[str]:
    """Resolve a host once; what is returned is what is connected to.

    Raises:
        ForbiddenAddressError: One of its addresses may not be sent to.
        NoAddressError: It has none.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NoAddressError(f"{host} has no address: {getattr(error, 'strerror', None) or error}") from error
    texts = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    if not all(allowed(ipaddress.ip_address(text), networks) for text in texts):
        raise ForbiddenAddressError(f"{host} leads to an address that webhooks may not reach")
    return texts


def trusted() -> ssl.SSLContext:
    """Trust what this machine does, SSL_CERT_FILE and SSL_CERT_DIR heard; httpx's own list where it has none."""
    paths = ssl.get_default_verify_paths()
    return ssl.create_default_context() if paths.cafile or paths.capath else httpx.create_ssl_context()


class Webhooks:
    """Sends what is due, each task's one at a time; what isn't sent when the agent ends is sent by the next.

    Attributes:
        failures: How many tries failed since the agent started, by what was done then.

    Args:
        registry: Whose tasks.
        networks: Private networks that may be reached.
        pauses: Seconds between the tries.
    """

    def __init__(
        self,
        registry: Registry,
        networks: Collection[Network],
        *,
        pauses: Sequence[float] = PAUSES_SECONDS,
    ) -> None:
        self._registry = registry
        self._networks = networks
        self._pauses = pauses
        self._sending: dict[str, asyncio.Task[None]] = {}
        self.failures = {"tried_again": 0, "given_up": 0}

    @functools.cached_property
    def _trusted(self) -> ssl.SSLContext:
        return trusted()

    def check_all(self) -> None:
        """Send what an earlier agent didn't get to."""
        for record in self._registry.records():
            self.check(record.task_id)

    def check(self, task_id: str) -> None:
        """Send a task's webhook when its prompt is done and nobody has been told."""
        record = self._registry.record(task_id)
        if record.webhook is None or record.webhook_due is None or task_id in self._sending:
            return
        if not self._registry.is_done(task_id):
            return
        sending = asyncio.create_task(self._send(task_id, record.webhook, record.webhook_due))
        self._sending[task_id] = sending
        sending.add_done_callback(lambda done: self._done(task_id, done))

    def _done(self, task_id: str, sending: asyncio.Task[None]) -> None:
        self._sending.pop(task_id, None)
        if sending.cancelled():
            return
        if (error := sending.exception()) is not None:
            # It stays due, and the next change of the task tries again.
            event(log, logging.ERROR, "a webhook can't be sent", task=task_id, reason=type(error).__name__)
            return
        # A further prompt may have come and gone in the meantime.
        self.check(task_id)

    async def stop(self) -> None:
        """Give up what is being sent; it stays due."""
        sending = list(self._sending.values())
        for each in sending:
            each.cancel()
        await asyncio.gather(*sending, return_exceptions=True)

    async def _send(self, task_id: str, url: str, due: float) -> None:
        problem = await self._try_until_told(task_id, url)
        if problem is not None:
            self.failures["given_up"] += 1
            event(log, logging.ERROR, "a webhook is given up", task=task_id, reason=problem)
        if self._registry.record(task_id).webhook_due == due:
            self._registry.change(task_id, webhook_due=None)
            await self._registry.saved(task_id)

    async def _try_until_told(self, task_id: str, url: str) -> str | None:
        """Send until it was taken, and return what went wrong at last."""
        summary = self._registry.summary(task_id)
        for pause in (*self._pauses, None):
            try:
                problem = await self._try(url, summary)
            except ForbiddenAddressError as error:
                return str(error)
            if problem is None or pause is None:
                break
            self.failures["tried_again"] += 1
            event(log, logging.WARNING, "a webhook failed, and is tried again", task=task_id, reason=problem)
            await asyncio.sleep(pause)
        return problem

    async def _try(self, url: str, summary: TaskSummary) -> str | None:
        """Send once, and return what went wrong.

        Raises:
            ForbiddenAddressError: It may not be sent there.
        """
        try:
            # Its own time-outs are for each read, of which a slow receiver makes as many as it likes.
            async with asyncio.timeout(TIMEOUT_SECONDS):
                status = await self._post(urlsplit(url), summary.model_dump_json(exclude_none=True))
        except (httpx.HTTPError, httpx.InvalidURL, NoAddressError, TimeoutError, OSError) as error:
            return str(error) or type(error).__name__
        return None if httpx.codes.is_success(status) else f"HTTP {status}"

    async def _post(self, parts: SplitResult, content: str) -> int:
        """Send, and return the status; what comes behind it isn't read."""
        host = parts.hostname or ""
        addresses = await resolve(host, parts.port or 443, self._networks)
        headers = {
            "Host": parts.netloc,
            "Content-Type": "application/json",
            "User-Agent": f"kubecoder/{__version__}",
        }
        async with (
            httpx.AsyncClient(
                trust_env=False, follow_redirects=False, timeout=TIMEOUT_SECONDS, verify=self._trusted
            ) as client,
            client.stream(
                "POST",
                _pinned(parts, addresses[0]),
                content=content,
                headers=headers,
                extensions={"sni_hostname": host},
            ) as answer,
        ):
            return answer.status_code


def _pinned(parts: SplitResult, address: str) -> str:
    """Return the URL with the address that was checked in the place of the name."""
    host = f"[{address}]" if ":" in address else address
    port = f":{parts.port}" if parts.port else ""
    return parts._replace(netloc=f"{host}{port}", fragment="").geturl()
