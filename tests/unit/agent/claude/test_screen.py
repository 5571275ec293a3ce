"""Screens of the real Claude Code: dialogs, retries, stalls, the composer, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.claude import screen
from tests.unit.agent.claude.samples import VERSIONS
from tests.unit.agent.claude.samples import screen as sample

SCREENS = Path(__file__).parent / "screens"
"""Dialogs at the start and the end, and a stall: `tests/agent/test_claude_adapter.py` provokes the dialogs anew."""
PIECES = st.sampled_from(
    [
        "─" * 40,
        "❯",
        "❯ 1. Yes",
        "✻ ",
        "retrying in 3s",
        " · attempt 2/10",
        "\n",
        " ",
        "\x1b[2m",
        "\x1b[0m",
        "Esc to cancel",
    ]
)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "name", ["idle", "working", "failed", "interrupted", "refused", "queued", "background", "compacted"]
)
def test_claudes_own_screen_is_no_dialog_and_has_a_composer(version: str, name: str) -> None:
    text = sample(version, name)
    assert screen.read(text, 1.0).shows == "quiet"
    assert screen.composer(text) is not None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "first"),
    [("permission", "Bash command"), ("plan", ""), ("dialog", "Rewind")],
)
def test_a_dialog_is_told_without_the_conversation_above_it(version: str, name: str, first: str) -> None:
    seen = screen.read(sample(version, name), 1.0)
    assert seen.shows == "dialog"
    assert seen.text.startswith(first)
    assert "❯" in seen.text
    if name == "permission":
        # A menu of earlier prompts shows them itself.
        assert "[[script" not in seen.text.split("❯")[0]
    assert screen.composer(sample(version, name)) is None


def test_a_question_is_a_dialog() -> None:
    seen = screen.read(sample("2.1.197", "question"), 1.0)
    assert (seen.shows, "Which colour?" in seen.text) == ("dialog", True)


@pytest.mark.parametrize(
    "file", sorted(SCREENS.glob("*/[!s]*.txt")), ids=lambda file: f"{file.parent.name}-{file.stem}"
)
def test_what_hides_the_session_is_a_dialog(file: Path) -> None:
    text = file.read_text()
    assert screen.read(text, 1.0).shows == "dialog"
    assert screen.composer(text) is None


@pytest.mark.parametrize("version", VERSIONS)
def test_a_retry_is_told_with_its_number(version: str) -> None:
    seen = screen.read(sample(version, "retrying"), 1.0)
    assert (seen.shows, seen.attempt, seen.attempts) == ("retrying", 2, 10)
    assert seen.text


def test_a_stall_is_told_as_claude_words_it() -> None:
    seen = screen.read((SCREENS / "2.1.330" / "stalled.txt").read_text(), 1.0)
    assert seen.shows == "stalled"
    assert seen.text.startswith("Waiting for API response · will retry in")


@pytest.mark.parametrize(
    "line",
    [
        "  retrying in 5s · attempt 1/2",
        "● Waiting for API response",
        "  Waiting for API response",
        "  1. one",
        "Enter to confirm",
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_words_of_the_conversation_are_no_state(version: str, line: str) -> None:
    assert screen.read(f"{line}\n{sample(version, 'idle')}", 1.0).shows == "quiet"


def test_a_draft_is_what_stands_between_the_last_rules() -> None:
    rule = "─" * 100
    frame = "● text\n{rule}\n{content}\n{rule}\n  ? for shortcuts"
    for content, draft in [
        ("❯\u00a0", ""),
        ("❯\u00a0a draft", "a draft"),
        ("❯\u00a0one\n  two", "one\n  two"),
        ("!\u00a0ls", "!ls"),
        ("❯\u00a0\x1b[2mPress up to edit\x1b[0m", ""),
        ("❯\u00a0\x1b[38;5;246mTry it\x1b[39m", ""),
    ]:
        assert screen.composer(frame.format(rule=rule, content=content)) == draft


def test_a_style_goes_on_over_the_end_of_a_line() -> None:
    rule = "─" * 100
    assert screen.composer(f"\x1b[38;5;244m{rule}\n❯\u00a0Try it\n{rule}\n") == ""
    assert screen.composer(f"\x1b[38;5;244m{rule}\n\x1b[39m❯\u00a0a draft\n\x1b[38;5;244m{rule}\n") == "a draft"


def test_a_search_of_earlier_prompts_is_no_composer() -> None:
    rule = "─" * 100
    assert screen.composer(f"{rule}\n❯\u00a0\n{rule}\n  search prompts: x   ← for agents") is None


@given(st.text() | st.lists(PIECES, max_size=12).map("".join))
def test_no_screen_is_an_error(text: str) -> None:
    seen = screen.read(text, 1.0)
    assert seen.at == 1.0
    screen.composer(text)
