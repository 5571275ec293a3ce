"""Commands in a container, against a scripted kubelet; the real one is in tests/node."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubecoder.cluster import Cluster, exec  # noqa: A004
from kubecoder.cluster.exec import RESIZE, STATUS, STDERR, STDOUT, Completed, Target, exit_code
from kubecoder.errors import ApiError, UnreachableError
from tests.unit.cluster.server import Incoming, Script, Server, Wire, status, write_kubeconfig
from tests.unit.cluster.websocket import BINARY, Peer

Serve = Callable[[Script], Server]
Connect = Callable[..., Cluster]
TARGET = Target("coder", "ws-john-1", "ide")
SUCCESS = json.dumps({"status": "Success"}).encode()


def failure(code: int) -> bytes:
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return json.dumps(status(500, "NonZeroExitCode", "command terminated", causes=causes)).encode()


def kubelet(run: Callable[[Peer], Any]) -> Script:
    def answer(incoming: Incoming, wire: Wire) -> None:
        run(Peer.accept(incoming, wire))

    return answer


def test_streams_are_apart_and_the_code_is_the_commands(serve: Serve, connect: Connect) -> None:
    def run(peer: Peer) -> None:
        peer.send(STDOUT, b"out")
        peer.send(STDERR, b"err")
        peer.send(STDOUT, b"put")
        peer.send(STATUS, failure(7))
        peer.close()

    server = serve(kubelet(run))

    assert exec.capture(connect(server), TARGET, ["sh", "-c", "a b"]) == Completed(7, b"output", b"err")
    assert server.seen[0].path == "/api/v1/namespaces/coder/pods/ws-john-1/exec"
    assert server.seen[0].query == {
        "command": ["sh", "-c", "a b"],
        "container": ["ide"],
        "stdin": ["true"],
        "stdout": ["true"],
        "stderr": ["true"],
    }


def test_input_is_sent_and_ended(serve: Serve, connect: Connect) -> None:
    def run(peer: Peer) -> None:
        got = b"".join(data for channel, data in peer.messages() if channel == 0)
        peer.send(STDOUT, str(len(got)).encode())
        peer.send(STATUS, SUCCESS)
        peer.close()

    done = exec.capture(connect(serve(kubelet(run))), TARGET, ["wc"], stdin=b"x" * 100_000)

    assert done == Completed(0, b"100000", b"")


def test_without_input_none_is_announced(serve: Serve, connect: Connect) -> None:
    def run(peer: Peer) -> None:
        peer.send(STATUS, SUCCESS)
        peer.close()

    server = serve(kubelet(run))

    assert exec.run(connect(server), TARGET, ["true"], stdout=io.BytesIO(), stderr=io.BytesIO()) == 0
    assert "stdin" not in server.seen[0].query


def test_a_command_that_ends_before_its_input_doesnt_wait_for_it(serve: Serve, connect: Connect) -> None:
    def run(peer: Peer) -> None:
        peer.send(STATUS, failure(3))
        peer.close()

    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stdin, os.fdopen(writer, "wb"):
        code = exec.run(
            connect(serve(kubelet(run))), TARGET, ["x"], stdin=stdin, stdout=io.BytesIO(), stderr=io.BytesIO()
        )

    assert code == 3
    assert not [thread for thread in threading.enumerate() if thread.name == "kubecoder-exec-stdin"]


def test_a_reader_that_went_away_ends_the_command(serve: Serve, connect: Connect) -> None:
    reader, writer = os.pipe()
    os.close(reader)

    with os.fdopen(writer, "wb", buffering=0) as broken:
        code = exec.run(
            connect(serve(kubelet(lambda peer: peer.send(STDOUT, b"y\n")))),
            TARGET,
            ["yes"],
            stdout=broken,
            stderr=io.BytesIO(),
        )

    assert code == 141


def test_an_end_without_a_code_is_no_success(serve: Serve, connect: Connect) -> None:
    with pytest.raises(UnreachableError, match="the connection ended before the command did"):
        exec.capture(connect(serve(kubelet(Peer.close))), TARGET, ["true"])


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('exec: "nope": executable file not found in $PATH', 127),
        ('exec: "/nope": stat /nope: no such file or directory', 127),
        ('exec: "/etc/passwd": permission denied', 126),
    ],
)
def test_a_command_that_cant_start_has_the_shells_code_and_says_why(message: str, code: int) -> None:
    assert exit_code(status(500, "InternalError", message), TARGET) == (code, message)


def test_why_a_command_cant_start_goes_to_its_stderr(serve: Serve, connect: Connect) -> None:
    def run(peer: Peer) -> None:
        peer.send(STATUS, json.dumps(status(500, "InternalError", "executable file not found: nope")).encode())
        peer.close()

    done = exec.capture(connect(serve(kubelet(run))), TARGET, ["nope"])

    assert done == Completed(127, b"", b"executable file not found: nope\n")


def test_other_failures_are_errors_that_name_the_container() -> None:
    with pytest.raises(ApiError, match="exec in Pod coder/ws-john-1, container ide: runtime is down"):
        exit_code(status(500, "InternalError", "runtime is down"), TARGET)


# On a terminal: a process of its own, since signals and terminals belong to processes.

PROGRAM = """
import sys
from kubecoder.cluster import Cluster, exec
from kubecoder.errors import KubecoderError
with Cluster.connect(sys.argv[1]) as cluster:
    try:
        sys.exit(exec.run_terminal(cluster, exec.Target("coder", "p"), ["sh"]))
    except KubecoderError as error:
        sys.exit(f"error: {error}")
