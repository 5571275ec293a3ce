"""The end of a terminal's log is read as the terminal would have shown it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.terminal.rendering import RENDERED_BYTES, rendered, tail


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (b"", ""),
        (b"one\r\ntwo\r\n", "one\ntwo"),
        (b"\x1b[1;31mred\x1b[0m \x1b[38;2;1;2;3mtrue\x1b[m", "red true"),
        (b"old\r\x1b[2Knew", "new"),
        (b"a\r\nb\r\nc\x1b[2A\x1b[1GA", "A\nb\nc"),
        (b"\x1b]0;a title\x07text\x1b]8;;http://example.com\x1b\\link\x1b]8;;\x1b\\", "textlink"),
        (b"\x1b[?2004h\x1b[>1u\x1b[?2026h\x1b[>4;2mquiet\x1b[?25l\x1b[?4m", "quiet"),
        ("wide 你好 ❯".encode(), "wide 你好 ❯"),
        (b"gone\x1b[2J\x1b[3J\x1b[Hdrawn anew", "drawn anew"),
        (b"broken \xff\xfe end \x1b[", "broken �� end"),
    ],
)
def test_text_is_what_the_terminal_shows(printed: bytes, shown: str) -> None:
    assert rendered(printed) == shown


def test_lines_that_left_the_screen_come_first() -> None:
    printed = b"".join(b"line %d\r\n" % number for number in range(100))
    assert rendered(printed, size=(20, 5)).splitlines() == [f"line {number}" for number in range(100)]


@example(some=b"", parts=[b"\x1b[", b"9", b"J"])
@given(
    st.binary(max_size=300),
    st.lists(st.sampled_from([b"\x1b[", b"\x1b]", b"\x1b", b";", b"9", b"A", b"r", b"J", b"\n"])),
)
def test_nothing_that_a_program_prints_is_too_odd(some: bytes, parts: list[bytes]) -> None:
    assert isinstance(rendered(some + b"".join(parts) + some, size=(12, 4)), str)


def test_a_large_log_is_read_from_its_end_in_bounded_time(tmp_path: Path) -> None:
    file = tmp_path / "output.log"
    (tmp_path / "output.log.1").write_bytes(b"older\r\n" * 1_000_000)
    file.write_bytes(b"newer\r\n")
    content = tail(file)
    assert len(content) == RENDERED_BYTES
    began = time.process_time()
    assert rendered(content).splitlines()[-2:] == ["older", "newer"]
    assert time.process_time() - began < 10


def test_no_log_shows_nothing(tmp_path: Path) -> None:
    assert rendered(tail(tmp_path / "output.log")) == ""
