"""The browser's terminal: the image's ttyd, attach script and supervisor, on the socket that the door forwards to."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.agent.conftest import HOST, ORIGIN, TMUX_CONFIGURATION
from tests.rigs import Unavailable, ttyd
from tests.rigs.raw_http import send
from tests.rigs.supervised import IMAGE, Supervisor, supervised
from tests.rigs.waiting import wait_until
from tests.rigs.websocket import RefusedError, WebSocket, opened

PATH = "/oauth/terminal/"
SECONDS_TO_COME_BACK = 5
SIZE = json.dumps({"AuthToken": "", "columns": 120, "rows": 30}).encode()


@dataclass
class Terminal:
    """The services that run, and the folder in the place of `/run/kubecoder`."""

    run: Path
    services: Supervisor

    @property
    def socket(self) -> Path:
        return self.run / "session" / "terminal.sock"

    def tmux(self, server: str, *arguments: str) -> str:
        """Run tmux on one of the two servers, `tasks` or `shells`."""
        command = ["tmux", "-S", str(self.run / "tmux" / server), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout

    def page(self, query: str = "", *, origin: str = ORIGIN) -> AbstractContextManager[WebSocket]:
        """Open what the page opens."""
        return opened(self.socket, f"{PATH}ws{query}", host=HOST, headers={"Origin": origin})

    def is_up(self) -> bool:
        """Tell whether the supervisor says so and the page is there."""
        with contextlib.suppress(OSError):
            return bool(self.services.pid("terminal")) and send(self.socket, "GET", PATH, host=HOST).status == 200
        return False


def broken_service() -> str:
    """Return a service with the terminal's settings that ends some time after each start, and never answers."""
    text = (
        (IMAGE / "rootfs-full" / "etc" / "kubecoder" / "services" / "terminal.conf")
        .read_text()
        .partition("[program:terminal]\n")[2]
    )
    command = "command=/bin/sh -c 'echo no display; sleep 1.5; exit 1'"
    return re.sub(r"^command=.*", command, text, flags=re.MULTILINE).replace("terminal", "broken")


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    try:
        program = ttyd.program()
    except Unavailable as reason:
        pytest.skip(str(reason))
    directory = tmp_path_factory.mktemp("t")
    run, home = directory / "run", directory / "home"
    for folder in (run / "session", run / "tmux", home):
        folder.mkdir(parents=True, mode=0o700)
    addresses = {
        "/usr/local/bin/ttyd": str(program),
        "/usr/local/bin": str(directory / "usr" / "local" / "bin"),
        "/run/kubecoder": str(run),
    }
    environment = {"HOME": str(home), "SHELL": "/bin/bash", "LANG": "C.UTF-8"}
    chosen = {"terminal": None, "broken": broken_service().replace("/run/kubecoder", str(run))}
    with supervised(directory, addresses, environment, services=chosen) as services:
        terminal = Terminal(run, services)
        wait_until(terminal.is_up, what="the terminal is up", seconds=20)
        terminal.tmux("tasks", "-f", str(TMUX_CONFIGURATION), "new-session", "-d", "-s", "claude-1", "cat")
        try:
            yield terminal
        finally:
            for server in ("tasks", "shells"):
                terminal.tmux(server, "kill-server")


def shown(page: WebSocket, pattern: str) -> str:
    """Read what the terminal prints until a pattern is in it."""
    text = ""
    while not re.search(pattern, text):
        frame = page.receive()
        assert frame, f"the terminal closed after {text!r}"
        text += frame[1:].decode(errors="replace") if frame[:1] == b"0" else ""
    return text


def test_a_command_runs_and_its_shell_outlives_the_page(terminal: Terminal) -> None:
    with terminal.page() as page:
        page.send(SIZE)
        page.send(b"0word=sur; echo $((6*7))-ran\r")
        shown(page, "42-ran")
    with terminal.page() as page:
        page.send(SIZE)
        page.send(b"0echo ${word}vived\r")
        shown(page, "survived")


def test_a_page_attaches_to_a_task_by_its_session(terminal: Terminal) -> None:
    with terminal.page("?arg=claude-1") as page:
        page.send(SIZE)
        page.send(b"0typed by alice\r")
        wait_until(
            lambda: "typed by alice" in terminal.tmux("tasks", "capture-pane", "-p", "-t", "=claude-1:"),
            what="the task's terminal has the text",
            seconds=10,
        )


