"""The public streaming format."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.demo.reply import Act, Broken, Memory, Pause, Reply, Reset, Text, Thinking, ToolUse, reply_to
from agent.demo.steps import write
from agent.demo.streaming import ConnectionResetWanted, Player
from tests.unit.agent.demo.conversations import play, request, said, user

ACT: st.SearchStrategy[Act] = st.one_of(
    st.builds(Text, st.text()),
    st.builds(Text, st.text(), st.just(1e6)),
    st.builds(Thinking, st.text()),
    st.builds(ToolUse, st.just("toolu_1"), st.just("Bash"), st.dictionaries(st.text(), st.text())),
    st.builds(Pause, st.just(0.0)),
)


@given(st.lists(ACT))
def test_blocks_open_and_close_in_order_within_one_message(acts: list[Act]) -> None:
    events = play(Reply(acts))
    kinds = [event["type"] for event in events if event["type"] != "ping"]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    open_block = None
    count = 0
    for event in events:
        if event["type"] == "content_block_start":
            assert open_block is None
            assert event["index"] == count
            open_block = count
            count += 1
        elif event["type"] == "content_block_delta":
            assert event["index"] == open_block
        elif event["type"] == "content_block_stop":
            assert event["index"] == open_block
            open_block = None
    assert open_block is None
    assert count == len([act for act in acts if not isinstance(act, Pause)])


@given(st.text(), st.none() | st.just(1e6))
def test_the_pieces_of_a_text_are_the_text(text: str, rate: float | None) -> None:
    deltas = [event["delta"] for event in play(Reply([Text(text, rate)])) if event["type"] == "content_block_delta"]
    assert "".join(delta["text"] for delta in deltas) == text


@given(st.dictionaries(st.text(), st.text(), min_size=1))
def test_the_pieces_of_a_call_are_its_input(given_input: dict[str, str]) -> None:
    events = play(Reply([ToolUse("toolu_1", "Bash", given_input)], "tool_use"))
    pieces = [event["delta"]["partial_json"] for event in events if event["type"] == "content_block_delta"]
    assert json.loads("".join(pieces)) == given_input
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


def test_an_error_ends_the_stream_in_the_middle_of_its_block() -> None:
    kinds = [event["type"] for event in play(Reply([Text("a"), Broken("overloaded_error", "busy", "f"), Text("b")]))]
    assert kinds == ["message_start", "content_block_start", "content_block_delta", "error"]


def test_a_reset_ends_the_stream_without_an_end() -> None:
    with pytest.raises(ConnectionResetWanted):
        play(Reply([Text("a"), Reset("f")]))


def test_the_whole_message_holds_what_the_stream_does() -> None:
    acts: list[Act] = [Thinking("hm"), Text("Hi."), ToolUse("toolu_1", "Bash", {"command": "ls"})]

    async def whole() -> dict[str, Any]:
        return await Player(request(user("x")), Reply(acts, "tool_use"), lambda _fault: None).message()

    message = asyncio.run(whole())
    assert [block["type"] for block in message["content"]] == ["thinking", "text", "tool_use"]
    assert message["stop_reason"] == "tool_use"
    assert message["model"] == "claude-test"


def test_usage_grows_with_the_conversation_and_reads_the_earlier_part_from_the_cache() -> None:
    def usage(*messages: dict[str, Any]) -> dict[str, int]:
        asked = request(*messages)
        player = Player(asked, reply_to(asked, Memory()), lambda _fault: None)

        async def run() -> None:
            async for _event in player.events():
                pass

        asyncio.run(run())
        return player.usage.document()

    first = usage(user(write(["word " * 400])))
    second = usage(user("a" * 4000), said("b"), user(write(["c"])))
    assert first["cache_read_input_tokens"] == 0
    assert first["output_tokens"] >= 500
    assert second["cache_read_input_tokens"] >= 1000
    assert second["input_tokens"] > 0
