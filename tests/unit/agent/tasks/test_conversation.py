"""A conversation's transcripts: every line is read once, whichever file it is in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.tasks import conversation
from agent.tasks.conversation import Conversation


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "projects" / "-home-dev"
    folder.mkdir(parents=True)
    return folder


def say(file: Path, text: str, tokens: int = 1) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    message = {
        "id": text,
        "model": "claude-test",
        "content": [{"type": "text", "text": text}],
        "usage": {"output_tokens": tokens},
    }
    line = {"type": "assistant", "timestamp": "2026-11-26T10:00:00Z", "message": message}
    with file.open("a") as transcript:
        transcript.write(json.dumps(line) + "\n")


def test_lines_are_read_once_and_as_they_come(tmp_path: Path, project: Path) -> None:
    followed = Conversation(tmp_path, "one")
    assert list(followed.read()) == []
    say(project / "one.jsonl", "first")
    assert [line["message"]["id"] for line in followed.read()] == ["first"]
    say(project / "one.jsonl", "second")
    assert [line["message"]["id"] for line in followed.read_all()] == ["second"]
    assert list(followed.read()) == []


def test_what_was_said_last_before_a_clear_is_not_lost(tmp_path: Path, project: Path) -> None:
    followed = Conversation(tmp_path, "one")
    say(project / "one.jsonl", "first", tokens=5)
    assert len(list(followed.read())) == 1
    say(project / "one.jsonl", "last", tokens=7)
    followed.switch("two")
    say(project / "two.jsonl", "anew", tokens=11)
    assert [line["message"]["id"] for line in followed.read()] == ["anew"]
    assert [line["message"]["id"] for line in followed.read_beside()] == ["last"]
    assert list(followed.read_beside()) == []
    assert (followed.session_id, followed.usage.output_tokens) == ("two", 23)


def test_what_subagents_say_comes_beside(tmp_path: Path, project: Path) -> None:
    followed = Conversation(tmp_path, "one")
    say(project / "one.jsonl", "first")
    assert len(list(followed.read())) == 1
    say(project / "one" / "subagents" / "agent-a.jsonl", "by an agent", tokens=3)
    assert [line["message"]["id"] for line in followed.read_beside()] == ["by an agent"]
    assert followed.usage.output_tokens == 4


def test_a_whole_conversation_is_told_in_the_order_of_time(tmp_path: Path, project: Path) -> None:
    say(project / "one.jsonl", "first")
    say(project / "one" / "subagents" / "agent-a.jsonl", "by an agent")
    assert [entry.text for entry in conversation.entries(tmp_path, "one")] == ["first", "by an agent"]
    assert conversation.entries(tmp_path, "two") == ()
