"""Webhooks: told once, to the address that was checked, by TLS that is checked; tried again; kept through a kill."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.agent.conftest import running_agent
from tests.agent.scraping import scraped
from tests.agent.tasks import TaskAgent, end_tmux
from tests.rigs import claude
from tests.rigs.certificates import Authority
from tests.rigs.model import running_model
from tests.rigs.processes import kill_process
from tests.rigs.receiver import Receiver, running_receiver
from tests.rigs.waiting import wait_until

NAME = "ci.company.test"
SECRET = "t0k3n-of-the-receiver"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def receiver(authority: Authority) -> Iterator[Receiver]:
    with running_receiver(authority, "127.0.0.1", NAME) as running:
        yield running


@dataclass
class Restartable:
    """An agent that can be killed; its sessions and its folder stay."""

    tasks: TaskAgent
    start: Callable[[], Any]

    def kill(self) -> None:
        kill_process(self.tasks.agent.process.pid)

    def restart(self) -> None:
        self.tasks.agent = self.start()

    def log(self) -> str:
        return "\n".join(self.tasks.agent.process.log_lines())


@pytest.fixture(scope="module")
def rig(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restartable]:
    directory = tmp_path_factory.mktemp("tasks")
    with contextlib.ExitStack() as stack:
        model = stack.enter_context(running_model(directory / "model"))
        variables = {
            **claude.environment(directory / "home", model.address),
            "SSL_CERT_FILE": str(authority.certificate_file),
        }
        settings = {"CLAUDE": str(claude.program()), "WEBHOOK_NETWORKS": "127.0.0.1/32"}

        def start() -> Any:
            return stack.enter_context(running_agent(directory, settings=settings, more_environment=variables))

        tasks = TaskAgent(start(), model, directory)
        stack.callback(tasks.kill_leftovers)
        stack.callback(end_tmux, tasks.tmux_socket)
        yield Restartable(tasks, start)


def test_a_done_prompt_is_told_with_the_task_and_a_later_one_again(rig: Restartable, receiver: Receiver) -> None:
    task_id = rig.tasks.create("Done.", webhook=receiver.url(f"/told?token={SECRET}"), name="nightly")

    (call,) = receiver.wait("/told")

    assert call.path == f"/told?token={SECRET}"
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["Host"] == f"127.0.0.1:{receiver.port}"
    assert call.headers["User-Agent"].startswith("kubecoder/")
    assert call.body["task_id"] == task_id
    assert (call.body["status"], call.body["activity"], call.body["name"]) == ("running", "idle", "nightly")
    assert rig.tasks.send(task_id, '[[script: [{"wait": 1.5}, "Again."]]]')["delivery"] == "delivered"
    assert len(receiver.of("/told")) == 1, "the second prompt still goes on"
    _, second = receiver.wait("/told", 2)
    assert second.body["activity"] == "idle"
    assert second.body["usage"]["output_tokens"] > call.body["usage"]["output_tokens"]
    assert not wait_for_more(receiver, "/told", 2)
    assert SECRET not in rig.log()
    assert "/told" not in rig.log()


def test_a_killed_task_is_told_as_killed(rig: Restartable, receiver: Receiver) -> None:
    task_id = rig.tasks.create({"wait": 60}, "Never.", webhook=receiver.url("/killed"))
    rig.tasks.wait(task_id, "working")
    assert receiver.of("/killed") == []

    rig.tasks.call("DELETE", f"/tasks/{task_id}")

    (call,) = receiver.wait("/killed")
    assert call.body["status"] == "killed"


def test_a_request_for_permission_is_not_the_end(rig: Restartable, receiver: Receiver) -> None:
    task_id = rig.tasks.create({"bash": "touch asked.txt"}, "Done.", webhook=receiver.url("/asked"))
    request = rig.tasks.ask(task_id)
    assert not wait_for_more(receiver, "/asked", 0)
    asking = scraped(rig.tasks.agent)

    rig.tasks.answer(task_id, request["request_id"], "allow")

    (call,) = receiver.wait("/asked")
    assert call.body["activity"] == "idle"
    assert (asking["kubecoder_permissions_open"], asking["kubecoder_tasks:waiting_permission"]) == (1, 1)
    answered = scraped(rig.tasks.agent)
    assert (answered["kubecoder_permissions_open"], answered["kubecoder_tasks:waiting_permission"]) == (0, 0)
    assert answered["kubecoder_tasks:idle"] == asking["kubecoder_tasks:idle"] + 1


def test_what_was_not_sent_before_a_kill_of_the_agent_is_sent_by_the_next(rig: Restartable, receiver: Receiver) -> None:
    receiver.plan["/over"] = [500, 500]
    receiver.plan["/idle"] = [500, 500]
    over = rig.tasks.create("Done.", webhook=receiver.url("/over"))
    idle = rig.tasks.create("Done.", webhook=receiver.url("/idle"))
    rig.tasks.wait(idle, "idle")
    rig.tasks.wait(over, "idle")
    receiver.wait("/over")
    receiver.wait("/idle")
    rig.tasks.call("DELETE", f"/tasks/{over}")
    rig.kill()
    sent = {path: len(receiver.of(path)) for path in ("/over", "/idle")}
    assert not wait_for_more(receiver, "/idle", sent["/idle"])
    receiver.plan.clear()

    rig.restart()

    for path, task_id, status in (("/over", over, "killed"), ("/idle", idle, "running")):
        call = receiver.wait(path, sent[path] + 1)[-1]
        assert (call.body["task_id"], call.body["status"]) == (task_id, status)
    assert not wait_for_more(receiver, "/over", sent["/over"] + 1)
    assert not wait_for_more(receiver, "/idle", sent["/idle"] + 1)


def test_an_orderly_end_of_the_agent_begins_no_further_try(rig: Restartable, receiver: Receiver) -> None:
    receiver.plan["/ended"] = [500]
    task_id = rig.tasks.create("Done.", webhook=receiver.url("/ended"))
    receiver.wait("/ended")

    os.kill(rig.tasks.agent.process.pid, signal.SIGTERM)
    rig.tasks.agent.process.popen.wait(20)

    assert len(receiver.of("/ended")) == 1
    rig.restart()
    assert receiver.wait("/ended", 2)[-1].body["task_id"] == task_id


def test_an_address_that_is_not_admitted_gets_nothing_and_the_log_tells(
    rig: Restartable, receiver: Receiver, authority: Authority
) -> None:
    with running_receiver(authority, "127.0.0.2", host="127.0.0.2") as other:
        rig.tasks.create("Done.", webhook=other.url(f"/forbidden?token={SECRET}", host="127.0.0.2"))

        wait_until(lambda: "may not reach" in rig.log(), what="the log tells", seconds=30)
        assert scraped(rig.tasks.agent)["kubecoder_webhook_failures_total:given_up"] == 1

        assert other.calls == []
    assert SECRET not in rig.log()


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://ci.company.com/",
            "ftp://ci.company.com/",
            "file:///etc/passwd",
            "https:///hook",
            "//ci.company.com/",
        ),
        *("https://user:secret@ci.company.com/", "https://user@ci.company.com/", "https://ci.company.com:99999/"),
        *("https://ci.company.com/a b", "https://ci.company.com/\r\nX: y", "https://[::1/", "nonsense"),
    ],
)
def test_what_could_never_be_sent_is_refused_with_the_task(rig: Restartable, url: str) -> None:
    answer = rig.tasks.call("POST", "/tasks", {"prompt": "x", "webhook": url})

    assert answer.status == 400
    assert answer.json()["error"].startswith("webhook: ")
    assert "secret" not in answer.text


def wait_for_more(receiver: Receiver, path: str, count: int, seconds: float = 1.5) -> bool:
    """Tell whether more than so many requests came to a path; gives them the time that the shortest pause takes."""
    with contextlib.suppress(TimeoutError):
        receiver.wait(path, count + 1, seconds=seconds)
        return True
    return False
