"""The commands of every day on a real node: logs, shell, forward, and failures that a person must understand."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rigs.cli import Cli
from tests.rigs.terminal import Terminal, telling_size
from tests.rigs.waiting import wait_until

SECONDS = 60.0


@pytest.fixture(scope="module")
def fleet(new_fleet: Callable[..., Cli]) -> Cli:
    """Two workspaces that are up, for tests that may restart them."""
    cli = new_fleet(["john", "jane"])
    cli.run("deploy", "--all", "--timeout", "180", seconds=240).expect()
    return cli


def in_shell(cli: Cli, name: str, script: str) -> str:
    return cli.run("shell", name, "--", "sh", "-c", script).expect().stdout.strip()


def say(cli: Cli, name: str, text: str) -> None:
    """Print a line as the workspace's own container."""
    in_shell(cli, name, f"echo {text} > /proc/1/fd/1")


def pod_of(cli: Cli, name: str) -> dict[str, Any]:
    found: dict[str, Any] = cli("status", name, "-o", "json").expect().json()["workspaces"][0]
    return found


def restart(cli: Cli, name: str) -> None:
    """Restart a workspace and wait until its next pod is ready."""
    before = pod_of(cli, name)["pod"]
    cli("restart", name).expect()

    def is_replaced() -> bool:
        found = pod_of(cli, name)
        return bool(found["pod"] != before and found["ready"])

    wait_until(is_replaced, what="the next pod", seconds=SECONDS, every=0.5)


class Output:
    """The lines that a process has written so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.lines: list[str] = []
        assert process.stdout is not None
        stdout = process.stdout
        threading.Thread(target=lambda: self.lines.extend(stdout), daemon=True).start()

    def wait_for(self, text: str) -> None:
        wait_until(lambda: any(text in line for line in list(self.lines)), what=f"the line {text!r}", seconds=SECONDS)


@contextmanager
def followed(cli: Cli, *argv: str) -> Iterator[tuple[subprocess.Popen[str], Output]]:
    with cli.running("logs", *argv, "--follow") as process:
        yield process, Output(process)
        process.kill()


def test_followed_logs_go_on_with_the_next_pod(fleet: Cli) -> None:
    with followed(fleet, "jane", "--tail", "1") as (_, output):
        output.wait_for("")  # with the last line so far the stream is open
        say(fleet, "jane", "before-the-restart")
        output.wait_for("before-the-restart")

        restart(fleet, "jane")
        say(fleet, "jane", "after-the-restart")

        output.wait_for("after-the-restart")
        assert sum("before-the-restart" in line for line in output.lines) == 1


def test_followed_logs_go_on_when_a_container_restarts_and_the_run_before_is_kept(fleet: Cli) -> None:
    with followed(fleet, "jane", "--tail", "1") as (_, output):
        output.wait_for("")
        say(fleet, "jane", "last-words")
        output.wait_for("last-words")

        fleet.run("shell", "jane", "--", "sh", "-c", "kill 1")
        wait_until(lambda: "last-words" in previous(fleet, "jane"), what="the next run", seconds=SECONDS)
        say_when_running(fleet, "jane", "new-run")

        output.wait_for("new-run")
        assert sum("last-words" in line for line in output.lines) == 1


def previous(cli: Cli, name: str) -> str:
    return cli("logs", name, "--previous").stdout


def say_when_running(cli: Cli, name: str, text: str) -> None:
    def said() -> bool:
        return cli.run("shell", name, "--", "sh", "-c", f"echo {text} > /proc/1/fd/1").exit_code == 0

    wait_until(said, what="a running container", seconds=SECONDS)


def test_ctrl_c_ends_followed_logs_with_130_and_without_a_word(fleet: Cli) -> None:
    with followed(fleet, "john", "jane") as (process, output):
        wait_until(lambda: bool(output.lines), what="the first line", seconds=SECONDS)
        process.send_signal(signal.SIGINT)

        assert process.wait(20) == 130
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_logs_of_several_are_interleaved_with_their_names(fleet: Cli) -> None:
    say(fleet, "john", "first-of-three")
    say(fleet, "jane", "second-of-three")
    say(fleet, "john", "third-of-three")

    lines = fleet("logs", "john", "jane", "--since", "1m").expect().stdout.splitlines()

    assert [line for line in lines if line.endswith("-of-three")] == [
        "john | first-of-three",
        "jane | second-of-three",
        "john | third-of-three",
    ]


def test_logs_of_a_container_with_their_times(fleet: Cli) -> None:
    [line] = fleet("logs", "john", "-c", "oauth2-proxy", "--tail", "1", "--timestamps").expect().stdout.splitlines()

    assert line[4] == line[7] == "-"
    assert "has no container nope" in fleet("logs", "john", "-c", "nope").expect(4).stderr


def test_a_shell_without_a_command_reads_its_script_from_stdin(fleet: Cli) -> None:
    result = fleet.run("shell", "john", stdin="cd /tmp; pwd; exit 5\n")

    assert (result.exit_code, result.stdout) == (5, "/tmp\n")


def test_binary_input_comes_back_unchanged(fleet: Cli, tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    done = subprocess.run(
        fleet.command("shell", "john", "--", "cat"),
        input=data,
        capture_output=True,
        env={**os.environ, **fleet.environment},
        timeout=120,
        check=True,
    )

    assert done.stdout == data


def test_a_shell_on_a_terminal_has_its_size_and_passes_the_exit_code_on(fleet: Cli) -> None:
    terminal = Terminal(fleet, "shell", "john")
    terminal.resize(31, 101)
    terminal.wait_for("$ ")
    terminal.type(telling_size(31, 101))
    terminal.wait_for("size=31 101")
    terminal.resize(40, 120)
    terminal.wait_for("$ ")
    terminal.type(telling_size(40, 120))
    terminal.wait_for("size=40 120")
    terminal.type("exit 9\n")

    assert terminal.close() == 9


def health(url: str) -> int:
    with urllib.request.urlopen(f"{url}/health", timeout=10) as answer:
        return int(answer.status)


def test_a_forwarded_port_survives_the_pod(fleet: Cli) -> None:
    with fleet.running("forward", "jane", "0:6090") as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        assert health(url) == 200

        restart(fleet, "jane")

        def is_back() -> bool:
            try:
                return health(url) == 200
            except OSError:
                return False

        wait_until(is_back, what="the next pod's port", seconds=SECONDS, every=1.0)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130


def test_a_port_that_is_taken_is_an_error_of_usage(fleet: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        stderr = fleet("forward", "john", f"{port}:6090").expect(2).stderr

    assert f"port {port} of this machine is in use" in stderr


def test_a_container_that_crashes_fails_the_deploy_with_its_last_words(new_fleet: Callable[..., Cli]) -> None:
    cli = new_fleet(["john"])
    file = Path(cli.environment["KUBECODER_FLEET"]) / "users" / "john.yaml"
    document = yaml.safe_load(file.read_text())
    crash = {"name": "ide", "command": ["sh", "-c", "echo the disk is on fire; exit 3"]}
    document["patches"] = [
        {"kind": "Deployment", "merge": {"spec": {"template": {"spec": {"containers": [crash]}}}}},
    ]
    file.write_text(yaml.safe_dump(document, sort_keys=False))

    started = time.monotonic()
    result = cli("deploy", "john").expect(5)

    assert time.monotonic() - started < 60
    assert "CrashLoopBackOff" in result.stderr
    assert "exited with code 3" in result.stderr
    assert "the disk is on fire" in result.stderr
    assert cli("status", "john", "-o", "json").expect().json()["workspaces"][0]["status"] == "CrashLoopBackOff"
