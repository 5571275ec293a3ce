"""`kubecoder` on a terminal of its own, typed at and read like a person does."""

from __future__ import annotations

import os
import pty
import select
import signal
import struct
import termios
import time
from fcntl import ioctl

from tests.rigs.cli import Cli

SECONDS = 60.0


def telling_size(rows: int, columns: int) -> str:
    """Return what is typed into a shell so that it prints `size=ROWS COLUMNS` as soon as its terminal has that size.

    The kubelet takes sizes on a channel of their own, which may come behind what is typed.
    """
    return f"until [ \"$(stty size)\" = '{rows} {columns}' ]; do sleep 0.1; done; echo size=$(stty size)\n"


class Terminal:
    """A process of `kubecoder` that believes to be looked at.

    Attributes:
        pid: The process.
        shown: All that it has written and that was waited for.
    """

    def __init__(self, cli: Cli, *argv: str, lines: int = 50, columns: int = 160) -> None:
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            os.environ.update(cli.environment)
            os.execv(cli.command()[0], cli.command(*argv))
        self.resize(lines, columns)
        self._seen = b""
        self.shown = b""

    def resize(self, lines: int, columns: int) -> None:
        """Change the size, of which the process hears."""
        ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._descriptor, text.encode())

    def wait_for(self, text: str, *, seconds: float = SECONDS) -> None:
        """Wait until a text is shown after the one that was waited for before."""
        deadline = time.monotonic() + seconds
        while text.encode() not in self._seen:
            ready, _, _ = select.select([self._descriptor], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{text!r} not in {self._seen!r}"
            self._read(text)
        self._seen = self._seen.partition(text.encode())[2]

    def close(self) -> int:
        """Wait for the end; give the exit code."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self._descriptor)
        self._descriptor = -1
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        """End it if it still runs."""
        if self._descriptor != -1:
            os.kill(self.pid, signal.SIGKILL)
            self.close()

    def _read(self, text: str) -> None:
        try:
            data = os.read(self._descriptor, 65536)
        except OSError as error:  # the process has ended
            raise AssertionError(f"{text!r} not in {self._seen!r} at its end") from error
        self._seen += data
        self.shown += data
