"""What somebody at a task's terminal sees and presses."""

from __future__ import annotations

import subprocess

from tests.agent.tasks import TaskAgent


def press(tasks: TaskAgent, task_id: str, *keys: str) -> None:
    """Press keys, by tmux's names."""
    _tmux(tasks, "send-keys", "-t", _pane(tasks, task_id), *keys)


def screen_of(tasks: TaskAgent, task_id: str) -> str:
    """Return what the terminal shows, with its styles."""
    return _tmux(tasks, "capture-pane", "-p", "-e", "-t", _pane(tasks, task_id))


def _pane(tasks: TaskAgent, task_id: str) -> str:
    return f"=claude-{task_id}:"


def _tmux(tasks: TaskAgent, *arguments: str) -> str:
    argv = ["tmux", "-u", "-S", str(tasks.tmux_socket), *arguments]
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=20).stdout
