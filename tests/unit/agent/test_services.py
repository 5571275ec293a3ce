from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import ServiceNotFoundError, UnavailableError
from agent.services.lastlines import LINE_CHARACTERS, LINES, READ_BYTES, last_lines
from agent.services.record import MANY_RESTARTS, RECENT_SECONDS, Record
from agent.services.services import Services
from agent.services.supervisor import Process, Supervisor, SupervisorError

PROCESS = Process("terminal", "running", 7, 1000, 0, 0, "", None)


def test_the_end_of_a_log_is_plain_text_of_a_bounded_length(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(
        b"".join(b"line %d\n" % number for number in range(5000))
        + b"\x1b[31mred\x1b[0m \x1b]0;a title\x07\x00\x9b\xff\n\n"
        + b"x" * 2000
    )
    lines = last_lines(log)
    assert len(lines) == LINES
    assert lines[-2] == "red \ufffd\ufffd"
    assert lines[-1] == "x" * LINE_CHARACTERS
    log.write_bytes("€".encode() * READ_BYTES)
    assert len(last_lines(log)) == 1


def test_the_log_before_is_read_where_the_new_one_has_just_begun(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text("new\n")
    (tmp_path / "x.log.1").write_text("older\nold\n")
    assert last_lines(tmp_path / "x.log") == ("older", "old", "new")
    assert last_lines(tmp_path / "y.log") == ()
    assert last_lines(tmp_path) == ()


def test_a_service_that_comes_back_by_itself_is_counted() -> None:
    record = Record()
    record.saw(PROCESS)
    record.saw(PROCESS)
    assert record.restarts == 0
    for number in range(1, MANY_RESTARTS + 1):
        assert not record.is_failing(1000)
        record.saw(replace(PROCESS, started=1000 + number))
    # What was asked earlier and is answered later.
    record.saw(PROCESS)
    assert record.restarts == MANY_RESTARTS
    assert record.is_failing(1000 + MANY_RESTARTS)
    assert not record.is_failing(1000 + 1 + RECENT_SECONDS)


def test_a_restart_that_was_asked_for_is_no_failure() -> None:
    record = Record()
    record.saw(PROCESS)
    record.expect_start()
    record.saw(replace(PROCESS, started=1001))
    assert record.restarts == 0
    record.saw(replace(PROCESS, started=1002))
    assert record.restarts == 1


def test_a_service_fails_until_it_has_run() -> None:
    record = Record()
    record.saw(replace(PROCESS, state="backoff"))
    record.saw(replace(PROCESS, state="starting", started=1001))
    assert record.is_failing(1001)
    record.saw(replace(PROCESS, started=1001))
    assert not record.is_failing(1001)


@pytest.fixture
def strange_socket(tmp_path: Path) -> Iterator[Path]:
    """A socket that answers every connection with something else than HTTP."""
    path = tmp_path / "supervisor.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def answer() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"nonsense\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield path
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_a_supervisor_that_answers_nonsense_is_unavailable(strange_socket: Path) -> None:
    with pytest.raises(SupervisorError):
        Supervisor(strange_socket).processes()


def test_without_a_supervisor_there_are_no_services(tmp_path: Path) -> None:
    services = Services(Supervisor(tmp_path / "none"), changed=lambda: None)
    found = asyncio.run(services.show())
    assert (found.supervised, found.services, services.counted()) == (False, (), [])
    with pytest.raises(ServiceNotFoundError):
        asyncio.run(services.restart("terminal"))


def test_a_supervisor_that_cannot_tell_is_said_and_looked_for_again(strange_socket: Path) -> None:
    services = Services(Supervisor(strange_socket), changed=lambda: None)
    with pytest.raises(UnavailableError):
        asyncio.run(services.show())
