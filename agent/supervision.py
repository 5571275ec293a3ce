"""An extension of supervisor: a program runs when it answers, not when some seconds have passed (decision D34).

supervisor takes a program for RUNNING, and forgets its failures, after `startsecs`. One that dies before has failed and
waits longer before each next try. So a fixed time is wrong either way: with a short one, what never works is started
every second; with a long one, what was ready and got killed counts as failed. Here a program with the variable
`KUBECODER_READY_SOCKET` has started as soon as somebody answers at that Unix socket; `startsecs` is the longest wait.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from struct import Struct
from typing import Any

import psutil
from supervisor.states import ProcessStates  # type: ignore[import-untyped]

VARIABLE = "KUBECODER_READY_SOCKET"
LONGEST_BACK_OFF = 30
# Linux's struct ucred: pid, uid, gid.
CREDENTIALS = Struct("3i")


class Readiness:
    """Replaces how one of supervisor's processes moves on, which its loop asks for at least once a second.

    Args:
        process: supervisor's own, a `supervisor.process.Subprocess`.
        address: The Unix socket where the program answers when it is ready.
    """

    def __init__(self, process: Any, address: str) -> None:
        self._process = process
        self._address = address
        self._longest = process.config.startsecs
        self._move_on = process.transition

    def transition(self) -> None:
        """Let the process move on, with `startsecs` as short as it should be now."""
        process = self._process
        # A failure adds one, and the next try waits for as many seconds.
        process.backoff = min(process.backoff, LONGEST_BACK_OFF)
        process.config.startsecs = 0 if self._has_started() else self._longest
        self._move_on()

    def _has_started(self) -> bool:
        # What runs must have no startsecs either: supervisor would stumble over a failure to start in it.
        state = self._process.state
        return bool(state == ProcessStates.RUNNING or (state == ProcessStates.STARTING and self._answers()))

    def _answers(self) -> bool:
        # A killed server's children may live a little longer, and listen on what they have from it.
        server = server_at(self._address)
        return server == self._process.pid or is_descendant(server, self._process.pid)


def server_at(address: str) -> int:
    """Return the pid of what listens on a Unix socket, 0 for nothing; doesn't wait."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(0)
        try:
            connection.connect(address)
        except OSError:
            return 0
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    pid, _user, _group = CREDENTIALS.unpack(credentials)
    return int(pid)


def is_descendant(pid: int, ancestor: int) -> bool:
    """Tell whether a process was started by another one, or by one that was."""
    try:
        return any(parent.pid == ancestor for parent in psutil.Process(pid).parents()) if pid else False
    except psutil.NoSuchProcess:
        return False


class Interface:
    """What the extension adds to supervisor's XML-RPC: nothing."""


def make_interface(supervisord: Any) -> Interface:
    """Extend supervisor; it calls this once, when it knows its programs and before it starts any."""
    for process in _processes(supervisord):
        if address := process.config.environment.get(VARIABLE):
            process.transition = Readiness(process, address).transition
    return Interface()


def _processes(supervisord: Any) -> Iterator[Any]:
    for group in supervisord.process_groups.values():
        yield from group.processes.values()
