"""The tmux server of the tasks: as init starts it, and as the agent uses it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agent import init
from agent.tmux import Pane, SessionMissingError, Tmux, TmuxError, TmuxMissingError
from tests.rigs.waiting import wait_until

CONFIGURATION = Path(__file__).parent.parent.parent / "agent/image/rootfs/etc/kubecoder/tmux.conf"
RECORDER = """
import os, sys, tty
tty.setraw(0)
print(sys.argv[2], end="", flush=True)
with open(sys.argv[1], "wb", buffering=0) as file:
    while content := os.read(0, 65536):
        file.write(content)
"""
BRACKETS_ON = "\x1b[?2004h"


def tmux(socket: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["tmux", "-S", str(socket), *arguments], capture_output=True, text=True, timeout=20, check=False
    )


def kill_server(socket: Path) -> None:
    asked = tmux(socket, "display-message", "-p", "#{pid}").stdout.strip()
    if asked.isdigit():
        os.kill(int(asked), signal.SIGKILL)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Path]:
    socket = tmp_path / "tasks"
    init.start_tmux(socket, CONFIGURATION)
    yield socket
    kill_server(socket)


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[Sessions]:
    socket = tmp_path / "run" / "tasks"
    made = Sessions(Tmux(socket, CONFIGURATION), socket, tmp_path)
    asyncio.run(made.tmux.ensure_server())
    yield made
    # A session's own processes end by the hang-up; the server's death alone would reach them too late.
    tmux(socket, "kill-server")
    kill_server(socket)


class Sessions:
    """A server whose sessions tests make and look at."""

    def __init__(self, server: Tmux, socket: Path, directory: Path) -> None:
        self.tmux = server
        self.socket = socket
        self.directory = directory

    def start(self, name: str, command: Sequence[str], *, directory: Path | None = None) -> Pane:
        return asyncio.run(
            self.tmux.new_session(
                name,
                command,
                directory=directory or self.directory,
                environment={"MARK": f"of {name};"},
                output=self.output(name),
            )
        )

    def output(self, name: str) -> Path:
        return self.directory / f"{name} 100%d #{{pane_pid}}'s.log"

    def kept(self, name: str) -> str:
        """Return what a session wrote, once that has been kept."""
        return wait_until(self.output(name).read_text, what="the output is kept", seconds=10, every=0.02).strip()

    def pane(self, name: str) -> Pane | None:
        return asyncio.run(self.tmux.pane(name))

    def wait_for_end(self, name: str) -> None:
        def is_dead() -> bool:
            pane = self.pane(name)
            return pane is not None and pane.dead

        wait_until(is_dead, what=f"{name} has ended", seconds=20, every=0.02)

    def record(self, name: str, first: str = BRACKETS_ON + "ready") -> Path:
        """Start a program that keeps what is typed into it."""
        file = self.directory / f"{name}.typed"
        self.start(name, [sys.executable, "-c", RECORDER, str(file), first])
        wait_until(lambda: "ready" in self.screen(name), what="it reads", seconds=20, every=0.02)
        return file

    def screen(self, name: str) -> str:
        return asyncio.run(self.tmux.capture(name))


def test_the_server_stays_without_sessions_and_is_started_once(server: Path) -> None:
    before = tmux(server, "display-message", "-p", "#{pid}").stdout
    assert tmux(server, "new-session", "-d", "-s", "one", "true").returncode == 0
    wait_until(lambda: not tmux(server, "list-sessions").stdout, what="the session ends", seconds=10)
    init.start_tmux(server, CONFIGURATION)
    assert tmux(server, "display-message", "-p", "#{pid}").stdout == before


def test_the_server_is_no_child_of_what_started_it(server: Path) -> None:
    pid = int(tmux(server, "display-message", "-p", "#{pid}").stdout)
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    parent, session = int(stat[1]), int(stat[3])
    assert parent != os.getpid()
    assert session == pid, "a session of its own: no signal to the agent's group reaches it"


def test_a_server_that_does_not_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        init.start_tmux(tmp_path / "missing" / "tasks", CONFIGURATION)


def test_a_server_that_the_agent_starts_stays_without_sessions_and_is_started_once(tmp_path: Path) -> None:
    socket = tmp_path / "run" / "tasks"

    async def use() -> tuple[str, str]:
        server = Tmux(socket)
        await server.ensure_server()
        first = tmux(socket, "display-message", "-p", "#{pid}").stdout
        await server.new_session("one", ["true"], directory=tmp_path, environment={}, output=tmp_path / "one.log")
        await server.kill_session("one")
        await server.ensure_server()
        return first, tmux(socket, "display-message", "-p", "#{pid}").stdout

    try:
        before, after = asyncio.run(use())
        assert before.strip()
        assert before == after
        assert socket.parent.stat().st_mode & 0o777 == 0o700
    finally:
        kill_server(socket)


def test_no_server_means_no_sessions_and_no_error(tmp_path: Path) -> None:
    async def look() -> None:
        server = Tmux(tmp_path / "nobody" / "tasks")
        assert await server.panes() == {}
        assert await server.pane("one") is None
        await server.kill_session("one")
        with pytest.raises(SessionMissingError):
            await server.capture("one")

    asyncio.run(look())


def test_a_server_without_sessions_has_none(sessions: Sessions) -> None:
    assert asyncio.run(sessions.tmux.panes()) == {}
    assert sessions.pane("one") is None


def test_a_missing_tmux_is_an_error_that_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TmuxMissingError, match="apt-get install tmux"):
        asyncio.run(Tmux(tmp_path / "tasks").ensure_server())


def test_a_command_runs_word_for_word_in_its_folder_with_its_variables(sessions: Sessions) -> None:
    folder = sessions.directory / "a #{pane_pid} %H 'folder';"
    folder.mkdir()
    words = ["-x;", "it's", "$HOME", "#{pid}", "%d", ";", "\\;", "", "new\nline", "*"]
    shown = "import os, sys; print([os.getcwd(), os.environ['MARK'], *sys.argv[1:]])"
    sessions.start("one", [sys.executable, "-c", shown, *words], directory=folder)
    sessions.wait_for_end("one")
    assert sessions.kept("one") == str([str(folder), "of one;", *words])


def test_a_command_of_one_word_is_no_shell_line(sessions: Sessions) -> None:
    program = sessions.directory / "echo two; three"
    program.write_text("#!/bin/sh\necho ran\n")
    program.chmod(0o700)
    sessions.start("one", [str(program)])
    sessions.wait_for_end("one")
    assert sessions.kept("one") == "ran"


def test_the_output_is_kept_from_the_first_byte_and_by_nobody_else_to_read(sessions: Sessions) -> None:
    names = [f"s{number}" for number in range(40)]
    for name in names:
        # tmux 3.3 can lose what is written in the very moment of the end.
        sessions.start(name, ["/bin/sh", "-c", "printf first; printf last; sleep 0.5"])
    for name in names:
        sessions.wait_for_end(name)
        kept = sessions.output(name)
        assert sessions.kept(name).startswith("firstlast")
        assert kept.stat().st_mode & 0o777 == 0o600


def test_a_missing_folder_is_an_error_and_not_another_folder(sessions: Sessions) -> None:
    with pytest.raises(TmuxError, match="no folder"):
        sessions.start("one", ["true"], directory=sessions.directory / "missing")
    assert sessions.pane("one") is None


def test_a_name_is_taken_once(sessions: Sessions) -> None:
    sessions.start("one", ["sleep", "60"])
    with pytest.raises(TmuxError, match=r"new-session: duplicate session"):
        sessions.start("one", ["sleep", "60"])


@pytest.mark.parametrize("name", ["", "a.b", "a:b", "=a", "a b", "%1", "@1", "a\n"])
def test_a_name_that_tmux_would_read_otherwise_is_refused(sessions: Sessions, name: str) -> None:
    with pytest.raises(ValueError, match="can't name"):
        asyncio.run(sessions.tmux.kill_session(name))


def test_a_session_tells_that_its_command_runs_and_that_it_has_ended(sessions: Sessions) -> None:
    sessions.start("code", ["/bin/sh", "-c", "exit 7"])
    sessions.start("signal", ["/bin/sh", "-c", "kill -TERM $$"])
    running = sessions.start("running", ["sleep", "60"])
    sessions.wait_for_end("code")
    sessions.wait_for_end("signal")
    assert sessions.pane("running") == running
    assert (running.dead, running.attached) == (False, 0)
    assert Path(f"/proc/{running.pid}/comm").read_text().strip() == "sleep"


def test_only_the_exact_name_is_meant(sessions: Sessions) -> None:
    sessions.start("task-12", ["sleep", "60"])
    assert sessions.pane("task-1") is None
    asyncio.run(sessions.tmux.kill_session("task-1"))
    with pytest.raises(SessionMissingError):
        asyncio.run(sessions.tmux.send_keys("task-1", "Enter"))
    assert list(asyncio.run(sessions.tmux.panes())) == ["task-12"]


def test_a_window_that_a_person_opens_changes_nothing(sessions: Sessions) -> None:
    typed = sessions.record("one")
    before = sessions.pane("one")
    assert tmux(sessions.socket, "new-window", "-t", "=one:", "sleep 60").returncode == 0
    assert tmux(sessions.socket, "split-window", "-b", "-t", "=one:0", "sleep 60").returncode == 0

    assert sessions.pane("one") == before
    assert asyncio.run(sessions.tmux.panes()) == {"one": before}
    assert "ready" in sessions.screen("one")
    asyncio.run(sessions.tmux.send_keys("one", "x"))
    wait_until(lambda: typed.read_bytes() == b"x", what="the key arrives", seconds=10, every=0.02)


def test_what_is_shown_is_captured_with_the_lines_above_it(sessions: Sessions) -> None:
    script = (
        "for i in $(seq 1 100); do echo line $i; done; printf '%0300d\\n' 0; printf 'ä😀\\033[31mred\\033[0m'; sleep 60"
    )
    sessions.start("one", ["/bin/sh", "-c", script])
    wait_until(lambda: "red" in sessions.screen("one"), what="all is shown", seconds=10, every=0.02)
    shown = sessions.screen("one").split("\n")
    assert shown[-1] == "ä😀red"
    assert shown[-2] == "0" * 300, "a wrapped line is one line"
    assert "line 40" not in shown
    assert "line 40" in asyncio.run(sessions.tmux.capture("one", history=80)).split("\n")
    assert "\x1b[31mred" in asyncio.run(sessions.tmux.capture("one", styled=True))


@pytest.mark.parametrize(
    "text",
    ["one\ntwo\n", "-x", "a;", "tab\tand ä 😀 \u200d", "x" * 1_000_000, "line\n" * 20_000],
    ids=["lines", "dash", "semicolon", "unicode", "megabyte", "many lines"],
)
def test_a_text_is_pasted_in_brackets_and_unchanged(sessions: Sessions, text: str) -> None:
    typed = sessions.record("one")
    asyncio.run(sessions.tmux.paste("one", text))
    expected = b"\x1b[200~" + text.encode() + b"\x1b[201~"
    wait_until(lambda: typed.stat().st_size >= len(expected), what="the text arrives", seconds=20, every=0.02)
    assert typed.read_bytes() == expected
    assert tmux(sessions.socket, "list-buffers").stdout == "", "no text is left behind in the server"


def test_nothing_is_pasted_for_an_empty_text(sessions: Sessions) -> None:
    typed = sessions.record("one")
    asyncio.run(sessions.tmux.paste("one", ""))
    asyncio.run(sessions.tmux.send_keys("one", "x"))
    wait_until(lambda: typed.read_bytes() == b"x", what="only the key arrives", seconds=10, every=0.02)


def test_keys_are_pressed_in_order(sessions: Sessions) -> None:
    typed = sessions.record("one")
    asyncio.run(sessions.tmux.send_keys("one", "C-c", "-", ";", "a;", "Enter", "Escape"))
    wait_until(lambda: typed.read_bytes() == b"\x03-;a;\r\x1b", what="the keys arrive", seconds=10, every=0.02)


def test_a_person_who_scrolls_gives_the_keyboard_back(sessions: Sessions) -> None:
    typed = sessions.record("one")
    assert tmux(sessions.socket, "copy-mode", "-t", "=one:").returncode == 0
    scrolling = sessions.pane("one")
    assert scrolling is not None
    assert scrolling.in_mode

    asyncio.run(sessions.tmux.cancel_mode("one"))
    asyncio.run(sessions.tmux.cancel_mode("one"))

    pane = sessions.pane("one")
    assert pane is not None
    assert not pane.in_mode
    asyncio.run(sessions.tmux.send_keys("one", "x"))
    wait_until(lambda: typed.read_bytes() == b"x", what="the key arrives", seconds=10, every=0.02)


def test_the_end_of_a_session_hangs_up_and_is_no_error_twice(sessions: Sessions) -> None:
    mark = sessions.directory / "hung-up"
    script = f"trap 'echo yes >{mark}; exit' HUP; echo ready; while :; do sleep 0.05; done"
    sessions.start("one", ["/bin/sh", "-c", script])
    wait_until(lambda: "ready" in sessions.screen("one"), what="it runs", seconds=10, every=0.02)
    asyncio.run(sessions.tmux.kill_session("one"))
    asyncio.run(sessions.tmux.kill_session("one"))
    wait_until(mark.exists, what="the hang-up arrives", seconds=10, every=0.02)
    assert sessions.pane("one") is None


def test_what_follows_a_full_disk_is_kept(sessions: Sessions) -> None:
    full = sessions.directory / "full"
    full.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(full)], check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        ballast = full / "ballast"
        gate = sessions.directory / "gate"
        script = f"echo before; while [ ! -e {gate} ]; do printf '%01000d' 0; sleep 0.02; done; echo after; sleep 60"
        ballast.write_bytes(b"x" * 40_000)
        asyncio.run(
            sessions.tmux.new_session(
                "one", ["/bin/sh", "-c", script], directory=full, environment={}, output=full / "log"
            )
        )
        wait_until(lambda: os.statvfs(full).f_bavail == 0, what="the disk is full", seconds=20)
        ballast.unlink()
        gate.touch()
        wait_until(lambda: b"after" in (full / "log").read_bytes(), what="the rest is kept", seconds=20)
        assert (full / "log").read_bytes().startswith(b"before")
    finally:
        tmux(sessions.socket, "kill-server")
        wait_until(
            lambda: subprocess.run(["umount", str(full)], capture_output=True, check=False).returncode == 0,
            what="the file system is let go",
            seconds=20,
        )