def test_who_only_watches_a_task_types_nothing_and_leaves_others_their_size(terminal: Terminal) -> None:
    with terminal.page("?arg=claude-1") as typist, terminal.page("?arg=claude-1&arg=watch") as watcher:
        typist.send(SIZE)
        typist.send(b"0typed by alice\r")
        shown(typist, "typed by alice")
        watcher.send(SIZE.replace(b"120", b"33"))
        shown(watcher, "typed by alice")
        watcher.send(b"0typed by a watcher\r")
        typist.send(b"0typed later\r")
        shown(watcher, "typed later")
        width = terminal.tmux("tasks", "display-message", "-p", "-t", "=claude-1:", "#{window_width}")
        assert width.strip() == "120"
    assert "watcher" not in terminal.tmux("tasks", "capture-pane", "-p", "-t", "=claude-1:")


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("?arg=claude-2", "has ended or never was"),
        ("?arg=claude", "has ended or never was"),
        ("?arg=claude-1&arg=x", "watch or nothing"),
        ("?arg=claude-1&arg=watch&arg=x", "watch or nothing"),
        ("?arg=claude-2&arg=watch", "has ended or never was"),
        ("?arg=watch", "has ended or never was"),
        ("?arg=-h", "isn't the name"),
        ("?arg=$(id)", "isn't the name"),
        ("?arg=claude-1:0", "isn't the name"),
        ("?arg=CLAUDE-1", "isn't the name"),
        (f"?arg={'a' * 64}", "isn't the name"),
    ],
)
def test_any_other_argument_is_refused(terminal: Terminal, query: str, answer: str) -> None:
    with terminal.page(query) as page:
        page.send(SIZE)
        assert "uid=" not in shown(page, answer)


@pytest.mark.parametrize("origin", ["https://evil.test", "https://bob.dev.test", "null", f"http://{HOST}:81"])
def test_a_page_of_another_origin_opens_nothing(terminal: Terminal, origin: str) -> None:
    with pytest.raises(RefusedError), terminal.page(origin=origin):
        pass


@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_a_killed_terminal_comes_back_and_its_shell_never_notices(terminal: Terminal, times: int) -> None:
    with terminal.page() as page:
        page.send(SIZE)
        page.send(b"0echo be''gun\r")
        shown(page, "begun")
    shell = terminal.tmux("shells", "list-panes", "-a", "-F", "#{pane_pid}")
    longest = 0.0
    states = set()

    def is_back() -> bool:
        states.add(terminal.services.state("terminal"))
        return terminal.services.pid("terminal") not in {0, pid} and terminal.is_up()

    for _ in range(times):
        killed = time.monotonic()
        pid = terminal.services.pid("terminal")
        os.kill(pid, signal.SIGKILL)
        wait_until(is_back, what="the terminal is back", seconds=SECONDS_TO_COME_BACK)
        longest = max(longest, time.monotonic() - killed)
    print(f"killed {times} times; back within {longest:.1f} s")
    assert "BACKOFF" not in states, "it was ready each time, so its end is no failure to start"
    assert shell.strip()
    assert terminal.tmux("shells", "list-panes", "-a", "-F", "#{pane_pid}") == shell


def test_its_last_lines_can_be_read_from_the_supervisor(terminal: Terminal) -> None:
    text, _offset, _overflow = terminal.services.ask("tailProcessStdoutLog", "terminal", 0, 4000)
    assert "terminal.sock" in text


def test_a_service_that_fails_again_and_again_says_why_and_ends_no_other(terminal: Terminal) -> None:
    pid = terminal.services.pid("terminal")

    def last_lines() -> str:
        return str(terminal.services.ask("tailProcessStdoutLog", "broken", 0, 4000)[0])

    tries = last_lines().count("no display")
    wait_until(lambda: last_lines().count("no display") > tries, what="another try", seconds=30)
    wait_until(lambda: terminal.services.state("broken") == "BACKOFF", what="it waits", seconds=30, every=0.05)
    wait_until(lambda: terminal.services.state("broken") == "STARTING", what="it is tried", seconds=30, every=0.05)
    assert terminal.services.process.is_running()
    assert pid
    assert terminal.services.pid("terminal") == pid
