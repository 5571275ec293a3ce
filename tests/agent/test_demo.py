"""`kubecoder demo`: the newcomer's first minute, on the real Claude Code."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.localworkspace import SECONDS, LocalCli
from tests.rigs import Unavailable, claude


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[LocalCli]:
    try:
        claude.program()
    except Unavailable as reason:
        pytest.skip(str(reason))
    local = LocalCli(tmp_path)
    yield local
    local.end()


@pytest.mark.parametrize("version", claude.VERSIONS)
def test_once_tells_each_step_and_leaves_no_process(cli: LocalCli, version: str) -> None:
    (cli.directory / "bin").mkdir()
    (cli.directory / "bin" / "claude").symlink_to(claude.program(version))
    done = cli.run("demo", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == ["model", "workspace", "dashboard", "task", "asked", "allowed", "written", "idle", "usage", "ended"]
    assert f"Claude Code {version}" in done.stdout
    assert "scripted model" in done.stderr
    assert cli.left() == {}
    (file,) = (cli.data / "demo").glob("*/home/project/hello.txt")
    assert file.read_text() == "Hello from kubecoder\n"


def test_a_step_that_does_not_happen_is_told_and_everything_ends(cli: LocalCli) -> None:
    (cli.directory / "bin").mkdir()
    (cli.directory / "bin" / "claude").symlink_to("/bin/false")
    done = cli.run("demo", "--once")
    assert done.returncode == 1
    assert "error: step " in done.stderr
    assert "the logs are in" in done.stderr
    assert cli.left() == {}


def test_it_stays_until_ctrl_c(cli: LocalCli) -> None:
    command = [sys.executable, "-m", "kubecoder", "demo"]
    with subprocess.Popen(
        command, env=cli.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        try:
            assert running.stdout is not None
            for line in running.stdout:
                if line.startswith("A link that signs in"):
                    break
            assert cli.left()
            running.send_signal(signal.SIGINT)
            assert (running.wait(SECONDS), "none is left" in running.stdout.read()) == (0, True)
        finally:
            running.kill()
    assert cli.left() == {}
