"""Claude's sessions file: whose it is, and nothing but None for what can't be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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
