"""Checks of a workspace put together, with its doors played by a local server."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import pytest

from kubecoder.checks import inside, outside, workspace
from kubecoder.checks.workspace import Neighbour, check, judge, neighbours
from kubecoder.cluster.exec import Completed, Target
from kubecoder.cluster.pods import NoPodError, StoppedError
from kubecoder.errors import ClusterError, KubecoderError, NotFoundError
from kubecoder.models.check import Check, skipped
from kubecoder.models.manifest import Manifest
from tests.fleets import user
from tests.objects import FLEET, pod, running

SEEN: dict[str, Any] = {
    "identity": {
        "uid": 1000,
        "gid": 1000,
        "NoNewPrivs": "1",
        "CapPrm": "0",
        "CapEff": "0",
        "CapBnd": "0",
        "CapAmb": "0",
        "Seccomp": "2",
    },
    "disk": {"home": "/home/dev", "error": "", "total": 50 << 30, "free": 40 << 30},
    "tokens": [],
    "listeners": [
        {"address": "0.0.0.0", "port": 4180, "program": ""},
        {"address": "0.0.0.0", "port": 6090, "program": "python"},
    ],
    "git": {"user.name": "John", "user.email": "john@example.com"},
    "tools": {"claude": {"path": "/x", "version": "2.1.0", "error": ""}},
    "hosts": {"169.254.169.254": "timeout", "jane:4180": "open"},
}


class Door(http.server.BaseHTTPRequestHandler):
    """A sign-in proxy and an API port in one."""

    hosts: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        Door.hosts.add(self.headers["Host"])
        if self.path == "/health":
            self.send_response(200)
        elif self.path.startswith("/api/"):
            self.send_response(401)
        else:
            self.send_response(302)
            self.send_header("Location", "https://github.com/login/oauth/authorize")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def forwarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forward every port to the played doors."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    class Forward:
        port = server.server_port

        def __init__(self, *_: object) -> None:
            pass

        def __enter__(self) -> Self:
            return self

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            pass

    monkeypatch.setattr(outside, "Forward", Forward)
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def play(
    monkeypatch: pytest.MonkeyPatch, found: Manifest | KubecoderError, *answers: Completed | KubecoderError
) -> list[Any]:
    """Play the pod and the answers of its commands, the last one for all that follow; return what was sent."""
    sent: list[Any] = []

    def find(*_: object) -> Manifest:
        if isinstance(found, KubecoderError):
            raise found
        return found

    def capture(_: object, target: object, argv: list[str], *, stdin: bytes) -> Completed:
        sent.append((target, argv, stdin))
        done = answers[min(len(sent), len(answers)) - 1]
        if isinstance(done, KubecoderError):
            raise done
        return done

    monkeypatch.setattr("kubecoder.cluster.pods.find", find)
    monkeypatch.setattr(workspace, "capture", capture)
    monkeypatch.setattr(outside, "certificate", lambda _: skipped("certificate", "not asked"))
    return sent


def results(checks: list[Check]) -> dict[str, str]:
    return {entry.name: str(entry.outcome) for entry in checks}


JOHN = user("john")
JANE = Neighbour("jane", "10.0.0.2", Target("coder", "ws-jane-1", "ide"))
RUNNING = [Neighbour("john", "10.0.0.1", Target("coder", "ws-john-1", "ide")), JANE]


def test_a_workspace_that_is_what_it_should_be(forwarded: None, monkeypatch: pytest.MonkeyPatch) -> None:
    ports = {"hosts": {"4180": "open", "6090": "open", "7681": "refused"}}
    answers = (Completed(0, json.dumps(seen).encode(), b"") for seen in (SEEN, ports))
    sent = play(monkeypatch, pod(running("ide"), ready=True), *answers)

    found = results(check(None, FLEET, JOHN, RUNNING))  # type: ignore[arg-type]

    assert {name for name, result in found.items() if result == "pass"} == {
        *("pod-ready", "tools", "claude-code", "disk", "git-identity", "user", "no-new-privileges", "capabilities"),
        *("seccomp", "no-token", "listeners", "metadata-address", "door", "api-health", "api-token"),
        "from-another-pod",
    }
    assert found["other-workspaces"] == "warn"
    [(target, argv, stdin), (from_jane, _, _)] = sent
    assert from_jane == JANE.target
    assert str(target) == "Pod coder/ws-john-1, container ide"
    hosts = json.loads(argv[-1])["hosts"]
    assert ["jane:4180", "10.0.0.2", 4180] in hosts
    assert not any(label.startswith("john") for label, *_ in hosts)
    assert stdin == Path(inside.__file__).read_bytes()
    assert Door.hosts == {"john.dev.example.com"}


@pytest.mark.parametrize(
    ("done", "evidence"),
    [
        (Completed(127, b"", b"python3: not found\n"), "python3 in the workspace: python3: not found"),
        (Completed(1, b"", b""), "python3 in the workspace: exit code 1"),
        (Completed(0, b"Welcome!", b""), "python3 in the workspace printed something else than the answer"),
        (ClusterError("connection broke"), "connection broke"),
    ],
)
def test_a_workspace_that_cannot_be_looked_into_fails(
    forwarded: None, monkeypatch: pytest.MonkeyPatch, done: Completed | KubecoderError, evidence: str
) -> None:
    play(monkeypatch, pod(running("ide"), ready=True), done)

    [found] = [entry for entry in check(None, FLEET, JOHN, RUNNING) if entry.name == "inside"]  # type: ignore[arg-type]

    assert (found.outcome, found.evidence) == ("fail", f"can't look inside: {evidence}")


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (StoppedError("john is stopped"), "skip"),
        (NoPodError("john has no pod yet"), "fail"),
        (NotFoundError("john isn't deployed"), "fail"),
    ],
)
def test_a_workspace_without_a_pod(monkeypatch: pytest.MonkeyPatch, error: KubecoderError, result: str) -> None:
    play(monkeypatch, error, Completed(0, b"", b""))

    assert results(check(None, FLEET, JOHN, RUNNING)) == {"pod-ready": result}  # type: ignore[arg-type]


def test_doors_that_do_not_answer_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ClusterError("no route")

    monkeypatch.setattr(outside, "Forward", broken)

    assert outside.door(None, "coder", "p", "h").evidence == "port 4180 doesn't answer: no route"  # type: ignore[arg-type]
    assert results(outside.api(None, "coder", "p", "h")) == {"api-health": "fail"}  # type: ignore[arg-type]


def test_only_ready_pods_with_an_address_are_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    up = pod(running(), ready=True, workspace="jane")
    up["status"]["podIP"] = "10.0.0.2"
    down = pod(running(ready=False), workspace="imran")
    down["status"]["podIP"] = "10.0.0.3"
    monkeypatch.setattr(workspace, "list_reachable", lambda *_, **__: [up, down, pod(running(), ready=True)])

    target = Target("coder", up["metadata"]["name"], up["status"]["containerStatuses"][0]["name"])
    assert neighbours(None, FLEET, ["coder"]) == [Neighbour("jane", "10.0.0.2", target)]  # type: ignore[arg-type]


def test_addresses_of_the_cloud_are_judged_apart_from_neighbours() -> None:
    found = results(judge(SEEN, total=3))

    assert (found["metadata-address"], found["other-workspaces"]) == ("pass", "warn")


def test_ports_are_tried_from_another_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {**SEEN, "hosts": {"4180": "open", "7681": "open", "8080": "refused"}}
    sent = play(monkeypatch, pod(running("ide"), ready=True), Completed(0, json.dumps(seen).encode(), b""))

    found = workspace.from_another_pod(None, "10.0.0.1", [JANE])  # type: ignore[arg-type]

    assert (found.outcome, found.evidence) == ("fail", "jane can connect to 7681 (ttyd)")
    [(target, argv, _)] = sent
    assert target == JANE.target
    assert {(address, port) for _, address, port in json.loads(argv[-1])["hosts"]} >= {
        ("10.0.0.1", 4180),
        ("10.0.0.1", 6090),
        ("10.0.0.1", 7681),
    }


def test_nobody_tries_from_a_pod_that_is_not_there_or_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, pod(running("ide"), ready=True), ClusterError("connection broke"))

    alone = workspace.from_another_pod(None, "10.0.0.1", [])  # type: ignore[arg-type]
    broken = workspace.from_another_pod(None, "10.0.0.1", [JANE])  # type: ignore[arg-type]

    assert (alone.outcome, broken.outcome) == ("skip", "skip")
    assert broken.evidence == "can't look from jane: connection broke"
