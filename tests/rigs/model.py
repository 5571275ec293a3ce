"""The scripted model in a process of its own, and what it saw."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.demo import observer
from tests.rigs.processes import ProcessSet, RunningProcess
from tests.rigs.waiting import wait_until


@dataclass(frozen=True)
class Model:
    """A running scripted model."""

    process: RunningProcess
    address: str
    log: Path

    def seen(self) -> list[dict[str, Any]]:
        """Return its log, as `agent.demo.observer` writes it."""
        return observer.read(self.log)

    def prompts(self) -> list[str]:
        """Return every text that it was given, in order."""
        return observer.prompts(self.seen())


@contextlib.contextmanager
def running_model(directory: Path) -> Iterator[Model]:
    """Run the scripted model until the end of the block."""
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "model.jsonl"
    with ProcessSet(directory / "logs") as processes:
        argv = [sys.executable, "-m", "agent.demo", "--log", str(log)]
        process = processes.start("model", argv, directory=Path.cwd(), patience=3)

        def address() -> str:
            process.check()
            lines = process.log_lines()
            return str(json.loads(lines[0])["address"]) if lines else ""

        yield Model(process, wait_until(address, what="the scripted model listens", seconds=20, every=0.02), log)
