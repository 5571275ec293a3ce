"""`kubecoder local` and `kubecoder demo` as processes, in a HOME and data folder of a test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubecoder.local import processes
from tests.rigs import claude

SECONDS = 180


@dataclass(frozen=True)
class LocalCli:
    """The command line on a machine that has Claude Code on its PATH, and nothing of the person who runs the tests."""

    directory: Path

    @property
    def data(self) -> Path:
        return self.directory / "data" / "kubecoder"

    @property
    def root(self) -> Path:
        return self.data / "local"

    def environment(self, **more: str) -> dict[str, str]:
        programs = self.directory / "bin"
        programs.mkdir(exist_ok=True)
        if not (programs / "claude").exists():
            (programs / "claude").symlink_to(claude.program())
        home = self.directory / "home"
        home.mkdir(exist_ok=True)
        return {
            **claude.environment(home, "http://127.0.0.1:9"),
            "PATH": f"{programs}:{os.environ['PATH']}",
            "XDG_DATA_HOME": str(self.directory / "data"),
            **more,
        }

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "kubecoder", *arguments],
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def status(self) -> Any:
        return json.loads(self.run("local", "status", "-o", "json").stdout)

    def left(self) -> dict[int, str]:
        """Return every process of every workspace of this test."""
        demos = (self.data / "demo").glob("*") if (self.data / "demo").is_dir() else ()
        return {pid: start for root in (self.root, *demos) for pid, start in processes.marked(root).items()}

    def end(self) -> None:
        """End what is left, however the test went."""
        for pid, started in self.left().items():
            processes.end(pid, started, seconds=2)
