"""What the rigs' own processes tell of themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.rigs.processes import RunningProcess


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        (b"", []),
        (b'{"half', []),
        (b"one\n", ["one"]),
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\n\xc3", ["one"]),
        (b"\none\n\n", ["", "one", ""]),
    ],
)
def test_a_line_that_is_half_written_is_not_in_the_log_yet(tmp_path: Path, written: bytes, lines: list[str]) -> None:
    log = tmp_path / "log"
    log.write_bytes(written)
    with subprocess.Popen([sys.executable, "-c", ""]) as popen:
        assert RunningProcess("agent", popen, log, 0).log_lines() == lines
