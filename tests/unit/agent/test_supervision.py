"""Who answers at a Unix socket: what the extension of supervisor goes by."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.supervision import is_descendant, server_at

SERVER = """
import os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
print(os.getpid(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def address(tmp_path: Path) -> str:
    return str(tmp_path / "socket")


@pytest.fixture
def server(address: str) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", SERVER, address]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert int(process.stdout.readline()) == process.pid
        yield process
        process.kill()


def test_nothing_answers_where_nothing_is(address: str) -> None:
    assert server_at(address) == 0


def test_nothing_answers_at_what_a_dead_server_left(address: str) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(address)
    assert Path(address).is_socket()
    assert server_at(address) == 0


def test_a_server_is_known_by_its_pid(address: str, server: subprocess.Popen[str]) -> None:
    assert server_at(address) == server.pid


def test_a_server_counts_for_who_started_it_and_for_nobody_else(server: subprocess.Popen[str]) -> None:
    assert is_descendant(server.pid, os.getpid())
    assert not is_descendant(os.getpid(), server.pid)
    assert not is_descendant(0, os.getpid())


def test_a_process_that_is_gone_descends_from_nobody() -> None:
    with subprocess.Popen(["true"]) as process:
        pass
    assert not is_descendant(process.pid, os.getpid())
