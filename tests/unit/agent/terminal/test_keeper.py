"""What a session prints is kept within a bound, the newest of it always."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.terminal import keeper, rendering


def numbers(count: int) -> bytes:
    return b"".join(b"%08d\n" % number for number in range(count))


def both(file: Path) -> bytes:
    return rendering.tail(file, largest_bytes=100_000_000)


def test_a_fast_program_keeps_its_newest_bytes_within_the_bound(tmp_path: Path) -> None:
    file = tmp_path / "output.log"
    printed = numbers(400_000)
    command = [sys.executable, "-I", "-S", keeper.__file__, str(file), "1000000"]
    subprocess.run(command, input=printed, check=True, timeout=60)

    kept = both(file)

    assert printed.endswith(kept)
    assert 500_000 <= len(kept) <= 1_000_000
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["output.log", "output.log.1"]


def test_another_launch_goes_on_behind_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "output.log"
    for word in (b"first ", b"second"):
        log = keeper.Log(file, 100)
        log.add(word)
        assert log.write()
    assert both(file) == b"first second"


def test_what_a_full_disk_does_not_take_waits_and_the_oldest_of_too_much_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "WAITING_BYTES", 9)
    folder = tmp_path / "folder"
    log = keeper.Log(folder / "output.log", 100)
    log.add(b"0123456789")
    assert not log.write()
    log.add(b"ab")
    folder.mkdir()
    assert log.write()
    assert both(folder / "output.log") == b"3456789ab"


def test_it_ends_with_its_source_and_writes_what_it_has(tmp_path: Path) -> None:
    source, end = os.pipe()
    os.write(end, b"last words")
    os.close(end)
    keeper.keep(keeper.Log(tmp_path / "output.log", 100), source)
    os.close(source)
    assert both(tmp_path / "output.log") == b"last words"
