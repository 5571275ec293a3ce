"""Processes of the command line without its start-up: forked from one that has imported everything.

Run as a program, this module is that one: it reads one request per line and answers with the pid, then the exit code.
It has a single thread, which is what makes forking it safe.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

ROOT = Path(__file__).parent.parent.parent


class Child:
    """One run of the command line.

    Attributes:
        pid: Its process id.
        output: The file that gets its stdout and stderr.
    """

    def __init__(self, pid: int, output: Path) -> None:
        self.pid = pid
        self.output = output
        self._ended = threading.Event()
        self._exit_code = 0

    def kill(self) -> None:
        """Send SIGKILL and return when the process is gone: it sends nothing any more."""
        os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def wait(self, seconds: float = 120) -> int:
        """Return the exit code, or the negative number of the signal that ended it."""
        if not self._ended.wait(seconds):
            os.kill(self.pid, signal.SIGKILL)
            raise TimeoutError(f"kubecoder didn't end in {seconds} s:\n{self.output.read_text()}")
        return self._exit_code

    def set_ended(self, exit_code: int) -> None:
        """Let all who wait go on."""
        self._exit_code = exit_code
        self._ended.set()


class ForkServer:
    """Starts one run after another; for two at a time, make two."""

    def __enter__(self) -> Self:
        argv = [sys.executable, "-m", "tests.rigs.forking"]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self._reader: threading.Thread | None = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()  # closes its stdin, which ends it
        if self._reader is not None:
            self._reader.join()

    def start(self, *argv: str, environment: Mapping[str, str], output: Path) -> Child:
        """Start a run once the one before has ended."""
        assert self._process.stdin is not None
        if self._reader is not None:
            self._reader.join()
        request = {"argv": argv, "environment": dict(environment), "output": str(output)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        child = Child(self._answer()["pid"], output)
        self._reader = threading.Thread(target=lambda: child.set_ended(self._answer()["exit"]), name="fork-server")
        self._reader.start()
        return child

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def _serve() -> None:
    _import_everything()
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if not pid:
            _run(request)
        print(json.dumps({"pid": pid}), flush=True)
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"exit": os.waitstatus_to_exitcode(status)}), flush=True)


def _import_everything() -> None:
    import kubernetes.config  # noqa: F401

    import kubecoder.cli.commands
    import kubecoder.cli.main
    import kubecoder.cluster
    import kubecoder.fleet
    import kubecoder.render
    import kubecoder.rollout.deploy

    for entry in kubecoder.cli.commands.ENTRIES:
        kubecoder.cli.commands.load(entry.name)


def _run(request: Any) -> NoReturn:
    from kubecoder.cli.main import main

    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(request["environment"])
    sys.argv = ["kubecoder", *request["argv"]]
    exit_code: Any = 0
    try:
        main()
    except SystemExit as end:
        exit_code = end.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(exit_code)


if __name__ == "__main__":
    _serve()
