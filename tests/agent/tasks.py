"""A real agent with the real Claude Code and the scripted model, and the Task API as a program uses it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.processes import marked
from tests.agent import description
from tests.agent.conftest import Agent, running_agent
from tests.rigs import claude
from tests.rigs.model import Model, running_model
from tests.rigs.raw_http import Answer
from tests.rigs.waiting import wait_until

WAIT_SECONDS = 60


def script(*steps: Any) -> str:
    """Write steps for the scripted model as they stand in a prompt."""
    return f"[[script: {json.dumps(steps)}]]"


@dataclass
class TaskAgent:
    """The Task API of one agent.

    Attributes:
        agent: The process; another one after a restart.
        model: What Claude talks to.
        directory: Everything of it.
    """

    agent: Agent
    model: Model
    directory: Path

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request with the admin's token; what comes back must be as the API is described."""
        more = [(name.replace("_", "-"), value) for name, value in headers.items()]
        answer = self.agent.api(method, f"/api/claude{path}", [*self.agent.bearer(), *more], json_body=body)
        description.check(method, path, answer)
        return answer

    def create(self, *steps: Any, **fields: Any) -> str:
        """Make a task that plays a script, and return its id."""
        body = {"prompt": script(*steps), **fields}
        answer = self.call("POST", "/tasks", body)
        assert answer.status == 201, answer.text
        return str(answer.json()["task_id"])

    def get(self, task_id: str) -> dict[str, Any]:
        """Return a task."""
        answer = self.call("GET", f"/tasks/{task_id}")
        assert answer.status == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def wait(self, task_id: str, *activities: str, seconds: float = WAIT_SECONDS) -> dict[str, Any]:
        """Wait until a task does one of these, or has one of these as its status, and return it."""
        seen: dict[str, Any] = {}

        def is_there() -> bool:
            seen.clear()
            seen.update(self.get(task_id))
            return seen.get("activity") in activities or seen["status"] in activities

        try:
            wait_until(is_there, what=f"{task_id} is {' or '.join(activities)}", seconds=seconds, every=0.05)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; it is {json.dumps(seen, indent=1)}") from None
        return dict(seen)

    def ask(self, task_id: str, seconds: float = WAIT_SECONDS) -> dict[str, Any]:
        """Wait until a task asks for a decision, and return the request."""
        self.wait(task_id, "waiting_permission", "waiting_question", "waiting_plan", seconds=seconds)

        def request() -> dict[str, Any]:
            # Claude's own file tells that it waits before the hook's process has told for what.
            return dict(self.get(task_id).get("pending_permission") or {})

        return wait_until(request, what=f"the request of {task_id}", seconds=seconds, every=0.02)

    def answer(self, task_id: str, request_id: str, decision: str, **more: Any) -> dict[str, Any]:
        """Answer a request and return what came of it."""
        body = {"decision": decision, **more}
        answer = self.call("POST", f"/tasks/{task_id}/permissions/{request_id}", body)
        assert answer.status == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def send(self, task_id: str, text: str, **more: Any) -> dict[str, Any]:
        """Send a message and return the task with what became of it."""
        answer = self.call("POST", f"/tasks/{task_id}/message", {"prompt": text, **more})
        assert answer.status == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def delivery(self, task_id: str, message_id: str) -> str:
        """Return what became of a message."""
        listed = self.call("GET", f"/tasks/{task_id}/messages").json()["messages"]
        return str(next(each["delivery"] for each in listed if each["message_id"] == message_id))

    @property
    def tmux_socket(self) -> Path:
        return self.directory / "run" / "tmux" / "tasks"

    @property
    def home(self) -> Path:
        return self.directory / "home"

    def kill_leftovers(self) -> None:
        """End the tmux server and whatever a task left running."""
        for task in self._task_ids():
            for pid in marked("KUBECODER_TASK", task):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _task_ids(self) -> list[str]:
        folder = self.agent.state_directory / "tasks"
        return [entry.name for entry in folder.iterdir()] if folder.is_dir() else []


@contextlib.contextmanager
def running_task_agent(
    directory: Path,
    *,
    version: str = claude.NEWEST,
    settings: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[TaskAgent]:
    """Run an agent with Claude Code until the end of the block, and end all tasks then; `variables` are Claude's."""
    with running_model(directory / "model") as model:
        variables = {**claude.environment(directory / "home", model.address), **(variables or {})}
        chosen = {"CLAUDE": str(claude.program(version)), **(settings or {})}
        with running_agent(directory, settings=chosen, more_environment=variables) as agent:
            tasks = TaskAgent(agent, model, directory)
            try:
                yield tasks
            finally:
                end_tmux(tasks.tmux_socket)
                tasks.kill_leftovers()


def end_tmux(socket: Path) -> None:
    """Kill a tmux server by its pid, where it runs."""
    asked = ["tmux", "-S", str(socket), "display-message", "-p", "#{pid}"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False)
    if done.stdout.strip().isdigit():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(done.stdout), signal.SIGKILL)
