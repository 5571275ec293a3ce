"""The demonstration: a temporary workspace, the real Claude Code, a scripted model, and every step looked at."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TypeVar

from agent.models import (
    Activity,
    AnswerBody,
    Answered,
    AnswerResult,
    Permission,
    RequestKind,
    RequestState,
    Status,
    Task,
    TaskBody,
    TranscriptEntry,
)
from kubecoder.agentclient import AgentClient
from kubecoder.errors import KubecoderError
from kubecoder.local import claude, processes, server, workspace
from kubecoder.local.folder import Folder, data_folder
from kubecoder.local.workspace import Parts

Value = TypeVar("Value")

PROMPT = "Write a friendly file, please."
FILE = "hello.txt"
CONTENT = "Hello from kubecoder\n"
STEP_SECONDS = 90.0
MODEL_SECONDS = 30.0
LOOK_SECONDS = 0.1
TEXT_SHOWN = 160
# Invented: Claude Code wants a key, and the scripted model takes any.
API_KEY = "sk-ant-kubecoder-demo-has-no-key-0000000000000000"
NOT_PASSED_ON_PREFIXES = ("ANTHROPIC_", "CLAUDE_", "AWS_", "GOOGLE_", "VERTEX_", "XDG_")
"""Nothing of the person's own account, cloud or settings may reach the demonstration's Claude Code."""


class StepError(KubecoderError):
    """A step of the demonstration didn't happen."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that really happened.

    Attributes:
        name: One word.
        text: What, with the facts that were looked at.
    """

    name: str
    text: str


class Demonstration:
    """One run in a folder of its own, which is kept.

    Args:
        parts: What the workspace runs on.
        root: The new folder.
    """

    def __init__(self, parts: Parts, root: Path) -> None:
        self.folder = Folder(root, root / "home")
        self.project = self.folder.home / "project"
        self._parts = parts
        self._model: subprocess.Popen[bytes] | None = None

    def start(self) -> Iterator[Step]:
        """Start the model and the workspace.

        Raises:
            StepError: One of them doesn't start.
        """
        with self._step("model", "the scripted model listens"):
            self.folder.make()
            self.project.mkdir(exist_ok=True)
            address = self._start_model()
            yield Step("model", f"a scripted one, on {address}: no AI answers, nothing leaves this machine")
        with self._step("workspace", "the agent is ready"):
            began = time.monotonic()
            opened = workspace.up(
                self.folder, self._parts, port=server.free_port(), environment=self._environment(address)
            )
            seconds = time.monotonic() - began
            version = claude.version(self._parts.claude)
            yield Step("workspace", f"up after {seconds:.1f} s, with the real Claude Code {version}")
        yield Step("dashboard", opened.link)

    def run(self) -> Iterator[Step]:
        """Run a task to its end.

        Raises:
            StepError: Something else happened than should.
        """
        with workspace.client(self.folder) as agent:
            with self._step("task", "POST /tasks makes a task that runs"):
                task = agent.create(TaskBody(prompt=PROMPT, workdir=str(self.project), name="demo"))
                _expect(task.status is Status.RUNNING, f"its status is {task.status.value}")
                yield Step("task", f"{task.task_id} launched: {PROMPT}")
            with self._step("asked", f"Claude asks for permission to write {FILE}, which isn't there yet"):
                asked = self._wait_asked(agent, task.task_id)
                yield Step("asked", f"Claude wants to use {asked.tool_name}: {asked.tool_input.get('command')}")
            with self._step("allowed", "the answer by the API is applied"):
                answer = agent.answer(task.task_id, asked.request_id, AnswerBody(decision="allow"))
                yield Step("allowed", _answer_text(answer))
            with self._step("written", f"{self.project / FILE} holds {CONTENT!r}"):
                found = _wait_for(lambda: _read(self.project / FILE), "it isn't there")
                _expect(found == CONTENT, f"it holds {found!r}")
                yield Step("written", f"{self.project / FILE}: {found.strip()}")
            with self._step("idle", "Claude says that it is done, and the task is idle"):
                ended = self._wait_idle(agent, task.task_id)
                said = _last_text(agent.transcript(task.task_id))
                _expect(FILE in said, f"Claude said {said!r}")
                yield Step("idle", f"Claude: {said[:TEXT_SHOWN]}")
            with self._step("usage", "tokens are counted"):
                usage = ended.usage
                _expect(usage.input_tokens > 0 and usage.output_tokens > 0, f"the usage is {usage}")
                yield Step("usage", f"{usage.input_tokens} tokens in, {usage.output_tokens} out, from the transcript")

    def link(self) -> str:
        """Make a new link to the dashboard, which signs in once."""
        return workspace.up(self.folder, self._parts).link

    def end(self) -> Step:
        """End everything; the files stay.

        Raises:
            StepError: A process is left.
        """
        with self._step("ended", "no process is left"):
            count = workspace.down(self.folder)
            if self._model is not None:
                self._model.wait(MODEL_SECONDS)
                assert self._model.stdout is not None
                self._model.stdout.close()
            left = processes.marked(self.folder.root)
            _expect(not left, f"these are: {sorted(left)}")
            return Step("ended", f"{count} processes, none is left; the files stay in {self.folder.root}")

    def _start_model(self) -> str:
        log = os.open(self.folder.root / "model-errors.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        environment = {**server.passed_on(os.environ), processes.MARK: str(self.folder.root)}
        command = [sys.executable, "-P", "-m", "agent.demo", "--log", str(self.folder.root / "model.log")]
        try:
            self._model = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.folder.root,
                env=environment,
                start_new_session=True,
            )
        finally:
            os.close(log)
        assert self._model.stdout is not None
        return str(json.loads(_first_line(self._model.stdout))["address"])

    def _environment(self, model: str) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(NOT_PASSED_ON_PREFIXES)}
        return {
            **ours,
            "ANTHROPIC_BASE_URL": model,
            "ANTHROPIC_API_KEY": API_KEY,
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    def _wait_asked(self, agent: AgentClient, task_id: str) -> Permission:
        def look() -> Permission | None:
            task = agent.get(task_id)
            _expect(not task.status.is_final, f"the task has ended: {task.status.value} {task.error or ''}")
            found = task.pending_permission
            return found if found is not None and task.activity is Activity.WAITING_PERMISSION else None

        asked = _wait_for(look, "it doesn't")
        command = str(asked.tool_input.get("command", ""))
        _expect(asked.kind is RequestKind.PERMISSION and FILE in command, f"it asks for {asked.tool_name}: {command}")
        _expect(not (self.project / FILE).exists(), "the file is there before anybody allowed it")
        return asked

    @staticmethod
    def _wait_idle(agent: AgentClient, task_id: str) -> Task:
        def look() -> Task | None:
            task = agent.get(task_id)
            has_ended = task.status.is_final and task.status is not Status.COMPLETED
            _expect(not has_ended, f"the task has ended: {task.status.value} {task.error or ''}")
            return task if task.activity is Activity.IDLE or task.status is Status.COMPLETED else None

        return _wait_for(look, "it isn't")

    @contextmanager
    def _step(self, name: str, expected: str) -> Iterator[None]:
        """Turn whatever goes wrong into an error that names the step."""
        try:
            yield
        except (KubecoderError, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
            reason = error.message if isinstance(error, KubecoderError) else str(error) or type(error).__name__
            raise StepError(
                f"step {name}: expected that {expected}, but {reason}", hint=f"the logs are in {self.folder.root}"
            ) from error


def new_root(environment: Mapping[str, str] = os.environ) -> Path:
    """Return a new folder below the data folder, named by the time.

    Raises:
        KubecoderError: It can't be made.
    """
    parent = data_folder(environment) / "demo"
    name = f"{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        try:
            (parent / f"{name}{suffix}").mkdir(mode=0o700, parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise KubecoderError(f"{parent} can't be made: {error.strerror}", hint="set XDG_DATA_HOME") from error
        return parent / f"{name}{suffix}"
    raise KubecoderError(f"{parent} is full of demonstrations of this second")


def _answer_text(answer: Answered) -> str:
    decided = answer.permission
    if answer.result is AnswerResult.ALREADY_ANSWERED:
        _expect(decided.decision == "allow", f"{decided.answered_by} denied it before")
        return f"by {decided.answered_by}, who was faster than this command"
    _expect(answer.result is AnswerResult.APPLIED, f"it is {answer.result.value}")
    _expect(decided.state is RequestState.ANSWERED, f"the request is {decided.state.value}")
    return "by the API, while Claude's own dialog was on the screen: applied"


def _last_text(entries: tuple[TranscriptEntry, ...]) -> str:
    texts = [entry.text for entry in entries if entry.kind == "text"]
    return " ".join(texts[-1].split()) if texts else ""


def _wait_for(look: Callable[[], Value | None], otherwise: str) -> Value:
    end = time.monotonic() + STEP_SECONDS
    while True:
        found = look()
        if found is not None:
            return found
        _expect(time.monotonic() < end, f"{otherwise} after {STEP_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)


def _expect(is_so: bool, otherwise: str) -> None:  # noqa: FBT001 - reads like assert
    if not is_so:
        raise StepError(otherwise)


def _read(file: Path) -> str | None:
    try:
        return file.read_text(errors="replace") or None
    except FileNotFoundError:
        return None


def _first_line(stream: IO[bytes]) -> bytes:
    """Read the line that a process prints as soon as it is ready."""
    _expect(bool(select.select([stream], [], [], MODEL_SECONDS)[0]), f"it says nothing within {MODEL_SECONDS:.0f} s")
    line = stream.readline()
    _expect(bool(line), "it has ended at once")
    return line
