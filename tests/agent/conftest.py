"""A real agent in a process of its own, on real sockets, as the workspace's pod has it."""

from __future__ import annotations

import contextlib
import functools
import json
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.rigs import Unavailable, debian
from tests.rigs.processes import ProcessSet, RunningProcess
from tests.rigs.raw_http import Answer, Headers, send
from tests.rigs.waiting import wait_until

HOST = "alice.dev.test"
ORIGIN = f"https://{HOST}"
TMUX_CONFIGURATION = Path("agent/image/rootfs/etc/kubecoder/tmux.conf").absolute()
# Minutes each: last, one of two processes would wait for the other.
LONG_FILES = ("test_truth.py", "test_first_command.py", "test_claude_contract.py", "test_nothing_is_lost.py")

SIGNED_IN_AT = datetime.now(UTC) - timedelta(hours=1)
"""Of everybody, so that all requests of a person are of one session."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONG_FILES)


def go_time(moment: datetime) -> str:
    """Write a time as Go does, and so the door."""
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond:06}123 +0000 UTC"


def door_headers(
    user: str = "alice",
    *,
    groups: str = "",
    expires: timedelta = timedelta(hours=11),
) -> list[tuple[str, str]]:
    """Return what the door adds to a request of a signed-in person."""
    now = datetime.now(UTC)
    return [
        ("X-Forwarded-User", user),
        ("X-Forwarded-Email", f"{user}@example.com"),
        ("X-Forwarded-Groups", groups),
        ("X-Kubecoder-Session-Created", go_time(SIGNED_IN_AT)),
        ("X-Kubecoder-Session-Expires", go_time(now + expires)),
    ]


@dataclass(frozen=True)
class Agent:
    """A running agent and what it is mounted with."""

    process: RunningProcess
    directory: Path
    admin_token: str

    @property
    def admission_file(self) -> Path:
        return self.directory / "etc" / "admission.json"

    @property
    def admin_token_file(self) -> Path:
        return self.directory / "etc" / "admin-token"

    @property
    def state_directory(self) -> Path:
        return self.directory / "home" / ".kubecoder"

    @property
    def session_socket(self) -> Path:
        return self.directory / "run" / "agent.sock"

    @property
    def user_token(self) -> str:
        return (self.state_directory / "api-token").read_text()

    def log(self) -> list[dict[str, Any]]:
        """Return the log, each line parsed."""
        return [json.loads(line) for line in self.process.log_lines()]

    @functools.cached_property
    def api_address(self) -> str:
        """Where the API listens, by the agent's own word."""
        return [str(entry["api"]) for entry in self.log() if entry["message"] == "the agent serves"][-1]

    def api(self, method: str, path: str, headers: Headers = (), **options: Any) -> Answer:
        """Send a request to the API listener."""
        address = self.api_address
        return send(address, method, path, headers, host=address, **options)

    def session(self, method: str, path: str, headers: Headers = (), *, host: str = HOST, **options: Any) -> Answer:
        """Send a request to the session listener."""
        return send(self.session_socket, method, path, headers, host=host, **options)

    def bearer(self, token: str | None = None) -> list[tuple[str, str | bytes]]:
        return [("Authorization", f"Bearer {token or self.admin_token}")]

    def is_serving(self) -> bool:
        """Tell whether the process got as far as listening."""
        self.process.check()
        with contextlib.suppress(OSError, IndexError, ValueError):
            return self.api("GET", "/health").status == 200
        return False


def environment(directory: Path, **settings: str) -> dict[str, str]:
    """Return the settings of an agent whose files are all below a folder."""
    values = {
        "WORKSPACE": "alice",
        "ORIGIN": ORIGIN,
        "HOME": str(directory / "home"),
        "API_ADDRESS": "127.0.0.1:0",
        "SESSION_SOCKET": str(directory / "run" / "agent.sock"),
        "ADMISSION_FILE": str(directory / "etc" / "admission.json"),
        "ADMIN_TOKEN_FILE": str(directory / "etc" / "admin-token"),
        "TMUX_SOCKET": str(directory / "run" / "tmux" / "tasks"),
        "SUPERVISOR_SOCKET": str(directory / "run" / "supervisor.sock"),
        "TMUX_CONFIGURATION": str(TMUX_CONFIGURATION),
        "HOOKS_PORT": "0",
        "SHUTDOWN_SECONDS": "3",
        **settings,
    }
    return {f"KUBECODER_AGENT_{name}": value for name, value in values.items()}


@contextlib.contextmanager
def running_agent(
    directory: Path,
    *,
    argv: Sequence[str] = ("-I", "-m", "agent"),
    settings: Mapping[str, str] | None = None,
    more_environment: Mapping[str, str] | None = None,
) -> Iterator[Agent]:
    """Run an agent until the end of the block.

    Args:
        directory: All its files are below.
        argv: What Python runs.
        settings: Other values of the agent's settings, without their prefix.
        more_environment: Further variables, such as those that Claude needs.
    """
    for name in ("home", "run", "etc"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(32)
    (directory / "etc" / "admin-token").write_text(token)
    (directory / "etc" / "admission.json").write_text(json.dumps({"users": ["alice"]}))
    with ProcessSet(directory / "logs") as processes:
        process = processes.start(
            "agent",
            [sys.executable, *argv],
            environment={**(more_environment or {}), **environment(directory, **(settings or {}))},
            directory=Path.cwd(),
        )
        agent = Agent(process, directory, token)
        wait_until(agent.is_serving, what="the agent serves", seconds=20, every=0.05)
        yield agent


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """What these tests run besides what they install themselves."""
    try:
        debian.ensure({"tmux": "tmux", "git": "git", "curl": "curl"})
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def shared_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """One agent for tests that leave it as it is."""
    with running_agent(tmp_path_factory.mktemp("agent")) as agent:
        yield agent


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    """An agent of the test's own."""
    with running_agent(tmp_path) as agent:
        yield agent
