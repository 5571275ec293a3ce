"""Processes that a rig starts: each with a log, each ended by its own process group."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.rigs import StartError

LOG_LINES_SHOWN = 40


@dataclass
class RunningProcess:
    """A process with its log; it leads a process group of its own.

    `patience` is how many seconds it has to end by itself before its group is killed.
    """

    name: str
    popen: subprocess.Popen[bytes]
    log: Path
    patience: float

    @property
    def pid(self) -> int:
        return self.popen.pid

    def is_running(self) -> bool:
        """Say whether the process is alive."""
        return self.popen.poll() is None

    def log_lines(self) -> list[str]:
        """Return the whole lines of the log; the process may be in the middle of writing the next one."""
        *whole, _ = self.log.read_bytes().split(b"\n")
        return [line.decode(errors="replace") for line in whole]

    def log_tail(self) -> str:
        """Return the last lines of the log, for a message about a failed start."""
        lines = self.log.read_text(errors="replace").splitlines()
        return f"--- {self.name} ({self.log}), last {LOG_LINES_SHOWN} lines\n" + "\n".join(lines[-LOG_LINES_SHOWN:])

    def check(self) -> None:
        """Raise StartError with the log when the process has ended."""
        code = self.popen.poll()
        if code is not None:
            raise StartError(f"{self.name} ended with code {code}\n{self.log_tail()}")

    def stop(self) -> None:
        """Ask the process to end, and kill its group when its time is over."""
        if self.patience and self.is_running():
            self.popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(self.patience)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait()


class ProcessSet:
    """The processes of one rig, ended in the reverse order of their start."""

    def __init__(self, log_directory: Path) -> None:
        self.log_directory = log_directory
        self.running: list[RunningProcess] = []

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        patience: float = 10,
    ) -> RunningProcess:
        """Start a process with its output in `<name>.log`; it dies with the thread that started it.

        The session of its own keeps a Ctrl-C at the terminal away from it, so that the
        rig ends its parts in order.
        """
        self.log_directory.mkdir(parents=True, exist_ok=True)
        log = self.log_directory / f"{name}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [*_die_with_parent(), *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                cwd=directory,
                start_new_session=True,
            )
        process = RunningProcess(name, popen, log, patience)
        self.running.append(process)
        return process

    def check(self) -> None:
        """Raise StartError when any of the processes has ended."""
        for process in self.running:
            process.check()

    def log_tails(self) -> str:
        """Return the end of every log."""
        return "\n".join(process.log_tail() for process in self.running)

    def stop(self) -> None:
        """End all processes; calling it again does nothing."""
        while self.running:
            self.running.pop().stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _die_with_parent() -> list[str]:
    """Return the argv prefix by which a process is killed when we are; setpriv is part of util-linux.

    A `preexec_fn` would do the same, but isn't safe once there are threads.
    """
    if sys.platform == "linux" and shutil.which("setpriv"):
        return ["setpriv", "--pdeathsig", "KILL", "--"]
    return []


def start_time(pid: int) -> int | None:
    """Return the start time of a process in clock ticks since boot, or None when it is gone or a zombie.

    With the pid it names a process for ever, though pids are used again.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else int(fields[18])


def kill_process(pid: int, *, seconds: float = 30) -> None:
    """Kill a process that isn't our child and wait until it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + seconds
    while start_time(pid) is not None and time.monotonic() < end:
        time.sleep(0.02)


def run(argv: Sequence[str], *, seconds: float = 120) -> str:
    """Run a program to its end and return its stdout.

    Raises:
        StartError: It failed; with its stderr.
    """
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise StartError(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stderr or done.stdout}")
    return done.stdout
