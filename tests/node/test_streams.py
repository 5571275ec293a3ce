"""Commands, terminals, logs and forwarded ports in a pod that really runs."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubecoder.cluster import Cluster, exec, logs  # noqa: A004
from kubecoder.cluster.exec import Target
from kubecoder.cluster.portforward import Forward
from kubecoder.errors import ApiError, KubecoderError
from kubecoder.models.manifest import ref_of
from tests.node.pods import hardened_pod, has_begun, is_ready, wait_for
from tests.rigs.node import Node
from tests.rigs.terminal import telling_size

PORT = 8000
SERVER = """
import socketserver, sys
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
print("ready", flush=True)
Server(("127.0.0.1", 8000), Echo).serve_forever()
"""
TERMINAL = """
import sys
from kubecoder.cluster import Cluster, exec
with Cluster.connect(sys.argv[1]) as cluster:
    sys.exit(exec.run_terminal(cluster, exec.Target(*sys.argv[2:4]), sys.argv[4:]))
"""


@pytest.fixture(scope="module")
def target(node: Node, cluster: Cluster) -> Target:
    """A container that runs an echo server."""
    node.plane.create_namespace("streams")
    script = f"python3 -c '{SERVER}'"
    pod = cluster.create(hardened_pod("streams", "echo", script))
    wait_for(cluster, ref_of(pod), is_ready)
    return Target("streams", "echo", "main")


def shell(cluster: Cluster, target: Target, script: str, stdin: bytes = b"") -> exec.Completed:
    return exec.capture(cluster, target, ["sh", "-c", script], stdin=stdin)


# Commands


def test_a_command_has_its_streams_apart_and_its_exit_code(cluster: Cluster, target: Target) -> None:
    done = shell(cluster, target, "echo out; echo err >&2; exit 7")

    assert done == exec.Completed(7, b"out\n", b"err\n")


def test_stdin_ends_where_it_ends(cluster: Cluster, target: Target) -> None:
    assert shell(cluster, target, "wc -c; echo done", b"x" * 100_000) == exec.Completed(0, b"100000\ndone\n", b"")
    assert shell(cluster, target, "cat; echo done") == exec.Completed(0, b"done\n", b"")


def test_arguments_arrive_as_they_are(cluster: Cluster, target: Target) -> None:
    words = ["a b", "ä&?#=%", "'\"$HOME", "", "new\nline"]

    done = exec.capture(cluster, target, ["printf", "%s|", *words])

    assert done.stdout == "".join(f"{word}|" for word in words).encode()


def test_much_output_comes_whole_and_unchanged(cluster: Cluster, target: Target) -> None:
    size = 8 * 1024 * 1024
    data = os.urandom(size)
    started = time.monotonic()

    done = shell(cluster, target, "cat", data)

    assert hashlib.sha256(done.stdout).hexdigest() == hashlib.sha256(data).hexdigest()
    print(f"{2 * size / 1e6 / (time.monotonic() - started):.1f} MB/s both ways")


def test_a_command_that_isnt_there_or_cant_run_has_the_shells_codes(cluster: Cluster, target: Target) -> None:
    missing = exec.capture(cluster, target, ["no-such-command"])
    forbidden = exec.capture(cluster, target, ["/etc/passwd"])

    assert (missing.code, forbidden.code) == (127, 126)
    assert b"no-such-command" in missing.stderr
    assert b"permission denied" in forbidden.stderr


def test_a_command_that_a_signal_ends(cluster: Cluster, target: Target) -> None:
    assert shell(cluster, target, "kill -9 $$").code == 137


def test_a_container_that_isnt_there_is_an_error(cluster: Cluster, target: Target) -> None:
    with pytest.raises(ApiError, match="exec in Pod streams/none") as caught:
        exec.capture(cluster, Target("streams", "none"), ["true"])
    assert caught.value.status == 404

    with pytest.raises(ApiError, match="container none"):
        exec.capture(cluster, Target("streams", "echo", "none"), ["true"])


def test_output_that_nobody_reads_any_more_ends_the_command(cluster: Cluster, target: Target) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb", buffering=0) as broken:
        code = exec.run(cluster, target, ["yes"], stdout=broken, stderr=io.BytesIO())

    assert code == 141


def test_a_slow_input_doesnt_hold_back_the_output(cluster: Cluster, target: Target) -> None:
    reader, writer = os.pipe()
    stdout = io.BytesIO()
    with os.fdopen(reader, "rb") as stdin, os.fdopen(writer, "wb", buffering=0):
        code = exec.run(cluster, target, ["sh", "-c", "echo early; exit 3"], stdin=stdin, stdout=stdout, stderr=stdout)

    assert (code, stdout.getvalue()) == (3, b"early\n")


# Terminals


class Terminal:
    """A process of ours on a terminal of its own."""

    def __init__(self, node: Node, target: Target, *command: str) -> None:
        self.master, slave = pty.openpty()
        self.settings = termios.tcgetattr(slave)
        self.slave = slave
        arguments = [sys.executable, "-c", TERMINAL, str(node.plane.kubeconfig), target.namespace, target.pod, *command]
        self.resize(80, 24)
        self.process = subprocess.Popen(
            arguments, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, cwd=Path(__file__).parents[2]
        )
        self.seen = b""

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def wait_for(self, text: str, seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while text.encode() not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {text!r} in {self.seen!r}"
            self.seen += os.read(self.master, 65536)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def shell_on_terminal(node: Node, target: Target) -> Iterator[Terminal]:
    terminal = Terminal(node, target, "sh")
    yield terminal
    terminal.close()


def test_a_shell_on_a_terminal_echoes_resizes_and_ends_with_its_code(shell_on_terminal: Terminal) -> None:
    terminal = shell_on_terminal
    terminal.wait_for("$ ")
    terminal.type(telling_size(24, 80))
    terminal.wait_for("size=24 80")

    terminal.resize(132, 50)
    terminal.process.send_signal(signal.SIGWINCH)
    terminal.type(telling_size(50, 132))
    terminal.wait_for("size=50 132")

    terminal.type("cat\n")
    terminal.type("meow\n")
    terminal.wait_for("meow\r\nmeow")  # typed and repeated: cat runs
    terminal.type("\x03")  # goes to the remote side, which ends cat
    terminal.wait_for("^C")
    # Until the shell is back, cat may still read what is typed, and it is lost with it.
    terminal.seen = terminal.seen.partition(b"^C")[2]
    terminal.wait_for("$ ")
    terminal.type("exit 9\n")
    assert terminal.process.wait(20) == 9
    assert termios.tcgetattr(terminal.slave) == terminal.settings


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_restored_when_a_signal_ends_us(shell_on_terminal: Terminal, number: signal.Signals) -> None:
    shell_on_terminal.wait_for("$ ")
    assert termios.tcgetattr(shell_on_terminal.slave) != shell_on_terminal.settings

    shell_on_terminal.process.send_signal(number)

    assert shell_on_terminal.process.wait(20) == 1
    assert termios.tcgetattr(shell_on_terminal.slave) == shell_on_terminal.settings


# Logs


def test_logs_follow_a_container_to_its_end(cluster: Cluster, namespace: str) -> None:
    script = "for n in 1 2 3; do echo line $n; sleep 0.3; done"
    pod = cluster.create(hardened_pod(namespace, "talker", script))
    wait_for(cluster, ref_of(pod), has_begun)

    assert list(logs.stream(cluster, namespace, "talker", follow=True)) == [b"line 1\n", b"line 2\n", b"line 3\n"]
    assert logs.tail(cluster, namespace, "talker", lines=1) == ["line 3"]


def test_following_a_silent_container_can_be_given_up(cluster: Cluster, target: Target) -> None:
    log = logs.stream(cluster, target.namespace, target.pod, follow=True)
    lines = iter(log)
    assert next(lines) == b"ready\n"

    closer = threading.Timer(0.3, log.close)
    closer.start()

    assert list(lines) == []
    closer.join()


# Forwarded ports


def forward(cluster: Cluster, target: Target, port: int = PORT, **options: object) -> Forward:
    return Forward(cluster, target.namespace, target.pod, port, **options)  # type: ignore[arg-type]


def exchange(port: int, data: bytes) -> bytes:
    received = b""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        sender = threading.Thread(target=connection.sendall, args=(data,))
        sender.start()
        while len(received) < len(data) and (piece := connection.recv(65536)):
            received += piece
        sender.join()
    return received


def test_a_forwarded_port_carries_many_connections_at_once(cluster: Cluster, target: Target) -> None:
    with forward(cluster, target) as forwarded:
        data = [os.urandom(50_000) for _ in range(10)]
        echoed = cluster.map(lambda each: exchange(forwarded.port, each), data)

    assert echoed == data


def test_a_forwarded_port_is_fast_enough_for_a_person(cluster: Cluster, target: Target) -> None:
    data = os.urandom(16 * 1024 * 1024)
    with forward(cluster, target) as forwarded:
        started = time.monotonic()
        assert exchange(forwarded.port, b"x") == b"x"
        first = time.monotonic() - started
        started = time.monotonic()
        assert exchange(forwarded.port, data) == data
        rate = 2 * len(data) / 1e6 / (time.monotonic() - started)

    print(f"first byte after {first * 1000:.0f} ms, {rate:.1f} MB/s both ways")


def test_a_port_where_nothing_listens_is_told_and_closes_the_connection(cluster: Cluster, target: Target) -> None:
    errors: list[KubecoderError] = []
    with (
        forward(cluster, target, 9, on_error=errors.append) as forwarded,
        socket.create_connection(("127.0.0.1", forwarded.port)) as connection,
    ):
        connection.settimeout(20)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""

    (error,) = errors
    assert error.message == "port 9 of Pod streams/echo: nothing listens on that port"


def test_closing_ends_open_connections_and_leaves_no_thread(
    cluster: Cluster, target: Target, capfd: pytest.CaptureFixture[str]
) -> None:
    before = set(threading.enumerate())
    forwarded = forward(cluster, target)
    connections = [socket.create_connection(("127.0.0.1", forwarded.port)) for _ in range(3)]
    for connection in connections:
        connection.sendall(b"hello")
        assert connection.recv(5) == b"hello"

    connections[0].close()
    forwarded.close()

    assert connections[1].recv(1) == b""
    for connection in connections:
        connection.close()
    assert set(threading.enumerate()) <= before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", forwarded.port))
    assert capfd.readouterr() == ("", "")
