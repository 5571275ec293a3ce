"""Server-Sent Events are read as the HTML standard says, however the bytes arrive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubecoder.agentclient import sse
from kubecoder.agentclient.sse import BrokenStreamError, ServerSentEvent, events

TEXT = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30)
NAMES = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1, max_size=8)


def read(*chunks: bytes) -> list[ServerSentEvent]:
    return list(events(chunks))


def test_an_event_has_a_name_an_id_and_its_data() -> None:
    assert read(b"id: 7\nevent: task\ndata: {}\n\n") == [ServerSentEvent("task", "{}", "7")]


def test_lines_of_data_are_joined_and_one_space_is_dropped() -> None:
    assert read(b"data: one\ndata:two\ndata:  three\n\n") == [ServerSentEvent("message", "one\ntwo\n three", "")]


def test_comments_and_unknown_fields_are_left_out() -> None:
    assert read(b": beat\n\nretry: 10\n: beat\ndata: x\n\n") == [ServerSentEvent("message", "x", "")]


def test_an_event_without_data_only_sets_the_id() -> None:
    assert read(b"id: 9\nevent: x\n\ndata: y\n\nid: 9\n\n") == [
        ServerSentEvent("", "", "9"),
        ServerSentEvent("message", "y", "9"),
    ]


def test_an_id_with_a_nul_is_no_id() -> None:
    assert read(b"id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n")[1].id == "1"


def test_an_incomplete_event_at_the_end_is_dropped() -> None:
    assert read(b"data: whole\n\ndata: half\n") == [ServerSentEvent("message", "whole", "")]


def test_a_byte_order_mark_is_no_part_of_the_first_field() -> None:
    assert read(b"\xef\xbb", b"\xbfdata: x\n\n") == [ServerSentEvent("message", "x", "")]


def test_line_separators_of_unicode_stay_in_the_data() -> None:
    text = "a\u2028b\u2029c\x0bd\x85e"
    assert read(f"data: {text}\n\n".encode())[0].data == text


def test_a_cr_and_its_lf_may_come_apart() -> None:
    assert read(b"data: a\r", b"\ndata: b\r\n\r", b"\n") == [ServerSentEvent("message", "a\nb", "")]


@pytest.mark.parametrize("chunk", [b"data: " + b"x" * 100, b"data: xxxxx\n" * 10], ids=["line", "event"])
def test_what_is_too_large_breaks_the_stream(chunk: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LARGEST_EVENT", 50)
    with pytest.raises(BrokenStreamError):
        read(chunk)


@given(
    st.lists(st.tuples(NAMES, st.lists(TEXT, min_size=1, max_size=3), NAMES), max_size=5),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(1, 9), min_size=1, max_size=20),
)
def test_the_same_events_come_out_however_the_bytes_are_cut(
    sent: list[tuple[str, list[str], str]], end: str, cuts: list[int]
) -> None:
    # The last line end of a stream may be half of a CRLF, so a comment follows.
    text = "".join(
        f"id: {identity}{end}event: {name}{end}" + "".join(f"data: {line}{end}" for line in lines) + end
        for name, lines, identity in sent
    )
    content, chunks, position = (text + ": end\n").encode(), [], 0
    for index in range(len(content)):
        if position < len(content):
            chunks.append(content[position : position + cuts[index % len(cuts)]])
            position += cuts[index % len(cuts)]
    expected = [ServerSentEvent(name, "\n".join(lines), identity) for name, lines, identity in sent]
    assert list(events(chunks)) == expected


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_no_bytes_make_the_reader_fail(chunks: list[bytes]) -> None:
    list(events(chunks))
