"""The supervisor as its Unix socket shows it: which processes it keeps, and how one is stopped and started."""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xmlrpc.client import Error, Fault, ServerProxy, Transport

from agent.models import ServiceState

SECONDS = 5.0
# A service that is stopped may take its `stopwaitsecs`.
STOP_SECONDS = 60.0
# Of supervisor.xmlrpc.Faults.
BAD_NAME, NOT_RUNNING, ALREADY_STARTED = 10, 70, 60
WAITING = True
STATES: dict[int, ServiceState] = {
    0: "stopped",
    10: "starting",
    20: "running",
    30: "backoff",
    40: "stopping",
    100: "exited",
    200: "fatal",
}


class SupervisorError(Exception):
    """The supervisor doesn't answer, or refuses."""


@dataclass(frozen=True, slots=True)
class Process:
    """What the supervisor says of one process.

    Attributes:
        name: `group:name` in a group of several.
        pid: 0 when there is none.
        started: Unix seconds of the last start, 0 for never; `stopped` of the last end.
        exit_status: Of the last end.
        problem: Why it couldn't be started, or empty.
        log_file: What it prints, or None where that goes to the container's log.
    """

    name: str
    state: ServiceState
    pid: int
    started: int
    stopped: int
    exit_status: int
    problem: str
    log_file: Path | None


class Supervisor:
    """Asks the supervisor; every call blocks, at most for its time-out.

    Args:
        path: Its Unix socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def is_there(self) -> bool:
        """Tell whether there is a socket to ask at."""
        return self._path.is_socket()

    def processes(self) -> tuple[Process, ...]:
        """Return every process, in the order of their names.

        Raises:
            SupervisorError: It doesn't answer.
        """
        try:
            found = tuple(_process(entry) for entry in self._call("getAllProcessInfo"))
        except (KeyError, TypeError, ValueError) as error:
            raise SupervisorError("the supervisor's answer can't be understood") from error
        return tuple(sorted(found, key=lambda process: process.name))

    def stop(self, name: str) -> None:
        """Stop a process and wait for its end; one that doesn't run stays so.

        Raises:
            SupervisorError: It doesn't answer, or can't.
        """
        self._call("stopProcess", name, WAITING, ignored=NOT_RUNNING, seconds=STOP_SECONDS)

    def start(self, name: str) -> None:
        """Start a process, and don't wait until it runs.

        Raises:
            SupervisorError: It doesn't answer, or can't.
        """
        self._call("startProcess", name, not WAITING, ignored=ALREADY_STARTED)

    def _call(self, method: str, *arguments: Any, ignored: int | None = None, seconds: float = SECONDS) -> Any:
        try:
            with ServerProxy("http://localhost", transport=_UnixTransport(self._path, seconds)) as server:
                return getattr(server.supervisor, method)(*arguments)
        except Fault as fault:
            if fault.faultCode == ignored:
                return None
            raise SupervisorError(f"the supervisor refuses: {fault.faultString}") from fault
        except (OSError, http.client.HTTPException, Error, ValueError) as error:
            raise SupervisorError("the supervisor doesn't answer") from error


def _process(entry: dict[str, Any]) -> Process:
    name, group, log_file = str(entry["name"]), str(entry["group"]), str(entry["stdout_logfile"])
    return Process(
        name=name if name == group else f"{group}:{name}",
        state=STATES.get(entry["state"], "unknown"),
        pid=int(entry["pid"]),
        started=int(entry["start"]),
        stopped=int(entry["stop"]),
        exit_status=int(entry["exitstatus"]),
        problem=str(entry["spawnerr"]),
        log_file=Path(log_file) if log_file and not log_file.startswith("/dev/") else None,
    )


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class _UnixTransport(Transport):
    """The supervisor's own transport has no time-out."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__()
        self._path = path
        self._seconds = seconds

    def make_connection(self, host: Any) -> _UnixConnection:
        connection = _UnixConnection(self._path, self._seconds)
        # Where the base class looks for what it has to close.
        self._connection = host, connection
        return connection
