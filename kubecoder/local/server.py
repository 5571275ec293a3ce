"""The agent's process on this machine: started apart from whoever starts it, found again, looked at."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from kubecoder.errors import AgentError, KubecoderError, UsageError, WaitTimeoutError
from kubecoder.local import processes
from kubecoder.local.folder import Folder

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 6070
READY_SECONDS = 60.0
REQUEST_SECONDS = 5.0
LOG_LINES_SHOWN = 5
SOURCE_LOG_BYTES = 64_000
WORKSPACE = "local"
TMUX_CONFIGURATION = Path("image/rootfs/etc/kubecoder/tmux.conf")
NOT_PASSED_ON = frozenset({"TMUX", "TMUX_PANE", "CLAUDECODE"})
"""Of a terminal or a Claude Code that this was started in; its tasks are in neither."""
NOT_PASSED_ON_PREFIXES = ("KUBECODER_", "CLAUDE_CODE_SSE_PORT", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SESSION")


@dataclass(frozen=True, slots=True)
class Server:
    """An agent's process.

    Attributes:
        started: Tells it from any other that ever has its pid.
        port: Where browsers reach it.
        api_port: Where programs do.
    """

    pid: int
    started: str
    port: int
    api_port: int

    @property
    def url(self) -> str:
        """The address for browsers."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def api_url(self) -> str:
        """The address for programs."""
        return f"http://{LOOPBACK}:{self.api_port}"

    def is_running(self) -> bool:
        """Tell whether the process is there."""
        return processes.is_running(self.pid, self.started)


def find(folder: Folder) -> Server | None:
    """Return the workspace's agent when it runs."""
    try:
        document = json.loads(folder.process_file.read_bytes())
        found = Server(int(document["pid"]), str(document["started"]), int(document["port"]), int(document["api_port"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if found.is_running() else None


def choose_port(folder: Folder, wanted: int | None) -> int:
    """Return the port for browsers: the wanted one, that of the last time, the default, or else a free one.

    Raises:
        UsageError: Something else listens on the wanted port.
    """
    if wanted is not None:
        if not _is_free(wanted):
            raise UsageError(f"port {wanted} is taken", hint="name another --port, or leave the option out")
        return wanted
    try:
        last = int(folder.port_file.read_text())
    except (OSError, ValueError):
        last = DEFAULT_PORT
    for port in (last, DEFAULT_PORT):
        if _is_free(port):
            return port
    return free_port()


def start(
    folder: Folder, *, port: int, agent: Path, claude: Path, environment: Mapping[str, str] = os.environ
) -> Server:
    """Start an agent that goes on when this process ends, and return without waiting for it.

    Args:
        folder: Already made, with its files.
        port: For browsers.
        agent: The agent's package.
        claude: Claude Code's program.
        environment: What its tasks get, less what belongs to this terminal.

    Raises:
        KubecoderError: It can't be started.
    """
    api_port = free_port()
    variables = {**passed_on(environment), **_settings(folder, port, api_port, agent, claude)}
    if folder.log.exists():
        folder.log.replace(folder.log.with_suffix(".log.1"))
    descriptor = os.open(folder.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            # Not -I: an installation for one user alone must be found.
            [sys.executable, "-P", "-m", "agent"],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd=folder.root,
            env=variables,
            start_new_session=True,
        )
    except OSError as error:
        raise KubecoderError(f"the agent can't be started: {error.strerror}") from error
    finally:
        os.close(descriptor)
    server = Server(process.pid, processes.start_time(process.pid), port, api_port)
    folder.write(folder.process_file, json.dumps(asdict(server)))
    return server


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that tasks get."""
    return {
        name: value
        for name, value in environment.items()
        if name not in NOT_PASSED_ON and not name.startswith(NOT_PASSED_ON_PREFIXES)
    }


def wait_ready(folder: Folder, server: Server, *, seconds: float = READY_SECONDS) -> None:
    """Wait until the agent serves.

    Raises:
        KubecoderError: It has ended; the error shows the end of its log.
        WaitTimeoutError: It isn't ready in time.
    """
    problem = ""

    def is_decided() -> bool:
        nonlocal problem
        problem = readiness_problem(server)
        return not problem or not server.is_running()

    processes.wait_until(is_decided, seconds)
    if not server.is_running():
        raise KubecoderError(f"the agent has ended at once: {log_end(folder)}", hint=f"its log is {folder.log}")
    if problem:
        raise WaitTimeoutError(f"the agent isn't ready: {problem}", hint=f"its log is {folder.log}")


def readiness_problem(server: Server) -> str:
    """Return why the agent isn't ready; empty when it is."""
    try:
        with httpx.Client(trust_env=False, timeout=REQUEST_SECONDS) as client:
            answer = client.get(f"{server.api_url}/ready")
            checks = answer.json()["checks"]
            failed = [f"{check['name']}: {check['reason']}" for check in checks if not check["ok"]]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        return f"it doesn't answer ({type(error).__name__})"
    return "; ".join(failed)


def log_end(folder: Folder) -> str:
    """Return what the agent said last, in words."""
    try:
        lines = folder.log.read_bytes()[-SOURCE_LOG_BYTES:].decode(errors="replace").splitlines()
    except OSError:
        return "it has no log"
    return " / ".join(_message(line) for line in lines[-LOG_LINES_SHOWN:]) or "it said nothing"


def check_version(found: str, ours: str) -> None:
    """Refuse an agent of another kubecoder.

    Raises:
        AgentError: Its version isn't ours.
    """
    if found != ours:
        raise AgentError(
            f"the agent of kubecoder {found} is still running, this is {ours}",
            hint="kubecoder local down, then up again; tasks can be resumed",
        )


def _settings(folder: Folder, port: int, api_port: int, agent: Path, claude: Path) -> dict[str, str]:
    values = {
        "WORKSPACE": WORKSPACE,
        "ORIGIN": f"http://{LOOPBACK}:{port}",
        "LOCAL_PORT": str(port),
        "API_ADDRESS": f"{LOOPBACK}:{api_port}",
        "HOOKS_PORT": "0",
        "HOME": str(folder.home),
        "STATE_DIRECTORY": str(folder.state),
        "SESSION_SOCKET": str(folder.session_socket),
        "TMUX_SOCKET": str(folder.tmux_socket),
        # Nothing: a supervisor that this machine has keeps somebody else's services.
        "SUPERVISOR_SOCKET": str(folder.session_socket.with_name("supervisor.sock")),
        "TMUX_CONFIGURATION": str(agent / TMUX_CONFIGURATION),
        "ADMISSION_FILE": str(folder.allow_list_file),
        "ADMIN_TOKEN_FILE": str(folder.token_file),
        "CLAUDE": str(claude),
        "SHUTDOWN_SECONDS": "3",
    }
    settings = {f"KUBECODER_AGENT_{name}": value for name, value in values.items()}
    return {**settings, "HOME": str(folder.home), processes.MARK: str(folder.root)}


def _message(line: str) -> str:
    try:
        return str(json.loads(line)["message"])
    except (ValueError, KeyError, TypeError):
        return line.strip()


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
