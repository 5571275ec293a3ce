"""Run a command as a whole process and tell what it cost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What one process took.

    Attributes:
        seconds: Wall time.
        cpu_seconds: User and system time of it and its children.
        peak_bytes: Its largest resident set.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    stdout: str


def run(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Run to the end.

    Raises:
        RuntimeError: It failed; with what it said.
    """
    started = time.monotonic()
    with subprocess.Popen(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        # What is told on stderr fits the pipe; stdout may be long.
        stdout = process.stdout.read()
        stderr = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    if process.returncode:
        raise RuntimeError(f"{' '.join(argv)}: exit code {process.returncode}\n{stderr.decode()[-4000:]}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, stdout.decode())


def median_of(times: int, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Run once to warm up, then several times; give the run of median wall time."""
    run(argv, environment)
    costs = sorted((run(argv, environment) for _ in range(times)), key=lambda cost: cost.seconds)
    return costs[len(costs) // 2]


def kubecoder(*argv: str) -> list[str]:
    """Return the argv that runs this checkout's `kubecoder`."""
    return [sys.executable, "-c", "from kubecoder.cli.main import main; main()", *argv]
