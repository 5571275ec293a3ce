"""The image's services under the image's supervisor, with other addresses and no image."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from configparser import RawConfigParser
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]

from tests.rigs.processes import ProcessSet, RunningProcess
from tests.rigs.waiting import wait_until

IMAGE = Path(__file__).parents[2] / "agent" / "image"


class Supervisor:
    """A running supervisor.

    Args:
        process: Its own.
        socket: Where it answers XML-RPC.
    """

    def __init__(self, process: RunningProcess, socket: Path) -> None:
        self.process = process
        self._socket = socket

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the `supervisor` namespace."""
        transport = SupervisorTransport(serverurl=f"unix://{self._socket}")
        with ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)

    def state(self, name: str) -> str:
        """Return the state of a service in supervisor's words."""
        return str(self.ask("getProcessInfo", name)["statename"])

    def pid(self, name: str) -> int:
        """Return the pid of a service that runs, or 0."""
        found = self.ask("getProcessInfo", name)
        return int(found["pid"]) if found["statename"] == "RUNNING" else 0


@contextlib.contextmanager
def supervised(
    directory: Path,
    addresses: Mapping[str, str],
    environment: Mapping[str, str],
    *,
    services: Mapping[str, str | None],
) -> Iterator[Supervisor]:
    """Run services until the end of the block.

    Args:
        directory: For configuration and logs.
        addresses: What the image's files name, to what takes its place here; the first that fits wins.
        environment: Of the supervisor.
        services: By their names, each with its section's lines, or None for the image's own.
    """
    own = [f"services/{name}.conf" for name, lines in services.items() if lines is None]
    for pattern in ("etc/kubecoder/supervisord.conf", "usr/local/bin/*", *(f"etc/kubecoder/{file}" for file in own)):
        for file in sorted(IMAGE.glob(f"rootfs*/{pattern}")):
            _copy(file, directory, addresses)
    for name, lines in services.items():
        if lines is not None:
            added = directory / "etc" / "kubecoder" / "services" / f"{name}.conf"
            added.parent.mkdir(parents=True, exist_ok=True)
            added.write_text(f"[program:{name}]\n{lines}\n")
    configuration = directory / "etc" / "kubecoder" / "supervisord.conf"
    settings = RawConfigParser()
    settings.read(configuration)
    socket = Path(settings["unix_http_server"]["file"])
    socket.parent.mkdir(parents=True, exist_ok=True)
    with ProcessSet(directory / "logs") as processes:
        argv = [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)]
        running = Supervisor(processes.start("supervisor", argv, environment=environment), socket)
        wait_until(socket.is_socket, what="the supervisor answers", seconds=20)
        yield running


def _copy(file: Path, directory: Path, addresses: Mapping[str, str]) -> None:
    target = directory.joinpath(*file.relative_to(IMAGE).parts[1:])
    target.parent.mkdir(parents=True, exist_ok=True)
    text = file.read_text()
    for name, instead in addresses.items():
        text = text.replace(name, instead)
    target.write_text(text)
    target.chmod(file.stat().st_mode)
