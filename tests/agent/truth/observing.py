"""A second observer of every task, which asks the agent nothing.

It reads Claude's sessions files with their own times, gets every hook by an address of its own in the user's
settings, reads the model's record of the requests that it answered, and knows the processes by their environment.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.agent.truth.observed import Deed, DeedName, Hook, Observed, Request, Status
from tests.rigs.claude_session import HookListener, Timeline
from tests.rigs.processes import start_time

LOOK_SECONDS = 0.01
LOOKS_PER_PROCESS = 5
EVENTS = (
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "PostToolBatch",
    "PermissionRequest",
    "SubagentStart",
    "SubagentStop",
    "Stop",
    "StopFailure",
    "PreCompact",
    "PostCompact",
)
TURNS = frozenset({"turn", "compaction"})


@dataclass
class _Session:
    """One process of Claude.

    Attributes:
        session_ids: Of its conversations, the first one first.
        started: When the kernel started it, against a pid that is used again.
    """

    task_id: str
    path: Path
    pid: int
    started: int | None
    text: str = ""
    statuses: list[Status] = field(default_factory=list)
    gone_at: float | None = None

    @property
    def session_ids(self) -> frozenset[str]:
        return frozenset(status.session_id for status in self.statuses)


class Observer:
    """Watches all tasks of one home from the block's beginning to its end.

    Args:
        home: The tasks' home; its settings are written.
        model_log: What the model writes.
    """

    def __init__(self, home: Path, model_log: Path) -> None:
        self._folder = home / ".claude" / "sessions"
        self._model_log = model_log
        self._timeline = Timeline()
        self._listener = HookListener(self._timeline)
        self._sessions: dict[Path, _Session] = {}
        self._deeds: dict[str, list[Deed]] = defaultdict(list)
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.05}),
            threading.Thread(target=self._watch),
        ]
        told = {"type": "http", "url": f"{self._listener.url}/event"}
        settings = {"hooks": {name: [{"hooks": [told]}] for name in EVENTS}}
        (home / ".claude").mkdir(parents=True, exist_ok=True)
        (home / ".claude" / "settings.json").write_text(json.dumps(settings))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._listener.shutdown()
        self._listener.server_close()
        for thread in self._threads:
            thread.join()

    # What the driver wants to know

    def did(self, task_id: str, name: DeedName) -> None:
        """Note what the driver does now."""
        self._deeds[task_id].append(Deed(time.time(), name))

    def word(self, task_id: str) -> str:
        """Return what the sessions file says now; empty when there is none."""
        session = self._session(task_id)
        return session.statuses[-1].word if session and session.statuses and session.gone_at is None else ""

    def pid(self, task_id: str) -> int | None:
        """Return the process's id while it lives."""
        session = self._session(task_id)
        return session.pid if session and session.gone_at is None else None

    def asked(self, task_id: str) -> list[dict[str, Any]]:
        """Return the task's lines of the model's log so far."""
        session = self._session(task_id)
        return list(_lines(self._model_log, session.session_ids)) if session else []

    def observed(self, task_id: str, launched_at: float, until: float) -> Observed:
        """Return everything that was seen of a task."""
        session = self._session(task_id)
        observed = Observed(launched_at, until, deeds=self._deeds[task_id])
        if session is not None:
            observed.statuses = sorted(session.statuses, key=lambda status: status.at)
            observed.gone_at = session.gone_at
            observed.requests = _requests(_lines(self._model_log, session.session_ids), until)
            hooks = [seen for seen in self._timeline.seen if seen.data.get("session_id") in session.session_ids]
            observed.hooks = [_hook(seen.at, seen.data) for seen in hooks]
        return observed

    def hooks(self) -> list[tuple[float, Mapping[str, Any]]]:
        """Return every hook with the time at which it came."""
        return [(seen.at, seen.data) for seen in self._timeline.seen]

    def _session(self, task_id: str) -> _Session | None:
        return next((each for each in list(self._sessions.values()) if each.task_id == task_id), None)

    # Watching

    def _watch(self) -> None:
        looks = 0
        while not self._ending.wait(LOOK_SECONDS):
            looks += 1
            with contextlib.suppress(OSError):
                for path in self._folder.iterdir():
                    if path not in self._sessions and path.suffix == ".json":
                        self._find(path)
            for session in [each for each in self._sessions.values() if each.gone_at is None]:
                self._read(session)
                if looks % LOOKS_PER_PROCESS == 0 and start_time(session.pid) != session.started:
                    session.gone_at = time.time()

    def _find(self, path: Path) -> None:
        with contextlib.suppress(OSError, ValueError, StopIteration):
            pid = int(path.stem)
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            task = next(each for each in variables if each.startswith(b"KUBECODER_TASK="))
            task_id = task.partition(b"=")[2].decode()
            self._sessions[path] = _Session(task_id, path, pid, start_time(pid))

    def _read(self, session: _Session) -> None:
        with contextlib.suppress(OSError, ValueError, KeyError):
            # Two changes may have the same time of modification.
            text = session.path.read_text()
            if text == session.text:
                return
            document = json.loads(text)
            session.text = text
            before = session.statuses[-1] if session.statuses else None
            at = document.get("statusUpdatedAt", document["startedAt"]) / 1000
            status = Status(
                at, document.get("status", ""), document.get("waitingFor") or "", document.get("sessionId", "")
            )
            if before is None or (before.at, before.session_id) != (status.at, status.session_id):
                is_older = before is not None and status.at <= before.at
                session.statuses.append(
                    Status(time.time(), status.word, status.waiting_for, status.session_id) if is_older else status
                )


def _hook(at: float, payload: Mapping[str, Any]) -> Hook:
    return Hook(
        at,
        str(payload["hook_event_name"]),
        agent_id=payload.get("agent_id"),
        tool_name=str(payload.get("tool_name", "")),
        background=bool(payload.get("background_tasks")),
    )


def _lines(log: Path, session_ids: frozenset[str]) -> Iterator[dict[str, Any]]:
    *whole, _rest = log.read_text().split("\n")
    numbers: set[int] = set()
    for text in whole:
        line = json.loads(text)
        if line["event"] == "request" and line["session_id"] in session_ids and line["kind"] in TURNS:
            numbers.add(line["number"])
        if line["number"] in numbers:
            yield line


def _requests(lines: Iterator[dict[str, Any]], until: float) -> list[Request]:
    begun: dict[int, float] = {}
    ended: dict[int, float] = {}
    for line in lines:
        if line["event"] == "request":
            begun[line["number"]] = line["at"]
        elif line["event"] == "ended":
            ended[line["number"]] = line["at"]
    return [Request(at, ended.get(number, until)) for number, at in begun.items()]
