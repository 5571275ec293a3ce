"""`kubecoder local`: up, status and down of the real agent on this machine."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from kubecoder.local import processes
from tests.agent.localworkspace import LocalCli
from tests.rigs import Unavailable, claude
from tests.rigs.raw_http import Answer, send


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[LocalCli]:
    try:
        claude.program()
    except Unavailable as reason:
        pytest.skip(str(reason))
    local = LocalCli(tmp_path)
    yield local
    local.end()


def open_link(link: str, cookie: str = "") -> Answer:
    parts = urlsplit(link)
    headers = [("Cookie", cookie)] if cookie else []
    return send(parts.netloc, "GET", f"{parts.path}?{parts.query}", headers, host=parts.netloc)


def up(cli: LocalCli) -> str:
    done = cli.run("local", "up")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_link_signs_in_once_and_another_up_gives_another(cli: LocalCli) -> None:
    first = up(cli)
    pid = cli.status()["pid"]
    answer = open_link(first)
    (name, value), *_ = answer.cookies().items()
    assert answer.status == 200
    host = urlsplit(first).netloc
    assert send(host, "GET", "/oauth/api/session", [("Cookie", f"{name}={value}")], host=host).json()["user"] == "local"
    assert open_link(first).status == 401
    second = up(cli)
    assert (second != first, open_link(second).status, cli.status()["pid"]) == (True, 200, pid)


def test_its_files_are_for_their_owner_alone(cli: LocalCli) -> None:
    up(cli)
    assert stat.S_IMODE(cli.root.stat().st_mode) == 0o700
    modes = {name: stat.S_IMODE((cli.root / name).stat().st_mode) for name in ("token", "workspace.json", "agent.log")}
    assert set(modes.values()) == {0o600}


def test_the_task_commands_reach_it(cli: LocalCli) -> None:
    up(cli)
    done = cli.run("task", "list", "-u", "local", "-o", "json")
    assert done.returncode == 0, done.stderr


def test_down_ends_it_and_a_second_one_finds_nothing(cli: LocalCli) -> None:
    up(cli)
    assert cli.run("local", "down").returncode == 0
    assert (cli.left(), cli.status()["state"]) == ({}, "down")
    assert not (cli.root / "workspace.json").exists()
    assert "down already" in cli.run("local", "down").stderr


def test_purge_asks_and_removes_the_files(cli: LocalCli) -> None:
    up(cli)
    refused = cli.run("local", "down", "--purge")
    assert (refused.returncode, cli.status()["state"]) == (2, "up")
    assert cli.run("local", "down", "--purge", "--yes").returncode == 0
    assert not cli.root.exists()


def test_a_killed_agent_is_told_and_started_again_on_its_port(cli: LocalCli) -> None:
    link = up(cli)
    os.kill(cli.status()["pid"], signal.SIGKILL)
    assert processes.wait_until(lambda: cli.status()["state"] == "down", 10)
    assert urlsplit(up(cli)).netloc == urlsplit(link).netloc


def test_a_process_that_is_not_ours_is_left_alone(cli: LocalCli) -> None:
    """A pid in the file that somebody else has now is nobody's that we may end."""
    up(cli)
    file = cli.root / "agent.json"
    pid = cli.status()["pid"]
    file.write_text(file.read_text().replace(f'"pid": {pid}', f'"pid": {os.getpid()}'))
    assert cli.run("local", "down", "--yes").returncode == 0
    assert cli.left() == {}
