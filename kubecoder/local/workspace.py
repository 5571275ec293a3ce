"""Start, look at and end the workspace of this machine."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agent.models import Status, TaskSummary
from kubecoder import __version__
from kubecoder.agentclient import AgentClient
from kubecoder.agentclient.reach import LocalReach
from kubecoder.errors import KubecoderError, UsageError
from kubecoder.local import claude, processes, requirements, server
from kubecoder.local.folder import Folder, data_folder
from kubecoder.local.server import Server

AGENT_SECONDS = 15.0
TASK_SECONDS = 5.0
TMUX_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Opened:
    """A workspace that is up.

    Attributes:
        link: Signs in a browser, once.
        is_new: Whether it wasn't up before.
    """

    server: Server
    link: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Parts:
    """What a workspace runs on.

    Attributes:
        agent: The agent's package.
        claude: Claude Code's program.
    """

    agent: Path
    claude: Path


def find_parts(*, install: bool, log: IO[str], tell: Callable[[str], None]) -> Parts:
    """Look for what a workspace needs, and install what may be installed.

    Args:
        install: Whether the system's package manager may install tmux. Claude Code comes into the data folder anyway.
        log: Where installers print.
        tell: Told what takes long.

    Raises:
        KubecoderError: Something is missing; the hint says how it is installed.
    """
    requirements.check_platform()
    agent = requirements.agent_package()
    requirements.ensure_tmux(install=install, log=log)
    folder = claude_folder()
    return Parts(agent, claude.find(folder, agent) or claude.install(folder, agent, tell=tell))


def claude_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where Claude Code is installed."""
    return data_folder(environment) / "claude"


def up(
    folder: Folder,
    parts: Parts,
    *,
    port: int | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Opened:
    """Start the workspace unless it is up, and make a new sign-in link.

    Args:
        folder: Whose.
        parts: What it runs on.
        port: For browsers; None takes that of the last time, or a free one.
        environment: What its tasks get.

    Raises:
        UsageError: The port is taken, or the workspace is up on another.
        KubecoderError: It can't be started.
        WaitTimeoutError: It isn't ready in time.
    """
    folder.make()
    with locked(folder):
        running = server.find(folder)
        if running is None:
            return Opened(_start(folder, parts, port, environment), _sign_in_link(folder), is_new=True)
        if port not in (None, running.port):
            raise UsageError(f"the workspace is up on port {running.port}", hint="kubecoder local down, then up again")
        server.wait_ready(folder, running)
        with client(folder) as agent:
            server.check_version(agent.version().version, __version__)
        return Opened(running, _sign_in_link(folder), is_new=False)


def tasks(folder: Folder) -> list[TaskSummary]:
    """Return the tasks that haven't ended.

    Raises:
        AgentError: The agent doesn't answer.
    """
    with client(folder) as agent:
        return list(agent.list(statuses=(Status.RUNNING, Status.QUEUED)).tasks)


def client(folder: Folder) -> AgentClient:
    """Return a client of the workspace's agent."""
    return AgentClient(LocalReach(folder.workspace_file))


def is_at_work(task: TaskSummary) -> bool:
    """Tell whether ending a task would interrupt something: it works, asks or waits for its turn."""
    return task.status is Status.QUEUED or task.activity is None or not task.activity.is_done


def down(folder: Folder, *, purge: bool = False) -> int:
    """End the agent, its tmux server and all that its tasks started; return how many processes that were.

    Args:
        folder: Whose.
        purge: Whether to remove the workspace's files too.

    Raises:
        UsageError: This process itself belongs to the workspace.
        KubecoderError: Something can't be ended or removed.
    """
    if os.environ.get(processes.MARK) == str(folder.root):
        raise UsageError("this is a task of the workspace, which can't end itself", hint="use another terminal")
    if not folder.root.is_dir():
        return 0
    with locked(folder):
        count = len(processes.marked(folder.root))
        running = server.find(folder)
        if running is not None:
            processes.end(running.pid, running.started, seconds=AGENT_SECONDS)
        _end_tmux(folder)
        processes.end_marked(folder.root, seconds=TASK_SECONDS)
        left = processes.marked(folder.root)
        if left:
            raise KubecoderError(f"these processes don't end: {', '.join(map(str, sorted(left)))}")
        _forget(folder, purge=purge)
    return count


@contextlib.contextmanager
def locked(folder: Folder) -> Iterator[None]:
    """Hold the workspace against another `up` or `down`, which waits."""
    with folder.lock_file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(folder: Folder, parts: Parts, port: int | None, environment: Mapping[str, str]) -> Server:
    folder.workspace_file.unlink(missing_ok=True)
    folder.write(folder.token_file, secrets.token_urlsafe(36))
    folder.write(folder.allow_list_file, json.dumps({"users": [server.WORKSPACE]}))
    chosen = server.choose_port(folder, port)
    started = server.start(folder, port=chosen, agent=parts.agent, claude=parts.claude, environment=environment)
    try:
        server.wait_ready(folder, started)
    except BaseException:
        processes.end(started.pid, started.started, seconds=AGENT_SECONDS)
        raise
    folder.write(folder.port_file, str(chosen))
    facts = {"url": started.api_url, "token_file": str(folder.token_file), "tmux_socket": str(folder.tmux_socket)}
    folder.write(folder.workspace_file, json.dumps(facts))
    return started


def _sign_in_link(folder: Folder) -> str:
    """Make a key that signs a browser in, once, in the place of an earlier one."""
    key = secrets.token_urlsafe(32)
    folder.write(folder.sign_in_key_file, key)
    running = server.find(folder)
    if running is None:
        raise KubecoderError(f"the agent has ended: {server.log_end(folder)}", hint=f"its log is {folder.log}")
    return f"{running.url}/?key={key}"


def _end_tmux(folder: Folder) -> None:
    if folder.tmux_socket.exists() and shutil.which("tmux"):
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                ["tmux", "-S", str(folder.tmux_socket), "kill-server"],
                capture_output=True,
                timeout=TMUX_SECONDS,
                check=False,
            )


def _forget(folder: Folder, *, purge: bool) -> None:
    """Remove what is true only while the workspace is up, and the files too when asked to."""
    gone = (
        folder.workspace_file,
        folder.process_file,
        folder.token_file,
        folder.sign_in_key_file,
        folder.sign_in_secret_file,
    )
    try:
        for file in gone:
            file.unlink(missing_ok=True)
        if folder.sockets.is_dir():
            shutil.rmtree(folder.sockets)
        if purge:
            shutil.rmtree(folder.root)
    except OSError as error:
        raise KubecoderError(f"{error.filename} can't be removed: {error.strerror}") from error
