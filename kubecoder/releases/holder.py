"""Who this process is, and whether the process that holds a lock is still there."""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path

from kubecoder.releases.record import Holder

AUTHOR_VARIABLE = "KUBECODER_AUTHOR"
_AUTHOR_LENGTH = 200
_GONE_STATES = "ZXx"


def author() -> str:
    """Name the person at work: `KUBECODER_AUTHOR` (for CI, where every job is the same user), else user@host."""
    given = os.environ.get(AUTHOR_VARIABLE, "").strip() or f"{_user()}@{socket.gethostname()}"
    return "".join(character for character in given if character.isprintable())[:_AUTHOR_LENGTH]


def this_process() -> Holder:
    """Describe this process, so that others can tell whether it still lives."""
    pid = os.getpid()
    _, started = _state(pid)
    return Holder(
        author=author(),
        host=socket.gethostname(),
        boot_id=_read("/proc/sys/kernel/random/boot_id"),
        pid_namespace=_pid_namespace(),
        pid=pid,
        started=started,
    )


def is_gone(holder: Holder, here: Holder) -> bool:
    """Whether a holder ran on this very host and its process has ended.

    Both must be in one PID namespace: a container has the boot id of its host but sees other processes. Where
    anything is unknown the answer is no, and the lock runs out by itself.
    """
    if not here.boot_id or (holder.boot_id, holder.pid_namespace) != (here.boot_id, here.pid_namespace):
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # Somebody else's process; it exists, and its state tells the rest.
    state, started = _state(holder.pid)
    # The state is unreadable where /proc hides other people's processes.
    return bool(state) and (state in _GONE_STATES or started != holder.started)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _state(pid: int) -> tuple[str, int]:
    """Read a process's state letter and start time from /proc (proc(5)); the name before them may hold anything."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (fields[0], int(fields[19])) if len(fields) > 19 else ("", 0)


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
