"""The sender of webhooks alone, with short pauses: what it tries again, what it never reaches, whose word it takes."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from agent.models import Status
from agent.tasks.records import Record
from agent.tasks.registry import Registry
from agent.tasks.store import Store
from agent.tasks.stream import Stream
from agent.tasks.webhooks import PAUSES_SECONDS, Webhooks
from tests.rigs.certificates import Authority
from tests.rigs.receiver import DROP, ENDLESS, Receiver, running_receiver

NAME = "ci.company.test"
ADMITTED = (ip_network("127.0.0.1/32"),)
SECRET = "t0k3n-of-the-receiver"
QUICK = (0.05, 0.05, 0.05, 0.05)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def receiver(authority: Authority) -> Iterator[Receiver]:
    with running_receiver(authority, "127.0.0.1", NAME) as running:
        yield running


@dataclass
class Sender:
    """Webhooks of a registry on the disk, without an agent around."""

    registry: Registry
    webhooks: Webhooks

    async def add(self, url: str) -> str:
        """Add a task that has ended; returns its id."""
        task_id = f"{int(time.time())}-{secrets.token_hex(4)}"
        record = Record(
            task_id=task_id,
            session_id="",
            created_at=time.time(),
            prompt_head="x",
            workdir="/",
            permission_mode="default",
            status=Status.COMPLETED,
            webhook=url,
            webhook_due=1.0,
        )
        await self.registry.add(record, "x")
        return task_id

    async def told(self, task_id: str) -> None:
        """Wait until nothing is due."""
        told = asyncio.Event()

        def look(_task_id: str) -> None:
            if self.registry.record(task_id).webhook_due is None:
                told.set()

        self.registry.observers.append(look)
        look(task_id)
        await asyncio.wait_for(told.wait(), 30)

    def run(self, url: str) -> str:
        """Add a task, and send until nothing is due; returns its id."""

        async def send() -> str:
            task_id = await self.add(url)
            await self.told(task_id)
            await self.webhooks.stop()
            return task_id

        return asyncio.run(send())


@pytest.fixture
def sender(tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Sender:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate_file))
    registry = Registry(Store(tmp_path), Stream())
    webhooks = Webhooks(registry, ADMITTED, pauses=QUICK)
    registry.observers.append(webhooks.check)
    return Sender(registry, webhooks)


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let every name resolve to these, each time the next, the last for ever; returns the names that are asked for."""
    asked: list[str] = []

    async def getaddrinfo(_loop: Any, host: str, port: int, **_options: Any) -> list[Any]:
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    # Only names: httpx connects to addresses through the same function.
    real = asyncio.base_events.BaseEventLoop.getaddrinfo

    async def chosen(loop: Any, host: Any, port: Any, **options: Any) -> Any:
        is_name = not str(host).replace(".", "").isdigit()
        return await (getaddrinfo if is_name else real)(loop, host, port, **options)

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", chosen)
    return asked


@pytest.mark.parametrize("answers", [[500], [503, DROP], [DROP, 429], [404], [302, 500, DROP, 500]])
def test_a_receiver_that_fails_is_tried_until_it_takes_it(
    sender: Sender, receiver: Receiver, answers: list[int]
) -> None:
    path = f"/fails-{'-'.join(map(str, answers))}"
    receiver.plan[path] = list(answers)
    receiver.location = receiver.url("/elsewhere")

    sender.run(receiver.url(path))

    calls = receiver.of(path)
    assert len(calls) == len(answers) + 1
    assert {call.body["task_id"] for call in calls} == {calls[0].body["task_id"]}


def test_it_is_given_up_after_five_tries_that_are_further_and_further_apart(
    sender: Sender, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    assert list(PAUSES_SECONDS) == sorted(PAUSES_SECONDS)
    receiver.plan["/down"] = [500] * 9

    sender.run(receiver.url(f"/down?token={SECRET}"))

    assert len(receiver.of("/down")) == 5
    assert "a webhook is given up" in caplog.messages
    assert SECRET not in caplog.text


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_not_followed(sender: Sender, receiver: Receiver, status: int) -> None:
    receiver.plan[f"/moved-{status}"] = [status] * 5
    receiver.location = receiver.url(f"/target-{status}")

    sender.run(receiver.url(f"/moved-{status}"))

    assert len(receiver.of(f"/moved-{status}")) == 5
    assert receiver.of(f"/target-{status}") == []


def test_an_endless_answer_holds_nothing_up(sender: Sender, receiver: Receiver) -> None:
    receiver.plan["/endless"] = [ENDLESS]
    began = time.monotonic()

    sender.run(receiver.url("/endless"))

    assert len(receiver.of("/endless")) == 1
    assert time.monotonic() - began < 5, "its body isn't waited for"


def test_a_name_is_resolved_once_and_its_certificate_is_checked_by_name(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolving(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])

    sender.run(receiver.url("/by-name", host=NAME))

    (call,) = receiver.of("/by-name")
    assert call.name == NAME
    assert call.headers["Host"] == f"{NAME}:{receiver.port}"
    assert asked == [NAME], "what was checked is what is connected to"


def test_a_name_that_turns_to_another_address_between_the_tries_is_not_followed(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.plan["/turns"] = [500] * 5
    asked = resolving(monkeypatch, ["127.0.0.1"], ["127.0.0.1", "169.254.169.254"])

    sender.run(receiver.url("/turns", host=NAME))

    assert len(receiver.of("/turns")) == 1
    assert len(asked) == 2, "what is forbidden isn't tried again"
    assert "may not reach" in caplog_fields(caplog)


def test_a_name_that_is_not_known_may_be_known_later(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = resolving(monkeypatch, ["127.0.0.1"])
    chosen = asyncio.base_events.BaseEventLoop.getaddrinfo
    failures = [socket.gaierror(socket.EAI_AGAIN, "try again"), UnicodeError("label too long")]

    async def first_fails(loop: Any, host: Any, port: Any, **options: Any) -> Any:
        if failures:
            raise failures.pop()
        return await chosen(loop, host, port, **options)

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", first_fails)

    sender.run(receiver.url("/later", host=NAME))

    assert len(receiver.of("/later")) == 1
    assert asked == [NAME]


def test_a_certificate_of_another_name_or_of_nobody_we_trust_gets_nothing(
    sender: Sender, authority: Authority, tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = Authority(tmp_path_factory.mktemp("stranger"))
    with running_receiver(authority, "other.company.test") as other, running_receiver(stranger, "127.0.0.1") as strange:
        for each in (other, strange):
            sender.run(each.url("/tls"))
            assert each.calls == []
    assert caplog_fields(caplog).lower().count("certificate verify failed") == 10


def test_a_failure_of_our_own_is_told_and_not_repeated_at_once(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[str] = []

    async def fail(_webhooks: Webhooks, url: str, _summary: Any) -> str | None:
        tries.append(url)
        raise RuntimeError(url)

    monkeypatch.setattr(Webhooks, "_try", fail)

    async def send() -> None:
        await sender.add(receiver.url(f"/own?token={SECRET}"))
        for _ in range(20):
            await asyncio.sleep(0.01)

    asyncio.run(send())

    assert len(tries) == 1
    assert "a webhook can't be sent" in caplog.messages
    assert SECRET not in caplog.text


def caplog_fields(caplog: pytest.LogCaptureFixture) -> str:
    """Return the fields of what was logged, as text."""
    return "\n".join(str(getattr(record, "fields", {})) for record in caplog.records)
