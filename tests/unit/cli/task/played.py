"""An agent that a test plays: real HTTP on loopback, tasks as the test puts them, events as it tells them."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from agent.models import (
    Activity,
    Answered,
    AnswerResult,
    Message,
    Permission,
    Task,
    TaskEvent,
    TaskSummary,
    TranscriptEntry,
)
from tests.unit.cluster.server import Incoming, Wire

TOKEN = "token-0123456789abcdef0123456789abcdef"
TASK_ID = "1764075600-0a1b2c3d"
PREFIX = "/api/claude"


def task(task_id: str = TASK_ID, **fields: Any) -> Task:
    """A running task."""
    values: dict[str, Any] = {
        "prompt": "say hello",
        "status": "running",
        "activity": "working",
        "activity_since": time.time() - 3,
        "created_at": time.time() - 60,
        "session_id": "11111111-2222-4333-8444-555555555555",
        "workdir": "/home/dev",
        "tmux_session": f"claude-{task_id}",
        "permission_mode": "default",
        "idle_timeout_seconds": 1800,
        **fields,
    }
    if values["status"] != "running":
        values["activity"] = values["activity_since"] = None
    return Task(task_id=task_id, **values)


def permission(request_id: str = "r1", **fields: Any) -> Permission:
    """An open request to run a command."""
    values: dict[str, Any] = {
        "task_id": TASK_ID,
        "kind": "permission",
        "state": "open",
        "tool_name": "Bash",
        "tool_input": {"command": "touch x"},
        "requested_at": time.time(),
        **fields,
    }
    return Permission(request_id=request_id, **values)


def said(text: str, kind: str = "text", **fields: Any) -> TranscriptEntry:
    """A piece of the conversation."""
    return TranscriptEntry.model_validate({"kind": kind, "at": time.time(), "text": text, **fields})


class PlayedAgent:
    """A script of `tests.unit.cluster.server.Server`.

    Attributes:
        tasks: By id, newest last.
        messages: Of every task.
        permissions: Of every task.
        entries: Of every conversation.
        output: Of every terminal.
        result: What answers do.
        sent: The bodies of all requests that act.
        on_listen: Called with the number of the stream when one is opened.
        refusal: Status, code and words for every request, while set.
    """

    def __init__(self, *tasks: Task) -> None:
        self.tasks = {item.task_id: item for item in tasks}
        self.messages: list[Message] = []
        self.permissions: list[Permission] = []
        self.entries: list[TranscriptEntry] = []
        self.output = "$ hello\n"
        self.result = AnswerResult.APPLIED
        self.sent: list[tuple[str, Any]] = []
        self.on_listen: Callable[[int], None] = lambda _: None
        self.refusal: tuple[int, str, str] | None = None
        self._streams: list[Wire] = []
        self._listened = 0
        self._looks = 0
        self._awaited: tuple[int, Callable[[], object]] | None = None
        self._lock = threading.Lock()
        self._acting: list[threading.Thread] = []
        self._numbers = iter(range(100, 1000))

    def __call__(self, incoming: Incoming, wire: Wire) -> None:
        """Answer a request."""
        if incoming.headers.get("authorization") != f"Bearer {TOKEN}":
            wire.reply(401, {"error": "no", "code": "unauthorized"})
            return
        if self.refusal is not None:
            status, code, words = self.refusal
            wire.reply(status, {"error": words, "code": code})
            return
        parts = incoming.path.removeprefix(f"{PREFIX}/").split("/")
        if incoming.method != "GET":
            self.sent.append((f"{incoming.method} {'/'.join(parts)}", json.loads(incoming.body or b"null")))
        if parts == ["version"]:
            wire.reply(200, {"workspace": "john", "version": "1"})
        elif parts == ["tasks"] and incoming.method == "POST":
            self._create(incoming, wire)
        elif parts == ["tasks"]:
            self._list(incoming, wire)
        elif parts[1] not in self.tasks:
            wire.reply(404, {"error": "no such task", "code": "task_not_found"})
        else:
            self._task(self.tasks[parts[1]], parts[2:], incoming, wire)

    def publish(self, kind: str, **fields: Any) -> None:
        """Tell an event to whoever listens; a task's own state is remembered."""
        event = TaskEvent.model_validate({"kind": kind, "task_id": TASK_ID, "at": time.time(), **fields})
        text = f"id: {next(self._numbers)}\nevent: {kind}\ndata: {event.model_dump_json(exclude_none=True)}\n\n"
        with self._lock:
            for wire in self._streams:
                wire.chunk(text.encode())

    def after_looks(self, count: int, act: Callable[[], object]) -> None:
        """Act, in a thread, when a client that listens has looked at the task so often."""
        self._looks, self._awaited = 0, (count, act)

    def cut(self) -> None:
        """End all streams in good order, and their connections with them."""
        for wire in self._streams:
            wire.chunk(b"")
            wire.sock.shutdown(socket.SHUT_RDWR)

    def join(self) -> None:
        """Wait for what acts."""
        for thread in self._acting:
            thread.join()

    def become(self, task_id: str = TASK_ID, **fields: Any) -> None:
        """Change a task and tell it."""
        changed = Task.model_validate({**self.tasks[task_id].model_dump(), "activity_detail": None, **fields})
        if changed.status != "running":
            changed = changed.model_copy(update={"activity": None})
        self.tasks[task_id] = changed
        self.publish("task", task_id=task_id, task=_summary(changed))

    def ask(self, asked: Permission) -> None:
        """Ask for something and tell it."""
        self.permissions.append(asked)
        self.publish("permission", permission=asked.model_dump())

    def decide(self, request_id: str, **fields: Any) -> Permission:
        """Let a request be answered and tell it."""
        number = next(n for n, item in enumerate(self.permissions) if item.request_id == request_id)
        changed = {**self.permissions[number].model_dump(), "state": "answered", **fields}
        self.permissions[number] = Permission.model_validate(changed)
        self.publish("permission", permission=self.permissions[number].model_dump())
        return self.permissions[number]

    def say(self, entry: TranscriptEntry) -> None:
        """Add to the conversation and tell it."""
        self.entries.append(entry)
        self.publish("transcript", entry=entry.model_dump())

    def _create(self, incoming: Incoming, wire: Wire) -> None:
        made = task(f"{1764075600 + len(self.tasks)}-{len(self.tasks):08x}", activity="starting", **_known(incoming))
        self.tasks[made.task_id] = made
        wire.reply(201, _plain(made))

    def _list(self, incoming: Incoming, wire: Wire) -> None:
        limit = int(incoming.query.get("limit", ["1000"])[0])
        asked = incoming.query.get("status", []) + incoming.query.get("activity", [])
        found = [item for item in reversed(self.tasks.values()) if not asked or {item.status, item.activity} & {*asked}]
        more = {"next_cursor": found[limit - 1].task_id} if len(found) > limit else {}
        wire.reply(200, {"tasks": [_summary(item) for item in found[:limit]], **more})

    def _task(self, shown: Task, rest: list[str], incoming: Incoming, wire: Wire) -> None:
        route = (incoming.method, *rest[:1])
        lists: dict[str, tuple[str, Any]] = {
            "messages": ("messages", self.messages),
            "permissions": ("permissions", self.permissions),
            "transcript": ("entries", self.entries),
        }
        if route == ("GET", "output"):
            lines = self.output.splitlines(keepends=True)
            wire.raw(200, "".join(lines[-int(incoming.query.get("tail", ["200"])[0]) :]).encode())
        elif route == ("GET", "events"):
            self._listen(wire)
        elif route[0] == "GET" and len(route) > 1:
            name, items = lists[route[1]]
            wire.reply(200, {"task_id": shown.task_id, name: [_plain(item) for item in items]})
        elif route == ("POST", "permissions"):
            self._answer(rest[1], incoming.json, wire)
        elif route == ("POST", "prepare-terminal"):
            wire.reply(200, {"ok": True, "session": shown.tmux_session})
        else:
            wire.reply(200, _plain(self._act(shown, route)))
            if route == ("GET",):
                self._count_look()

    def _count_look(self) -> None:
        with self._lock:
            if not self._streams:
                return
            self._looks += 1
        if self._awaited is not None and self._looks == self._awaited[0]:
            thread = threading.Thread(target=self._awaited[1], name="test-acting")
            self._acting.append(thread)
            thread.start()

    def _act(self, shown: Task, route: tuple[str, ...]) -> Task:
        changes: dict[tuple[str, ...], dict[str, Any]] = {
            ("DELETE",): {"status": "killed", "activity": None},
            ("POST", "interrupt"): {"activity": Activity.STOPPED},
            ("POST", "resume"): {"status": "running", "activity": Activity.STARTING},
        }
        if route in changes:
            shown = Task.model_validate({**shown.model_dump(), **changes[route]})
            # Only then: a look must not take back what the test changes at the same moment.
            self.tasks[shown.task_id] = shown
        if route == ("POST", "message"):
            return Task.model_validate({**shown.model_dump(), **self.delivered})
        return shown

    delivered: dict[str, Any] = {"message_id": "m1", "delivery": "delivered"}  # noqa: RUF012 - replaced as a whole

    def _answer(self, request_id: str, body: Any, wire: Wire) -> None:
        asked = next(item for item in self.permissions if item.request_id == request_id)
        if self.result is AnswerResult.APPLIED:
            asked = self.decide(request_id, decision=body["decision"], answered_by="admin", via="token")
        wire.reply(200, _plain(Answered(result=self.result, permission=asked)))

    def _listen(self, wire: Wire) -> None:
        # Whoever has the head may look at once, and is counted as somebody who listens.
        with self._lock:
            wire.head(200, Content_Type="text/event-stream", Transfer_Encoding="chunked")
            wire.chunk(b"id: 99\n: beat\n\n")
            self._streams.append(wire)
            self._listened += 1
            number = self._listened
        self.on_listen(number)
        wire.reader.read()
        with self._lock:
            self._streams.remove(wire)


def _known(incoming: Incoming) -> dict[str, Any]:
    document = incoming.json
    return {key: document[key] for key in ("prompt", "name", "model", "permission_mode") if key in document}


def _plain(model: Any) -> Any:
    return model.model_dump(mode="json", exclude_none=True)


def _summary(shown: Task) -> Any:
    return {key: value for key, value in _plain(shown).items() if key in TaskSummary.model_fields}
