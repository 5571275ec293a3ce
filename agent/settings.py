"""Settings of the agent: KUBECODER_AGENT_* of the environment, validated at start."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

from agent.errors import SettingsError
from agent.logs import LEVELS
from agent.models import PermissionMode

PREFIX = "KUBECODER_AGENT_"
MODES: tuple[PermissionMode, ...] = get_args(PermissionMode)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
NAME_PATTERN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the agent knows when it starts; what may change later is in the mounted files.

    Attributes:
        workspace: The user's name.
        origin: Scheme and authority under which browsers reach the workspace.
        home: The user's home, on the persistent volume.
        api_host: Address of the bearer API.
        api_port: Port of the bearer API; 0 takes a free one.
        session_socket: Unix socket that only the door can reach.
        admission_file: Who may use the workspace; read again for each request.
        admin_token_file: The admin's token; read again for each request.
        shutdown_seconds: How long requests may go on after SIGTERM.
        log_level: One of `logs.LEVELS`.
        state_directory: Where the agent keeps its own files, on the persistent volume.
        tmux_socket: The tmux server of the tasks.
        supervisor_socket: Where the supervisor of the services answers; absent where none runs.
    tmux_configuration: What that server reads when the agent has to start it.
        github_directory: What the `github-token` container writes; absent without a GitHub App.
        claude: Claude Code's program: a path, or a name on the PATH.
        hooks_port: Port of the hook listener on the loopback; 0 takes a free one and keeps it.
        max_tasks: How many tasks run at once, the rest waits; 0 is as many as the memory limit allows.
        permission_modes: What the API may launch tasks with.
        keep_tasks: How many ended tasks are kept; those of the last day however many they are.
        keep_days: How long an ended task is kept.
        webhook_networks: Private networks that webhooks may reach.
        resume_interrupted: Whether tasks that an end of the pod interrupted go on by themselves.
        local_port: Port on the loopback for browsers where no door stands in front; None with a door.
        unknown: Variables with our prefix that this version doesn't know.
    """

    workspace: str
    origin: str
    home: Path
    api_host: str
    api_port: int
    session_socket: Path
    admission_file: Path
    admin_token_file: Path
    shutdown_seconds: int
    log_level: str
    state_directory: Path
    tmux_socket: Path
    tmux_configuration: Path
    supervisor_socket: Path
    github_directory: Path
    claude: str
    hooks_port: int
    max_tasks: int
    keep_tasks: int
    keep_days: int
    permission_modes: tuple[PermissionMode, ...]
    webhook_networks: tuple[Network, ...]
    resume_interrupted: bool
    local_port: int | None
    unknown: tuple[str, ...] = ()

    @property
    def user_token_file(self) -> Path:
        """The token that the user may show and rotate."""
        return self.state_directory / "api-token"

    @property
    def api_url(self) -> str | None:
        """Where programs reach the API; None when the port is a free one that nobody was told."""
        if self.local_port is None:
            return self.origin
        host = f"[{self.api_host}]" if ":" in self.api_host else self.api_host
        return f"http://{host}:{self.api_port}" if self.api_port else None


