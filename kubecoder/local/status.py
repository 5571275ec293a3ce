"""What the workspace of this machine is doing, and what it lacks."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.models import TaskSummary
from kubecoder.errors import AgentError, KubecoderError
from kubecoder.local import claude, processes, requirements, server, workspace
from kubecoder.local.folder import Folder

State = Literal["up", "down", "unready"]


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that isn't there, and what to do about it."""

    what: str
    hint: str


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """The workspace as it is now.

    Attributes:
        state: `unready` has a process that doesn't serve.
        reason: Why it is unready.
        url: For browsers; empty while it isn't up.
        version: The agent's.
        tasks: Those that haven't ended.
        leftovers: Processes of tasks whose agent is gone.
        claude: Claude Code's program, empty where it will be installed.
    """

    state: State
    reason: str
    url: str
    api_url: str
    pid: int | None
    version: str
    tasks: Sequence[TaskSummary]
    leftovers: int
    claude: str
    claude_version: str
    folder: Path
    log: Path
    missing: Sequence[Missing]


def collect(folder: Folder) -> LocalStatus:
    """Look at everything once."""
    running = server.find(folder)
    found: Sequence[TaskSummary] = ()
    version, reason = "", ""
    if running is not None:
        try:
            reason = server.readiness_problem(running)
            with workspace.client(folder) as agent:
                version = agent.version().version
            found = workspace.tasks(folder)
        except AgentError as error:
            reason = reason or error.message
    program = _claude()
    return LocalStatus(
        state="down" if running is None else "unready" if reason else "up",
        reason=reason,
        url=running.url if running else "",
        api_url=running.api_url if running else "",
        pid=running.pid if running else None,
        version=version,
        tasks=found,
        leftovers=len(processes.marked(folder.root)) if running is None else 0,
        claude=str(program or ""),
        claude_version=claude.version(program) if program else "",
        folder=folder.root,
        log=folder.log,
        missing=missing(program),
    )


def missing(program: Path | None) -> tuple[Missing, ...]:
    """Return what the workspace lacks."""
    lacking = []
    try:
        requirements.check_platform()
        requirements.agent_package()
    except KubecoderError as error:
        lacking.append(Missing(error.message, error.hint or ""))
    problem = requirements.tmux_problem()
    if problem:
        lacking.append(Missing(problem, requirements.tmux_hint()))
    if program is None:
        lacking.append(Missing("Claude Code isn't installed", "`kubecoder local up` installs it into the data folder"))
    return tuple(lacking)


def _claude() -> Path | None:
    try:
        return claude.find(workspace.claude_folder(), requirements.agent_package())
    except KubecoderError:
        on_path = shutil.which("claude")
        return Path(on_path) if on_path else None
