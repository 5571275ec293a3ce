"""The transcript: read as it grows, whole lines only, and what they show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.claude import transcript
from agent.claude.evidence import (
    Absorbed,
    AssistantLine,
    Dequeued,
    Enqueued,
    Evidence,
    InterruptMarked,
    PermissionDecided,
    ToolResultLine,
    UserLine,
)
from agent.claude.usage import UsageCounter
from tests.unit.agent.claude.samples import VERSIONS, everything, seen
from tests.unit.agent.claude.test_hookevents import JSON

KEYS = ("type", "message", "timestamp", "content", "operation", "reason", "attachment", "isMeta", "promptSource")
TYPES = ("user", "assistant", "system", "queue-operation", "attachment", "cost-state")
BLOCKS = st.dictionaries(st.sampled_from(["type", "text", "tool_use_id", "id", "name", "input", "content"]), JSON)
MESSAGES = JSON | st.fixed_dictionaries(
    {"content": st.lists(BLOCKS, max_size=3)}, optional={"usage": JSON, "id": JSON, "model": JSON}
)
LINES = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES) | JSON},
    optional={**dict.fromkeys(KEYS[2:], JSON), "message": MESSAGES, "totalCostUSD": JSON},
)


def shown(version: str, scene: str, kind: type[Evidence]) -> list[Any]:
    lines = seen(version, scene, "transcript")
    return [each for line in lines for each in transcript.evidence(line) if isinstance(each, kind)]


@given(
    lines=st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3), max_size=8),
    cuts=st.lists(st.integers(0, 600), max_size=8),
)
def test_no_line_is_lost_or_doubled_however_the_file_grows(
    tmp_path_factory: pytest.TempPathFactory, lines: list[dict[str, str]], cuts: list[int]
) -> None:
    file = tmp_path_factory.mktemp("tail") / "a.jsonl"
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    tail = transcript.Tail(file)
    read: list[Any] = []
    written = 0
    for cut in [*sorted(min(cut, len(content)) for cut in cuts), len(content)]:
        with file.open("ab") as growing:
            growing.write(content[written:cut])
        written = cut
        read += tail.read()
        assert not tail.has_news()
    assert read == lines
    assert tail.read() == []


def test_a_file_of_many_pieces_is_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "READ_BYTES", 7)
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps({"n": number}) + "\n" for number in range(100)) + '{"n": ')
    tail = transcript.Tail(file)
    assert [line["n"] for line in tail.read_all()] == list(range(100))
    assert list(tail.read_all()) == []


def test_what_is_no_object_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'\n[1]\n{broken\n\xff\xfe\n{"a": 1}\n' + b"[" * 100_000 + b"\n")
    assert transcript.Tail(file).read() == [{"a": 1}]


def test_half_a_surrogate_pair_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"type": "user", "message": {"content": "a\\ud83d b \\ud83d\\ude00"}}\n')
    (line,) = transcript.Tail(file).read()
    (entry,) = transcript.entries(line)
    assert entry.text == "a? b 😀"


def test_a_file_that_is_not_there_yet_has_no_lines(tmp_path: Path) -> None:
    tail = transcript.Tail(tmp_path / "later.jsonl")
    assert tail.read() == []
    assert not tail.has_news()
    assert list(tail.read_all()) == []


def test_a_conversation_is_found_by_its_id_only(tmp_path: Path) -> None:
    folder = tmp_path / "projects" / "-home-dev"
    folder.mkdir(parents=True)
    (folder / "abc.jsonl").write_text("{}\n")
    assert transcript.find(tmp_path, "abc") == folder / "abc.jsonl"
    for other in ("ab", "", "../abc", "x/abc"):
        assert transcript.find(tmp_path, other) is None


def test_every_line_that_was_ever_seen_can_be_read() -> None:
    lines = list(everything("transcript"))
    assert len(lines) > 300
    counter = UsageCounter()
    for line in lines:
        for each in transcript.evidence(line):
            assert each.at > 1_700_000_000
        transcript.entries(line)
        counter.add(line)


@given(LINES)
def test_no_line_is_an_error(line: dict[str, Any]) -> None:
    line = json.loads(json.dumps(line).encode("ascii", "replace"))
    transcript.evidence(line)
    transcript.entries(json.loads(json.dumps(line, ensure_ascii=False).encode(errors="replace")))
    counter = UsageCounter()
    counter.add(line)
    counter.usage()


@pytest.mark.parametrize("version", VERSIONS)
def test_queued_messages_are_taken_in_order(version: str) -> None:
    enqueued = shown(version, "queued", Enqueued)
    assert [each.text.split(".")[0] for each in enqueued] == ["Message 1", "Message 2"]
    assert len(shown(version, "queued", Dequeued)) == 2
    delivered = [each for each in shown(version, "queued", UserLine) if each.text.startswith("Message")]
    assert [each.text.split(".")[0] for each in delivered] == ["Message 1", "Message 2"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_message_during_a_command_is_absorbed(version: str) -> None:
    texts = " ".join(each.text for each in shown(version, "absorbed", Absorbed))
    assert "Meanwhile 1." in texts
    assert "Meanwhile 2," in texts


@pytest.mark.parametrize("version", VERSIONS)
def test_an_interrupt_is_marked(version: str) -> None:
    assert [each.for_tool_use for each in shown(version, "interrupted", InterruptMarked)] == [False]
    (refused,) = shown(version, "refused_in_terminal", InterruptMarked)
    assert (refused.for_tool_use, refused.is_of_reply) == (True, False)


def test_the_mark_of_a_tool_that_ran_names_the_reply() -> None:
    text = {"type": "text", "text": "[Request interrupted by user for tool use]"}
    line = {"type": "user", "message": {"content": [text]}, "interruptedMessageId": "msg_1"}
    assert transcript.evidence(line) == [InterruptMarked(0.0, for_tool_use=True, is_of_reply=True)]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_decision_of_the_hook_names_its_call(version: str) -> None:
    (call,) = [each for each in shown(version, "denied", AssistantLine) if each.tool_use_ids]
    (result,) = shown(version, "denied", ToolResultLine)
    assert call.tool_use_ids == (result.tool_use_id,)
    assert result.is_error
    for decided in shown(version, "denied", PermissionDecided):
        assert (decided.tool_use_id, decided.decision) == (result.tool_use_id, "deny")


@pytest.mark.parametrize("version", VERSIONS)
def test_an_api_error_is_no_answer_of_the_model(version: str) -> None:
    assert [each.error for each in shown(version, "failed", AssistantLine) if each.error]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_notice_of_background_work_is_no_prompt_of_a_person(version: str) -> None:
    lines = [each for each in shown(version, "background", UserLine) if each.text.startswith("<task-notification>")]
    assert {each.prompt_source for each in lines} <= {"system"}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_message_of_the_model_is_counted_once(version: str) -> None:
    lines = [line for scene in ("first_prompt", "allowed") for line in seen(version, scene, "transcript")]
    counter, twice = UsageCounter(), UsageCounter()
    expected: dict[str, int] = {}
    for line in lines:
        counter.add(line)
        twice.add(line)
        twice.add(line)
        if line["type"] == "assistant":
            expected[line["message"]["id"]] = line["message"]["usage"]["output_tokens"]
    assert counter.usage() == twice.usage()
    assert counter.usage().output_tokens == sum(expected.values()) > 0


def test_claudes_own_words_cost_nothing_and_its_figure_of_the_cost_counts() -> None:
    counter = UsageCounter()
    usage = {"input_tokens": 5, "output_tokens": 5}
    counter.add({"type": "assistant", "message": {"id": "m", "model": "<synthetic>", "usage": usage}})
    assert (counter.usage().output_tokens, counter.usage().cost_usd) == (0, None)
    counter.add({"type": "cost-state", "totalCostUSD": 0.25})
    counter.add({"type": "cost-state", "totalCostUSD": 10**400})
    counter.add({"type": "cost-state", "totalCostUSD": float("nan")})
    assert counter.usage().cost_usd == 0.25