def load(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: Naming every variable that is missing or invalid.
    """
    reader = _Reader(environment)
    host, port = reader.address("API_ADDRESS", "0.0.0.0:6090")
    home = reader.path("HOME", environment.get("HOME", ""))
    settings = Settings(
        workspace=reader.workspace("WORKSPACE"),
        origin=reader.origin("ORIGIN"),
        home=home,
        api_host=host,
        api_port=port,
        session_socket=reader.path("SESSION_SOCKET", "/run/kubecoder/session/agent.sock"),
        admission_file=reader.path("ADMISSION_FILE", "/etc/kubecoder/agent/admission.json"),
        admin_token_file=reader.path("ADMIN_TOKEN_FILE", "/etc/kubecoder/api/admin-token"),
        shutdown_seconds=reader.number("SHUTDOWN_SECONDS", 10, range(1, 601)),
        log_level=reader.choice("LOG_LEVEL", "info", LEVELS),
        state_directory=reader.path("STATE_DIRECTORY", str(Path("/") / home / ".kubecoder")),
        tmux_socket=reader.path("TMUX_SOCKET", "/run/kubecoder/tmux/tasks"),
        tmux_configuration=reader.path("TMUX_CONFIGURATION", "/etc/kubecoder/tmux.conf"),
        supervisor_socket=reader.path("SUPERVISOR_SOCKET", "/run/kubecoder/supervisor/supervisor.sock"),
        github_directory=reader.path("GITHUB_DIRECTORY", "/run/kubecoder/github"),
        claude=reader.text("CLAUDE", "claude"),
        hooks_port=reader.number("HOOKS_PORT", 6091, range(65536)),
        max_tasks=reader.number("MAX_TASKS", 0, range(1001)),
        keep_tasks=reader.number("KEEP_TASKS", 500, range(1, 100_001)),
        keep_days=reader.number("KEEP_DAYS", 30, range(1, 3651)),
        permission_modes=reader.modes("PERMISSION_MODES", "default,acceptEdits,plan"),
        webhook_networks=reader.networks("WEBHOOK_NETWORKS"),
        resume_interrupted=reader.switch("RESUME_INTERRUPTED"),
        local_port=reader.optional_number("LOCAL_PORT", range(65536)),
        unknown=reader.unknown(),
    )
    if reader.problems:
        raise SettingsError(reader.problems)
    return settings


class _Reader:
    """Takes variables one by one and collects what is wrong with them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._known: set[str] = set()
        self.problems: list[str] = []

    def _value(self, name: str, default: str = "") -> str:
        self._known.add(PREFIX + name)
        return self._environment.get(PREFIX + name) or default

    def _refuse(self, name: str, value: str, expected: str) -> None:
        found = f"is {value!r}" if value else "is missing"
        self.problems.append(f"{PREFIX}{name} {found}; it must be {expected}")

    def workspace(self, name: str) -> str:
        value = self._value(name)
        if not NAME_PATTERN.fullmatch(value):
            self._refuse(name, value, "the user's name, such as john")
        return value

    def origin(self, name: str) -> str:
        value = self._value(name)
        if not _is_origin(value):
            self._refuse(name, value, "scheme and host as browsers see them, such as https://john.dev.company.com")
        return value

    def path(self, name: str, default: str) -> Path:
        value = self._value(name, default)
        if not value.startswith("/"):
            self._refuse(name, value, "an absolute path")
        return Path(value)

    def address(self, name: str, default: str) -> tuple[str, int]:
        value = self._value(name, default)
        host, _, port = value.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            self._refuse(name, value, "an address and a port, such as 0.0.0.0:6090")
            return "", 0
        return host.removeprefix("[").removesuffix("]"), int(port)

    def number(self, name: str, default: int, allowed: range) -> int:
        value = self._value(name, str(default))
        if not value.isascii() or not value.isdigit() or int(value) not in allowed:
            self._refuse(name, value, f"a number from {allowed.start} to {allowed.stop - 1}")
            return default
        return int(value)

    def optional_number(self, name: str, allowed: range) -> int | None:
        return self.number(name, 0, allowed) if self._value(name) else None

    def switch(self, name: str) -> bool:
        return self.choice(name, "0", ("0", "1")) == "1"

    def text(self, name: str, default: str) -> str:
        return self._value(name, default)

    def modes(self, name: str, default: str) -> tuple[PermissionMode, ...]:
        value = self._value(name, default)
        chosen = tuple(mode.strip() for mode in value.split(","))
        if not all(mode in MODES for mode in chosen):
            self._refuse(name, value, f"some of {', '.join(MODES)}, with commas between them")
            return ()
        return tuple(mode for mode in MODES if mode in chosen)

    def networks(self, name: str) -> tuple[Network, ...]:
        value = self._value(name)
        try:
            return tuple(ipaddress.ip_network(text.strip()) for text in value.split(",") if text.strip())
        except ValueError:
            self._refuse(name, value, "networks such as 10.0.0.0/8, with commas between them")
            return ()

    def choice(self, name: str, default: str, allowed: Sequence[str]) -> str:
        value = self._value(name, default)
        if value not in allowed:
            self._refuse(name, value, f"one of {', '.join(allowed)}")
        return value

    def unknown(self) -> tuple[str, ...]:
        return tuple(sorted(name for name in self._environment if name.startswith(PREFIX) and name not in self._known))


def _is_origin(value: str) -> bool:
    """Tell whether a value is an origin exactly as browsers write it: lower case, no default port, no path."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    default_port = {"https": 443, "http": 80}.get(parts.scheme)
    return (
        default_port is not None
        and bool(parts.hostname)
        and port != default_port
        and value == f"{parts.scheme}://{parts.netloc}".lower()
        and "@" not in parts.netloc
        and value.isascii()
        and not any(character.isspace() for character in value)
    )
