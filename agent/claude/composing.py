"""What a text must look like to arrive in Claude's composer unchanged, and how it is known again.

The hazards were measured on 2.1.330 and 2.1.197 by bracketed paste and Enter.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

EXITS = frozenset({"exit", "quit", ":q"})
"""Typed alone they end Claude, also as a first prompt on stdin."""
COMMAND_PATTERN = re.compile(r"/[A-Za-z][\w:-]*(\s|\Z)")
"""`/known` opens a command and `/unknown` is dropped without a word; `/etc/hosts` is a path and arrives."""
CONTROL_PATTERN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Claude drops them; an escape would end the brackets of the paste."""
INVISIBLE_PATTERN = re.compile(
    "[\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
"""2.1.330 takes them out, and after those that turn the direction it wants a second Enter; 2.1.197 keeps them."""
JOINING_PATTERN = re.compile(
    "[\u034f\u200c\u200d\ufe00-\ufe0f\U0001107f\U00013430-\U0001343f\U00016fe4\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a]"
)
"""2.1.330 takes these out where they join nothing; where they make emoji or the words of a language they stay."""
WRAPPED_PATTERN = re.compile(
    r'\s*<pasted_content id="(?P<id>[0-9a-f]+)">\n(?P<text>.*)\n</pasted_content id="(?P=id)">\s*', re.DOTALL
)
"""2.1.330 wraps a paste of four lines or more, or of more than 800 characters."""
LINE_END_PATTERN = re.compile("\r\n|[\r\u2028\u2029]")
TAG_PATTERN = re.compile(r"<(?P<escape>\\*)(?P<end>/?)pasted_content")
"""2.1.330 puts a backslash into such tags that somebody writes."""
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
    if cleaned != cleaned.rstrip():
        cleaned = cleaned.rstrip()
        altered.append("blanks at the end are left out")
    if cleaned.endswith("\\"):
        # Enter behind a backslash begins a new line; of a short text Claude leaves the blank out again.
        cleaned += " "
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
    composed = unicodedata.normalize("NFC", cleaned)
    if composed != cleaned:
        # Claude does so with what stands in its composer, and not with what that shows as `[Pasted text]`.
        altered.append("combining characters are composed")
    return composed, altered


def is_path(text: str) -> bool:
    """Tell whether a text begins like a command and is none."""
    stripped = _cleaned(text)[0].strip()
    return stripped.startswith("/") and not COMMAND_PATTERN.match(stripped)


def same_text(sent: str, seen: str) -> bool:
    """Tell whether a text that was seen is the one that was sent, whatever the terminal did to it."""
    return _comparable(sent) in (_comparable(seen), _comparable(unwrapped(seen)))


def altered_by_claude(sent: str, seen: str) -> tuple[str, ...]:
    """Say what Claude has changed in a text behind the paste, in words; a first prompt isn't pasted."""
    if sent == seen:
        return ()
    pasted, altered = _cleaned(sent)[0], []
    is_wrapped = _comparable(sent) != _comparable(seen)
    arrived = unwrapped(seen) if is_wrapped else seen
    if is_wrapped:
        altered.append("it is marked as pasted")
    if _indent(pasted) != _indent(_cleaned(arrived)[0]):
        altered.append("blanks at the beginning are left out")
    if JOINING_PATTERN.findall(pasted) != JOINING_PATTERN.findall(arrived):
        altered.append("joiners that join nothing are left out")
    if TAG_PATTERN.findall(pasted) != TAG_PATTERN.findall(arrived):
        altered.append("a backslash stands in pasted_content tags")
    if arrived.endswith("\\ "):
        altered.append("a blank stands behind the last backslash")
    return tuple(altered)


def _indent(text: str) -> str:
    return text[: len(text) - len(text.lstrip())]


def unwrapped(text: str) -> str:
    """Return a text without the tags in which Claude wraps a long paste."""
    match = WRAPPED_PATTERN.fullmatch(text)
    return match["text"] if match else text


def _comparable(text: str) -> str:
    plain = TAG_PATTERN.sub(r"<\g<end>pasted_content", JOINING_PATTERN.sub("", _cleaned(text)[0]))
    return unicodedata.normalize("NFC", plain).strip()
