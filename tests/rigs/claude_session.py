"""A real Claude Code in a tmux of its own, and everything that can be seen of it, as a timeline.

It stands on tmux and the standard library alone, so that it can judge the code that does the same for the product.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shlex
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.rigs import claude
from tests.rigs.processes import start_time
from tests.rigs.waiting import wait_until

EVENTS = (
    "UserPromptSubmit",
    "UserPromptExpansion",
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "PostToolBatch",
    "PermissionDenied",
    "Notification",
    "Stop",
    "StopFailure",
    "SubagentStart",
    "SubagentStop",
    "PreCompact",
    "PostCompact",
    "SessionEnd",
)
HOOK = Path(__file__).parent / "claude_hook.py"
MARK = "KUBECODER_RIG"
POLL_SECONDS = 0.01
# Claude Code writes its transcript about every 100 ms, and up to 130 ms after the Stop hook.
SETTLED_SECONDS = 0.35
ALLOW: Mapping[str, Any] = {"behavior": "allow"}


def decision(behaviour: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a PermissionRequest hook prints."""
    return {"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": dict(behaviour)}}


@dataclass(frozen=True)
class Seen:
    """One thing that was seen.

    Attributes:
        at: Unix seconds at which we saw it.
        kind: `hook`, `withdrawn`, `status` (the sessions file; None when it went), `transcript`, `subagent`
            (a line of a subagent's transcript) or `mark`.
        data: The payload, file, line, or mark's text.
    """

    at: float
    kind: str
    data: Any


class Timeline:
    """What was seen so far, by any thread."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._changed = threading.Condition()

    def add(self, kind: str, data: Any) -> None:
        """Append something that is seen now."""
        with self._changed:
            self.seen.append(Seen(time.time(), kind, data))
            self._changed.notify_all()

    def wait(self, found: Callable[[Seen], Any], *, what: str, since: int = 0, seconds: float = 30) -> Seen:
        """Return the first entry from index `since` on for which `found` is true, waiting for it.

        Raises:
            TimeoutError: It didn't come; with the last entries.
        """
        end = time.monotonic() + seconds
        with self._changed:
            while True:
                for entry in self.seen[since:]:
                    if found(entry):
                        return entry
                left = end - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    last = "\n".join(f"{entry.kind} {json.dumps(entry.data)[:300]}" for entry in self.seen[-12:])
                    raise TimeoutError(f"{what}: not within {seconds:g} s; last seen:\n{last}")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HookListener

    def do_POST(self) -> None:
        payload = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = b"{}"
        if self.path.endswith("/withdrawn"):
            self.server.timeline.add("withdrawn", payload)
        else:
            self.server.timeline.add("hook", payload)
            if self.path.endswith("/permission"):
                answer = json.dumps(self.server.answers.get()).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class HookListener(ThreadingHTTPServer):
    """Receives the hooks; a permission's answer is what the test puts into `answers`."""

    daemon_threads = True
    request_queue_size: ClassVar[int] = 64  # type: ignore[misc] # typeshed has it as a variable of instances

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.timeline = timeline
        self.answers: queue.Queue[Mapping[str, Any]] = queue.Queue()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: Any) -> None:
        """A client that left is no news."""


@dataclass
class _Followed:
    path: Path
    kind: str
    offset: int = 0


