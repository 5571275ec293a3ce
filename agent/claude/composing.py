"""What a text must look like to arrive in Claude's composer unchanged, and how it is known again.

The hazards were measured on 2.1.330 and 2.1.197 by bracketed paste and Enter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

EXITS = frozenset({"exit", "quit", ":q"})
"""Typed alone they end Claude, also as a first prompt on stdin."""
COMMAND_PATTERN = re.compile(r"/[A-Za-z][\w:-]*(\s|\Z)")
"""`/known` opens a command and `/unknown` is dropped without a word; `/etc/hosts` is a path and arrives."""
CONTROL_PATTERN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Claude drops them; an escape would end the brackets of the paste."""
INVISIBLE_PATTERN = re.compile(
    "[\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
"""2.1.330 takes them out, and after those that turn the direction it wants a second Enter; 2.1.197 keeps them.

The joiner (U+200D) and the selectors (U+FE00 to U+FE0F) make emoji and stay.
"""
JOINING_PATTERN = re.compile("[\u200d\ufe00-\ufe0f]")
"""2.1.330 takes these out where they join no emoji."""
WRAPPED_PATTERN = re.compile(
    r'\s*<pasted_content id="(?P<id>[0-9a-f]+)">\n(?P<text>.*)\n</pasted_content id="(?P=id)">\s*', re.DOTALL
)
"""2.1.330 wraps a paste of four lines or more, or of more than 800 characters."""
LINE_END_PATTERN = re.compile("\r\n|[\r\u2028\u2029]")
TAB_SPACES = "    "


class RefusedTextError(ValueError):
    """The text would do something else than arrive; the message says what."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A text as it is pasted.

    Attributes:
        text: What is pasted.
        altered: What will arrive otherwise than it was sent, in words.
    """

    text: str
    altered: tuple[str, ...] = ()


def prepare(text: str, *, allow_commands: bool) -> Prepared:
    """Make a text safe to paste.

    Raises:
        RefusedTextError: It is blank, or a command to the terminal that wasn't asked for.
    """
    cleaned, altered = _cleaned(text)
    stripped = cleaned.strip()
    if not stripped:
        raise RefusedTextError("nothing of it would arrive")
    if not allow_commands:
        _refuse_commands(stripped)
        if stripped.startswith("!"):
            raise RefusedTextError("a text that begins with ! would run in the shell without a question")
    if cleaned.rstrip().endswith("\\"):
        # Enter behind a backslash begins a new line.
        cleaned = cleaned.rstrip() + " "
        altered.append("a space was added behind the last backslash")
    elif cleaned != cleaned.rstrip():
        cleaned = cleaned.rstrip()
        altered.append("blanks at the end are left out")
    return Prepared(cleaned, tuple(altered))


def prepare_first(text: str, *, allow_commands: bool) -> Prepared:
    """Check a prompt that goes in on stdin, where all but commands arrives exactly.

    Raises:
        RefusedTextError: It is blank, or a command that wasn't asked for.
    """
    if not text.strip():
        raise RefusedTextError("it is blank")
    if not allow_commands:
        _refuse_commands(text.strip())
    return Prepared(text)


def _refuse_commands(stripped: str) -> None:
    if stripped.casefold() in EXITS:
        raise RefusedTextError(f"{stripped} alone would end Claude")
    if COMMAND_PATTERN.match(stripped):
        raise RefusedTextError("a text that begins with / is a command to Claude's terminal")


def _cleaned(text: str) -> tuple[str, list[str]]:
    altered = []
    cleaned = LINE_END_PATTERN.sub("\n", text)
    if cleaned != text:
        altered.append("line ends are line feeds")
    for pattern, what in ((CONTROL_PATTERN, "control characters"), (INVISIBLE_PATTERN, "invisible characters")):
        without = pattern.sub("", cleaned)
        if without != cleaned:
            altered.append(f"{what} are left out")
        cleaned = without
    if "\t" in cleaned:
        cleaned = cleaned.replace("\t", TAB_SPACES)
        altered.append("tabs are four spaces")
    return cleaned, altered


def same_text(sent: str, seen: str) -> bool:
    """Tell whether a text that was seen is the one that was sent, whatever the terminal did to it."""
    return _comparable(sent) == _comparable(unwrapped(seen))


def unwrapped(text: str) -> str:
    """Return a text without the tags in which Claude wraps a long paste."""
    match = WRAPPED_PATTERN.fullmatch(text)
    return match["text"] if match else text


def _comparable(text: str) -> str:
    return JOINING_PATTERN.sub("", _cleaned(text)[0]).strip()
