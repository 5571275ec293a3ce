"""Texts for the composer: safe to paste, and known again."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.claude.composing import RefusedTextError, altered_by_claude, is_path, prepare, prepare_first, same_text

TEXTS = st.text() | st.text(alphabet="\\ \n\r\t\x1b!/aé\u200b\u200d😀[201~exitquit:")


@pytest.mark.parametrize(
    "text",
    [
        "exit",
        " quit\n",
        ":q",
        "/help",
        "  /clear now",
        "\u00a0/help",
        "/unknown x",
        "!ls",
        "\x1b!ls",
        "\u200bexit",
        "ex\x00it",
    ],
)
def test_a_command_to_the_terminal_is_refused_unless_it_is_asked_for(text: str) -> None:
    with pytest.raises(RefusedTextError):
        prepare(text, allow_commands=False)
    assert prepare(text, allow_commands=True).text.strip()


@pytest.mark.parametrize(
    "text", ["/etc/hosts is a file", "exit.", "please exit", "?", "#note", "-x", '"/help"', "@a.txt", "a!"]
)
def test_what_only_looks_like_a_command_arrives_as_it_is(text: str) -> None:
    assert prepare(text, allow_commands=False).text == text
    assert prepare(text, allow_commands=False).altered == ()


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\x00", "\u200b\u200e", "\x1b"])
def test_what_would_not_arrive_at_all_is_refused(text: str) -> None:
    for allowed in (True, False):
        with pytest.raises(RefusedTextError):
            prepare(text, allow_commands=allowed)


@pytest.mark.parametrize(
    ("text", "pasted", "word"),
    [
        ("a\tb", "a    b", "tabs"),
        ("a\r\nb\rc", "a\nb\nc", "line ends"),
        ("a\x1b[201~b", "a[201~b", "control"),
        ("a\u200bb", "ab", "invisible"),
        ("a\u202eb\u2066", "ab", "invisible"),
        ("a\u3164\u00ad\U000e0041b", "ab", "invisible"),
        ("a\u2028b", "a\nb", "line ends"),
        ("a \n", "a", "blanks"),
        ("a \\ ", "a \\ ", "blanks"),
        ("e\u0301 \u212b \u1112\u1161\u11ab", "é Å 한", "composed"),
    ],
)
def test_what_is_altered_is_told(text: str, pasted: str, word: str) -> None:
    prepared = prepare(text, allow_commands=False)
    assert prepared.text == pasted
    assert len(prepared.altered) == 1
    assert word in prepared.altered[0]


def test_a_blank_keeps_enter_from_a_last_backslash_and_is_told_only_where_it_arrives() -> None:
    prepared = prepare("a\\", allow_commands=False)
    assert (prepared.text, prepared.altered) == ("a\\ ", ())
    assert altered_by_claude("a\\", "a\\") == ()
    assert altered_by_claude("a\\", "a\\ ") == ("a blank stands behind the last backslash",)


@pytest.mark.parametrize(
    ("sent", "seen", "word"),
    [
        ("a", '\n\n<pasted_content id="86ae">\na\n</pasted_content id="86ae">\n', "marked as pasted"),
        ("q\u200cr", "qr", "joiners"),
        ("a<pasted_content>", "a<\\pasted_content>", "backslash"),
        ("  a", "a", "beginning"),
    ],
)
def test_what_claude_alters_by_itself_is_told(sent: str, seen: str, word: str) -> None:
    assert same_text(sent, seen)
    (told,) = altered_by_claude(sent, seen)
    assert word in told


@given(TEXTS)
def test_of_a_text_that_arrives_as_it_was_sent_nothing_is_told(text: str) -> None:
    assert altered_by_claude(text, text) == ()


def test_of_a_first_prompt_that_keeps_its_tabs_nothing_is_told() -> None:
    assert altered_by_claude("\tx\x07", "\tx") == ()


def test_a_text_that_looks_like_a_wrapped_paste_is_its_own_and_nothing_is_told() -> None:
    text = '<pasted_content id="86ae">\nfake\n</pasted_content id="86ae">'
    assert same_text(text, text)
    assert altered_by_claude(text, text) == ()


@pytest.mark.parametrize(
    ("text", "expected"), [("/etc/hosts is", True), (" \n//", True), ("/help", False), ("a /etc", False)]
)
def test_a_path_begins_like_a_command_and_is_none(text: str, expected: bool) -> None:
    assert is_path(text) is expected


@given(TEXTS, st.booleans())
def test_a_prepared_text_is_safe_and_needs_no_more(text: str, allowed: bool) -> None:
    with contextlib.suppress(RefusedTextError):
        prepared = prepare(text, allow_commands=allowed)
        assert not set(prepared.text) & {chr(code) for code in range(32) if chr(code) != "\n"}
        assert not prepared.text.endswith("\\")
        again = prepare(prepared.text, allow_commands=allowed)
        assert again.text == prepared.text
        assert same_text(text, prepared.text)


@given(TEXTS)
def test_a_first_prompt_goes_in_as_it_is_or_not_at_all(text: str) -> None:
    with contextlib.suppress(RefusedTextError):
        assert prepare_first(text, allow_commands=False).text == text


@pytest.mark.parametrize("text", ["exit", " :q ", "/help", "", " \n"])
def test_a_first_prompt_that_is_a_command_is_refused(text: str) -> None:
    with pytest.raises(RefusedTextError):
        prepare_first(text, allow_commands=False)


def test_a_first_prompt_may_begin_with_an_exclamation_mark() -> None:
    assert prepare_first("!important: do it", allow_commands=False).text == "!important: do it"


@given(TEXTS.filter(lambda text: text.strip()))
def test_a_wrapped_paste_is_the_text_that_was_sent(text: str) -> None:
    wrapped = f'\n\n<pasted_content id="86ae">\n{text}\n</pasted_content id="86ae">\n'
    assert same_text(text, text)
    assert same_text(text, wrapped)


@pytest.mark.parametrize(("sent", "seen"), [("a", "b"), ("a b", "ab"), ("a\nb", "a b"), ("", "a"), ("a", "aa")])
def test_another_text_is_not_the_same(sent: str, seen: str) -> None:
    assert not same_text(sent, seen)


def test_what_the_terminal_drops_makes_no_other_text() -> None:
    assert same_text("a\u00adb\tc\x07\r\nd\u200b ", "ab    c\nd")


@pytest.mark.parametrize("text", ["👩\u200d💻", "❤\ufe0f", "می\u200cروم", "\u00a0x", "\ue000"])
def test_what_makes_a_character_is_kept(text: str) -> None:
    assert prepare(f"a{text}b", allow_commands=False).text == f"a{text}b"
    assert same_text("q\u200dr\ufe0f", "qr"), "2.1.330 takes joiners out that join nothing"


def test_a_text_is_known_again_in_whatever_form_its_characters_arrive() -> None:
    assert same_text("e\u0301 \u212b", "é Å")
    assert same_text("é Å", "e\u0301 \u212b")
    assert same_text("e\u034f\u0301", "é"), "a joiner that is left out joins what stands around it"