"""


PIPED = """
import sys
from kubecoder.cluster import Cluster, exec
with Cluster.connect(sys.argv[1]) as cluster:
    try:
        streams = {"stdin": sys.stdin.buffer, "stdout": sys.stdout.buffer, "stderr": sys.stderr.buffer}
        exec.run(cluster, exec.Target("coder", "p"), ["sh"], **streams)
    except KeyboardInterrupt:
        sys.exit(130)
"""


class Terminal:
    def __init__(self, kubeconfig: Path) -> None:
        self.master, self.slave = pty.openpty()
        self.settings = termios.tcgetattr(self.slave)
        self.resize(100, 30)
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(kubeconfig)],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
        )

    def resize(self, columns: int, lines: int) -> None:
        termios.tcsetwinsize(self.slave, (lines, columns))

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


class Kubelet:
    """Keeps a terminal session until it is told to end it."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.got: list[tuple[int, bytes]] = []
        self.changed = threading.Condition()

    def __call__(self, incoming: Incoming, wire: Wire) -> None:
        self.query = incoming.query
        self.peer = Peer.accept(incoming, wire)
        self.opened.set()
        while True:
            code, payload = self.peer.receive()
            with self.changed:
                self.got += [(payload[0], payload[1:])] if code == BINARY else []
                self.changed.notify_all()

    def wait_for(self, channel: int, data: bytes) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: (channel, data) in self.got, 20), self.got

    def end(self, code: int) -> None:
        self.peer.send(STATUS, failure(code))
        self.peer.close()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[tuple[Terminal, Kubelet]]:
    kubelet = Kubelet()
    with Server(kubelet) as server:
        terminal = Terminal(write_kubeconfig(tmp_path / "kubeconfig", server.url))
        try:
            assert kubelet.opened.wait(30)
            yield terminal, kubelet
        finally:
            terminal.close()


def size(columns: int, lines: int) -> bytes:
    return json.dumps({"Width": columns, "Height": lines}).encode()


def test_a_terminal_passes_on_keys_and_sizes_and_is_restored(session: tuple[Terminal, Kubelet]) -> None:
    terminal, kubelet = session
    kubelet.wait_for(RESIZE, size(100, 30))
    os.write(terminal.master, b"\x03")  # no signal for us: the remote side's business
    kubelet.wait_for(0, b"\x03")
    terminal.resize(132, 50)
    terminal.process.send_signal(signal.SIGWINCH)
    kubelet.wait_for(RESIZE, size(132, 50))

    kubelet.peer.send(STDOUT, b"bye\r\n")
    kubelet.end(9)

    assert terminal.process.wait(20) == 9
    assert os.read(terminal.master, 100) == b"bye\r\n"
    assert termios.tcgetattr(terminal.slave) == terminal.settings
    assert kubelet.query["tty"] == ["true"]
    assert "stderr" not in kubelet.query


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_restores_the_terminal(session: tuple[Terminal, Kubelet], number: signal.Signals) -> None:
    terminal, kubelet = session
    kubelet.wait_for(RESIZE, size(100, 30))

    terminal.process.send_signal(number)

    assert terminal.process.wait(20) == 1
    assert f"error: ended by {number.name}".encode() in os.read(terminal.master, 1000)
    assert termios.tcgetattr(terminal.slave) == terminal.settings


def test_a_broken_connection_restores_the_terminal(session: tuple[Terminal, Kubelet]) -> None:
    terminal, kubelet = session
    kubelet.wait_for(RESIZE, size(100, 30))

    kubelet.peer.wire.sock.shutdown(2)

    assert terminal.process.wait(20) == 1
    assert b"error: no answer from http://127.0.0.1" in os.read(terminal.master, 1000)
    assert termios.tcgetattr(terminal.slave) == terminal.settings


def test_ctrl_c_ends_a_command_without_a_terminal(tmp_path: Path) -> None:
    kubelet = Kubelet()
    with Server(kubelet) as server:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", server.url)
        process = subprocess.Popen([sys.executable, "-c", PIPED, str(kubeconfig)], stdin=subprocess.PIPE)
        assert process.stdin is not None
        with process.stdin as stdin:
            assert kubelet.opened.wait(30)
            stdin.write(b"x")
            stdin.flush()
            kubelet.wait_for(0, b"x")

            process.send_signal(signal.SIGINT)

            assert process.wait(20) == 130
