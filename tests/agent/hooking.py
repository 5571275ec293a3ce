"""A hook listener that can be killed and started again on its port, and the waiting hooks that talk to it."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.hooks import commands
from tests.agent.hook_listener import KEY
from tests.rigs.processes import ProcessSet, RunningProcess
from tests.rigs.raw_http import Answer, send
from tests.rigs.waiting import wait_until

SECONDS = 30
ALLOW = {"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": {"behavior": "allow"}}}


def request(command: str = "touch x", **more: Any) -> bytes:
    payload = {"hook_event_name": "PermissionRequest", "tool_name": "Bash", "tool_input": {"command": command, **more}}
    return json.dumps(payload).encode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class HookRig:
    """A listener that can be killed and started again on the same port, and the hooks that talk to it."""

    directory: Path
    processes: ProcessSet
    port: int = field(default_factory=free_port)
    listener: RunningProcess | None = None
    hooks: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        argv = [sys.executable, "-m", "tests.agent.hook_listener", str(self.port), str(self.directory)]
        self.listener = self.processes.start(f"listener-{time.monotonic_ns()}", argv, directory=Path.cwd())
        wait_until(self.is_up, what="the listener listens", seconds=SECONDS, every=0.02)

    def is_up(self) -> bool:
        assert self.listener is not None
        self.listener.check()
        with contextlib.suppress(OSError):
            return self.get("/seen").status == 200
        return False

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        assert self.listener is not None
        self.listener.popen.send_signal(number)
        self.listener.popen.wait(SECONDS)

    def get(self, path: str) -> Answer:
        return send(self.address, "GET", path, host=self.address)

    def post(self, path: str, body: Any = None, headers: Sequence[tuple[str, str]] = (), host: str = "") -> Answer:
        return send(self.address, "POST", path, headers, host=host or self.address, json_body=body)

    def seen(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in self.get("/seen").json() if entry["kind"] == kind]

    def wait_seen(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        def enough() -> list[dict[str, Any]]:
            found = self.seen(kind)
            return found if len(found) >= count else []

        return wait_until(enough, what=f"{count} {kind}", seconds=SECONDS, every=0.02)

    def answer(self, request_id: str, decision: str = "allow") -> str:
        answer = self.post(f"/answer/{request_id}", {"decision": decision})
        assert answer.status == 200, answer.text
        return str(answer.json()["result"])

    def url_file(self, key: str = KEY) -> Path:
        file = self.directory / ("hooks-url" if key == KEY else "other-hooks-url")
        if not file.exists():
            # Once: a hook that is starting must not read half of it.
            file.write_text(f"http://{self.address}/hooks/{key}")
        return file

    def command(self, verb: str = "wait", key: str = KEY) -> list[str]:
        return {"wait": commands.wait, "tell": commands.tell}[verb](self.url_file(key))

    def hook(self, payload: bytes, verb: str = "wait", key: str = KEY) -> subprocess.Popen[bytes]:
        hook = subprocess.Popen(
            self.command(verb, key), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.hooks.append(hook)
        assert hook.stdin is not None
        hook.stdin.write(payload)
        hook.stdin.close()
        hook.stdin = None
        return hook

    def end(self) -> None:
        for hook in self.hooks:
            hook.kill()
            hook.communicate()
