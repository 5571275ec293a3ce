"""What the agent reports, as programs read it: asked for every 50 ms, and by its stream of events."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from tests.agent.conftest import Agent
from tests.agent.truth.judging import Sample

SAMPLE_SECONDS = 0.05
NEWEST_TASKS = 16
SECONDS = 30


@dataclass(frozen=True)
class Received:
    """An event of the stream and when a client had it."""

    at: float
    event: Mapping[str, Any]


class Reporter:
    """Samples all tasks of an agent, and listens to its events, from the block's beginning to its end."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._samples: dict[str, list[Sample]] = defaultdict(list)
        self.received: list[Received] = []
        self._ending = threading.Event()
        self._sampling = threading.Thread(target=self._sample_all)
        self._listening = threading.Thread(target=self._listen)
        self._stream: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        self._sampling.start()
        self._listening.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._sampling.join()
        if self._stream is not None and self._stream.sock is not None:
            with contextlib.suppress(OSError):
                self._stream.sock.shutdown(2)
        self._listening.join()

    def samples(self, task_id: str) -> list[Sample]:
        """Return what was answered about a task."""
        return list(self._samples[task_id])

    def events(self, task_id: str) -> list[Sample]:
        """Return what the stream told about a task, each from when the agent wrote it."""
        tasks = (each.event for each in list(self.received) if each.event["kind"] == "task")
        return [_sample(event["task"], event["at"], event["at"]) for event in tasks if event["task_id"] == task_id]

    def last(self, task_id: str) -> str:
        """Return the newest word about a task."""
        samples = self._samples[task_id]
        return samples[-1].word if samples else ""

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._agent.api_address, timeout=SECONDS)

    def _get(self, connection: http.client.HTTPConnection, path: str, **headers: str) -> http.client.HTTPResponse:
        authorization = {"Authorization": f"Bearer {self._agent.admin_token}"}
        connection.request("GET", f"/api/claude{path}", headers=authorization | headers)
        return connection.getresponse()

    def _sample_all(self) -> None:
        connection = self._connect()
        due = time.monotonic()
        while not self._ending.wait(max(0.0, due - time.monotonic())):
            due = max(due + SAMPLE_SECONDS, time.monotonic())
            asked_at = time.time()
            listed = json.loads(self._get(connection, f"/tasks?limit={NEWEST_TASKS}").read())
            answered_at = time.time()
            for task in listed["tasks"]:
                self._samples[task["task_id"]].append(_sample(task, asked_at, answered_at))
        connection.close()

    def _listen(self) -> None:
        """Read the stream; whoever reads too slowly is cut off and goes on where they were, as a browser does."""
        last: dict[str, str] = {}
        while not self._ending.is_set():
            self._stream = self._connect()
            with contextlib.suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
                for identity, data in _events(self._get(self._stream, "/events", **last)):
                    self.received.append(Received(time.time(), json.loads(data)))
                    last = {"Last-Event-ID": identity} if identity else last
            self._stream.close()


def _events(response: http.client.HTTPResponse) -> Iterator[tuple[str, str]]:
    identity = ""
    while line := response.readline().decode():
        name, _, value = line.rstrip("\n").partition(": ")
        if name == "id":
            identity = value
        elif name == "data":
            yield identity, value
            identity = ""


def _sample(task: Mapping[str, Any], asked_at: float, answered_at: float) -> Sample:
    word = task.get("activity") or task["status"]
    return Sample(asked_at, answered_at, str(word), str(task.get("activity_detail") or ""))
