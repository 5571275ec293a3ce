"""Claude's sessions file: whose it is, and nothing but None for what can't be read."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.claude import sessionsfile
from agent.claude.evidence import StatusSeen
from tests.unit.agent.claude.samples import everything
from tests.unit.agent.claude.test_hookevents import JSON

KEYS = ("status", "waitingFor", "sessionId", "statusUpdatedAt", "updatedAt", "startedAt", "procStart")


def write(folder: Path, document: Any) -> Path:
    file = sessionsfile.path_for(folder, 12)
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(document))
    return file


def test_every_file_that_was_ever_seen_can_be_read(tmp_path: Path) -> None:
    documents = [each for each in everything("status") if each]
    assert len(documents) > 50
    for document in documents:
        seen = sessionsfile.read(write(tmp_path, document), started=int(document["procStart"]))
        assert seen is not None
        assert seen.session_id == document["sessionId"]
        assert seen.status == document.get("status", "")
        assert seen.waiting_for == document.get("waitingFor", "")


def test_the_time_is_that_of_the_status(tmp_path: Path) -> None:
    file = write(tmp_path, {"status": "idle", "sessionId": "s", "statusUpdatedAt": 1500, "updatedAt": 9000})
    assert sessionsfile.read(file) == StatusSeen(1.5, status="idle", waiting_for="", session_id="s")


def test_the_file_of_another_process_with_the_same_pid_is_no_evidence(tmp_path: Path) -> None:
    file = write(tmp_path, {"status": "busy", "procStart": "100", "updatedAt": 1})
    assert sessionsfile.read(file, started=100) is not None
    assert sessionsfile.read(file, started=101) is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"status": "id', b"[]", b"null", b"\xff", b"[" * 90_000, b" " * 200_000]
)
def test_a_torn_file_is_none(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "12.json"
    file.write_bytes(content)
    assert sessionsfile.read(file) is None
    assert sessionsfile.read(tmp_path / "13.json") is None


@given(document=st.dictionaries(st.sampled_from(KEYS), JSON) | JSON)
def test_no_document_is_an_error(tmp_path_factory: pytest.TempPathFactory, document: Any) -> None:
    sessionsfile.read(write(tmp_path_factory.getbasetemp(), document), started=5)


def write_status(path: Path, status: str) -> None:
    path.write_text(json.dumps({"status": status, "statusUpdatedAt": 1_700_000_000_000}))


def test_a_watched_file_that_changes_within_one_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "1.json"
    write_status(path, "busy")
    # Later than any look, so that a slow machine doesn't take it for settled.
    tick = time.time() + 100
    os.utime(path, (tick, tick))
    watched = sessionsfile.Watched(path)
    for status in ("idle", "busy", "idle"):
        assert (seen := watched.read()) is not None
        assert seen.status != status
        write_status(path, status)
        os.utime(path, (tick, tick))
        assert (seen := watched.read()) is not None
        assert seen.status == status


def test_a_watched_file_that_has_settled_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "1.json"
    write_status(path, "busy")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    watched = sessionsfile.Watched(path)
    first = watched.read()
    assert first is not None
    with mock.patch.object(sessionsfile, "read", side_effect=AssertionError):
        assert watched.read() is first
    write_status(path, "idle")
    assert (seen := watched.read()) is not None
    assert seen.status == "idle"
    path.unlink()
    assert watched.read() is None