class ClaudeSession:
    """One HOME, one folder, and the Claude Code that runs in it; end it with the block that it is used in."""

    def __init__(self, directory: Path, version: str, model: str, environment: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self.version = version
        self.workdir = directory / "project"
        self.workdir.mkdir(parents=True)
        self.home = claude.make_home(directory / "home", self.workdir)
        self.mark = uuid.uuid4().hex
        self.environment = {**claude.environment(self.home, model), MARK: self.mark, **(environment or {})}
        self.timeline = Timeline()
        self.session_id = str(uuid.uuid4())
        self._listener = HookListener(self.timeline)
        self._ending = threading.Event()
        self._status: dict[Path, str] = {}
        self._followed: dict[Path, _Followed] = {}
        self._threads = [
            threading.Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.05}),
            threading.Thread(target=self._watch),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._ending.set()
        self._listener.shutdown()
        self._listener.server_close()
        for thread in self._threads:
            thread.join()

    # Starting and ending

    def start(
        self, prompt: str | None = None, *, mode: str = "default", arguments: Sequence[str] | None = None
    ) -> None:
        """Start Claude Code with the prompt on its stdin and the terminal on its stdout."""
        settings = self.directory / "settings.json"
        settings.write_text(json.dumps({"hooks": self._hooks()}))
        given = [str(claude.program(self.version)), *(arguments or ("--session-id", self.session_id))]
        command = shlex.join([*given, "--permission-mode", mode, "--settings", str(settings)])
        if prompt is not None:
            (self.directory / "prompt").write_text(prompt)
            command += f" < {shlex.quote(str(self.directory / 'prompt'))}"
        script = self.directory / "start"
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in self.environment.items())
        script.write_text(f"{exports}cd {shlex.quote(str(self.workdir))}\nexec {command}\n")
        options = {"exit-empty": "off", "remain-on-exit": "on", "history-limit": "5000"}
        self.tmux(*(word for name, value in options.items() for word in ("set-option", "-g", name, value, ";")))
        self.tmux("new-session", "-d", "-s", "claude", "-x", "220", "-y", "50", f"exec sh {script}")

    def stop(self) -> int | None:
        """End Claude Code by SIGTERM and return its exit status."""
        pid = self.pid
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: self._pane("pane_dead") == "1", what="Claude Code ends", seconds=20, every=0.02)
        status = self._pane("pane_dead_status")
        self.tmux("kill-session", "-t", "=claude:")
        return int(status) if status else None

    def end(self) -> None:
        """End tmux, Claude Code, and whatever was started by it."""
        self.tmux("kill-server", check=False)
        wait_until(self._kill_marked, what="no process is left", seconds=30, every=0.05)

    def _kill_marked(self) -> bool:
        pids = list(marked(self.mark))
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not pids

    # The terminal

    def tmux(self, *arguments: str, text: str | None = None, check: bool = True) -> str:
        """Run a tmux command on this session's own server."""
        argv = ["tmux", "-S", str(self.directory / "tmux"), "-f", "/dev/null", "start-server", ";", *arguments]
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.home), MARK: self.mark}
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False, env=environment)
        if check and done.returncode:
            raise AssertionError(f"tmux {arguments}: {done.stderr}")
        return done.stdout

    def keys(self, *keys: str) -> None:
        """Press keys."""
        self.tmux("send-keys", "-t", "=claude:", *keys)

    def send(self, text: str) -> None:
        """Paste a text, wait until it is in the composer, and press Enter."""
        self.tmux("load-buffer", "-", ";", "paste-buffer", "-p", "-r", "-d", "-t", "=claude:", text=text)
        probe = text.split("\n", maxsplit=1)[0][:20]
        self.wait_screen(lambda screen: probe in composer(screen) or "[Pasted text" in composer(screen), "the paste")
        self.keys("Enter")

    def screen(self) -> str:
        """Return what the terminal shows."""
        return self.tmux("capture-pane", "-p", "-J", "-t", "=claude:").rstrip()

    def wait_screen(self, found: Callable[[str], Any], what: str, seconds: float = 30) -> str:
        """Wait until the terminal shows something, and return all that it shows."""
        last = ""

        def shows() -> str:
            nonlocal last
            last = self.screen()
            return last if found(last) else ""

        try:
            return wait_until(shows, what=what, seconds=seconds, every=0.03)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{last}") from None

    @property
    def pid(self) -> int:
        return int(self._pane("pane_pid"))

    def _pane(self, name: str) -> str:
        return self.tmux("display-message", "-p", "-t", "=claude:", f"#{{{name}}}").strip()

    # What is seen

    def now(self) -> int:
        """Return where the timeline ends, for the `since` of a later wait."""
        return len(self.timeline.seen)

    def answer(self, behaviour: Mapping[str, Any]) -> None:
        """Answer the oldest permission request that waits."""
        self._listener.answers.put(decision(behaviour))

    def wait_hook(self, event: str, *, since: int = 0, seconds: float = 30, **fields: Any) -> dict[str, Any]:
        """Return the payload of the first such hook."""

        def found(entry: Seen) -> bool:
            data = entry.data
            return entry.kind == "hook" and {"hook_event_name": event, **fields}.items() <= data.items()

        payload: dict[str, Any] = self.timeline.wait(found, what=f"hook {event}", since=since, seconds=seconds).data
        return payload

    def wait_status(self, status: str, *, since: int = 0, seconds: float = 30) -> dict[str, Any]:
        """Return the sessions file with this status."""
        document: dict[str, Any] = self.timeline.wait(
            lambda entry: entry.kind == "status" and entry.data and entry.data.get("status") == status,
            what=f"status {status}",
            since=since,
            seconds=seconds,
        ).data
        return document

    def wait_idle(self, *, since: int, seconds: float = 30) -> None:
        """Wait until the sessions file says idle after something else, and everything has been written."""

        def is_settled() -> bool:
            seen = self.timeline.seen
            words = [entry.data.get("status", "") for entry in seen[since:] if entry.kind == "status" and entry.data]
            worked = {"busy", "waiting", "shell"} & set(words)
            return bool(worked) and words[-1] == "idle" and time.time() - seen[-1].at > SETTLED_SECONDS

        wait_until(is_settled, what="Claude Code is idle", seconds=seconds, every=0.03)

    def wait_line(self, found: Callable[[dict[str, Any]], Any], *, what: str, since: int = 0) -> dict[str, Any]:
        """Return the first line of the transcript for which `found` is true."""
        line: dict[str, Any] = self.timeline.wait(
            lambda entry: entry.kind == "transcript" and found(entry.data), what=what, since=since
        ).data
        return line

    def _hooks(self) -> dict[str, Any]:
        url = self._listener.url
        hooks: dict[str, Any] = {name: _hook({"type": "http", "url": f"{url}/event"}) for name in EVENTS}
        curl = f"curl -s --data-binary @- {url}/event"
        hooks["SessionStart"] = _hook({"type": "command", "command": curl})
        waiting = shlex.join([sys.executable, "-I", "-S", str(HOOK), url])
        hooks["PermissionRequest"] = _hook({"type": "command", "command": waiting, "timeout": 86400})
        return hooks

    def _watch(self) -> None:
        while not self._ending.wait(POLL_SECONDS):
            self._watch_status()
            self._watch_transcripts()

    def _watch_status(self) -> None:
        folder = self.home / ".claude" / "sessions"
        found = set(folder.glob("*.json")) if folder.is_dir() else set()
        for path in found:
            with contextlib.suppress(OSError, ValueError):
                text = path.read_text()
                if text != self._status.get(path):
                    self.timeline.add("status", json.loads(text))
                    self._status[path] = text
        for path in set(self._status) - found:
            del self._status[path]
            self.timeline.add("status", None)

    def _watch_transcripts(self) -> None:
        projects = self.home / ".claude" / "projects"
        for path in [*projects.glob("*/*.jsonl"), *projects.glob("*/*/subagents/*.jsonl")]:
            kind = "subagent" if path.parent.name == "subagents" else "transcript"
            followed = self._followed.setdefault(path, _Followed(path, kind))
            if path.stat().st_size == followed.offset:
                continue
            with path.open("rb") as file:
                file.seek(followed.offset)
                *whole, _rest = file.read().split(b"\n")
            for line in whole:
                followed.offset += len(line) + 1
                self.timeline.add(kind, json.loads(line))


def composer(screen: str) -> str:
    """Return what stands between the last two rules of the screen."""
    lines = screen.splitlines()
    rules = [number for number, line in enumerate(lines) if line.startswith("──────────")]
    return "\n".join(lines[rules[-2] + 1 : rules[-1]]) if len(rules) > 1 else ""


def marked(mark: str) -> Iterator[int]:
    """Yield the processes that inherited this rig's mark."""
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0") and start_time(int(entry.name)):
                    yield int(entry.name)


def _hook(hook: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"hooks": [dict(hook)]}]
