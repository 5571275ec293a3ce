"""Runs a command in a container: with streams and its exit code, or with this process's own terminal."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from kubecoder.cluster import channels, local
from kubecoder.cluster.api import Cluster
from kubecoder.cluster.channels import Channels
from kubecoder.cluster.failures import api_error
from kubecoder.cluster.kinds import POD
from kubecoder.errors import UnreachableError

PROTOCOL: Final = "v5.channel.k8s.io"
"""The version that can say that stdin has ended; every Kubernetes from 1.30 speaks it."""
STDIN, STDOUT, STDERR, STATUS, RESIZE = range(5)
NOT_EXECUTABLE: Final = 126
NOT_FOUND: Final = 127
BROKEN_PIPE: Final = 128 + signal.SIGPIPE


@dataclass(frozen=True, slots=True)
class Target:
    """A container.

    Attributes:
        namespace: The pod's namespace.
        pod: The pod's name.
        container: Empty for a pod with one container.
    """

    namespace: str
    pod: str
    container: str = ""

    def __str__(self) -> str:
        return f"Pod {self.namespace}/{self.pod}" + (f", container {self.container}" if self.container else "")


@dataclass(frozen=True, slots=True)
class Completed:
    """What a command left behind.

    Attributes:
        code: Exit code.
        stdout: All of it.
        stderr: All of it.
    """

    code: int
    stdout: bytes
    stderr: bytes


def run(
    cluster: Cluster,
    target: Target,
    command: Sequence[str],
    *,
    stdin: BinaryIO | None = None,
    stdout: BinaryIO,
    stderr: BinaryIO,
) -> int:
    """Run a command without a terminal, its streams apart.

    Args:
        cluster: Where the container is.
        target: The container.
        command: The program and its arguments.
        stdin: A file with a descriptor, read to its end; None gives the command an empty input.
        stdout: Written and flushed as output comes.
        stderr: Likewise.

    Returns:
        The exit code; 126 or 127 when the command can't be executed or isn't there; 141 when nobody reads `stdout`
        any more.

    Raises:
        ApiError: The container isn't there or doesn't run, or the server refused otherwise.
        UnreachableError: The connection broke; the command may go on.
    """
    with _open(cluster, target, command, stdin=stdin is not None) as opened:
        if stdin is None:
            return _output(opened, target, stdout, stderr)
        with local.feeding(opened, STDIN, stdin.fileno()):
            return _output(opened, target, stdout, stderr)


def capture(cluster: Cluster, target: Target, command: Sequence[str], *, stdin: bytes = b"") -> Completed:
    """Run a command and take all that it writes.

    Args:
        cluster: Where the container is.
        target: The container.
        command: The program and its arguments.
        stdin: Its input; at most what fits the memory.

    Raises:
        ApiError: As `run`.
        UnreachableError: As `run`.
    """
    stdout, stderr = io.BytesIO(), io.BytesIO()
    with tempfile.TemporaryFile() as file:
        file.write(stdin)
        file.seek(0)
        code = run(cluster, target, command, stdin=file, stdout=stdout, stderr=stderr)
    return Completed(code, stdout.getvalue(), stderr.getvalue())


def run_terminal(cluster: Cluster, target: Target, command: Sequence[str]) -> int:
    """Run a command on this process's terminal, which must be its stdin; call it from the main thread.

    The terminal is in raw mode meanwhile and restored whatever happens; its size is passed on when it changes.

    Returns:
        The exit code; 126 or 127 when the command can't be executed or isn't there.

    Raises:
        ApiError: As `run`.
        UnreachableError: As `run`.
        InterruptedRunError: A signal ended it (Ctrl-C goes to the command).
    """
    descriptor = sys.stdin.fileno()
    with _open(cluster, target, command, stdin=True, terminal=True) as opened, local.raw(descriptor):

        def resize() -> None:
            columns, lines = os.get_terminal_size(descriptor)
            opened.send(RESIZE, json.dumps({"Width": columns, "Height": lines}).encode())

        with local.feeding(opened, STDIN, descriptor, on_resize=resize):
            resize()
            return _output(opened, target, sys.stdout.buffer, sys.stdout.buffer)


def _open(cluster: Cluster, target: Target, command: Sequence[str], *, stdin: bool, terminal: bool = False) -> Channels:
    query = [("command", part) for part in command]
    query += [("container", target.container)] if target.container else []
    query += [("stdin", "true")] if stdin else []
    # A terminal has one output; asking for stderr as well is an error.
    query += [("stdout", "true"), ("tty", "true") if terminal else ("stderr", "true")]
    path = POD.path(target.namespace, target.pod, "exec")
    return channels.connect(cluster, path, query, protocol=PROTOCOL, subject=f"exec in {target}")


def _output(opened: Channels, target: Target, stdout: BinaryIO, stderr: BinaryIO) -> int:
    """Write what comes until the end, and find the exit code."""
    outputs = {STDOUT: stdout, STDERR: stderr}
    status: dict[str, Any] | None = None
    try:
        for channel, data in opened.frames():
            if channel in outputs:
                outputs[channel].write(data)
                outputs[channel].flush()
            elif channel == STATUS:
                status = json.loads(data)
    except BrokenPipeError:
        return BROKEN_PIPE
    if status is None:
        raise UnreachableError(f"exec in {target}: the connection ended before the command did", hint="try again")
    code, message = exit_code(status, target)
    if message:
        stderr.write(f"{message}\n".encode())
        stderr.flush()
    return code


def exit_code(status: Mapping[str, Any], target: Target) -> tuple[int, str]:
    """Read the Status object that ends an exec.

    Returns:
        The exit code, and what to tell the user when the command couldn't be started.

    Raises:
        ApiError: It failed for another reason than the command.
    """
    if status.get("status") == "Success":
        return 0, ""
    causes = (status.get("details") or {}).get("causes") or ()
    for cause in causes:
        if cause.get("reason") == "ExitCode":
            return int(cause["message"]), ""
    message = str(status.get("message") or "")
    if "executable file not found" in message or "no such file or directory" in message:
        return NOT_FOUND, message
    if "permission denied" in message:
        return NOT_EXECUTABLE, message
    raise api_error(int(status.get("code") or 500), status, subject=f"exec in {target}")
