"""What Claude's screen says, for the little that nothing else shows: dialogs at the start, retries, the composer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.claude.evidence import ScreenSeen

RULE_PATTERN = re.compile(r"\s*[─━]{20,}\s*")
EDGE_PATTERN = re.compile(r"\s*[─━▔]{20,}\s*")
# Only behind the spinner, which no program's own "retrying in 5s" in the conversation has before it. 2.1.197 says
# "Retrying". Nothing here may match a run of spaces in several ways: on a wide screen that would take seconds.
RETRY_PATTERN = re.compile(
    r"^[✻✽✢✶✳·*] (?P<what>.*?)retrying in \d[\dhms ]*(?:· attempt (?P<attempt>\d+)/(?P<attempts>\d+))?",
    re.MULTILINE | re.IGNORECASE,
)
STALL_PATTERN = re.compile(r"^[✻✽✢✶✳·*] (Waiting for API response[^\n]*)", re.MULTILINE)
# The highlighted choice: numbered or not, 2.1.330 has both; a prompt in the conversation isn't indented.
CHOICE_PATTERN = re.compile(r"^(?:[^\S\n]*❯[^\S\n]*\d+\.|[^\S\n]+❯)[^\S\n]", re.MULTILINE)
FOOTER_PATTERN = re.compile(r"(esc|enter) to (confirm|cancel|exit|continue|dismiss|close|select)", re.IGNORECASE)
STYLE_PATTERN = re.compile("\x1b\\[([0-9;:]*)m")
OTHER_ESCAPE_PATTERN = re.compile("\x1b[()][A-Z0-9]|\x1b\\[[0-9;?]*[A-Za-ln-z]|[\x0e\x0f]")
BULLETS = "✻✽✢✶·*●⎿ \u00a0"
SEARCH = "search prompts:"
"""2.1.197 has this below the composer while the keys go into a search of earlier prompts."""
PROMPT_MARKS = ("❯", ">", "!")
COMPOSER_CHARACTERS = 800
COMPOSER_LINES = 3
"""A longer paste, or one of more lines, isn't shown itself."""
DIALOG_LINES = 30
DIALOG_CHARACTERS = 2000
GREY_SHADES = range(238, 252)


def read(text: str, at: float) -> ScreenSeen:
    """Say what a screen shows."""
    plain = unstyled(text)
    if retry := _last(RETRY_PATTERN, plain):
        attempt, attempts = retry["attempt"], retry["attempts"]
        return ScreenSeen(
            at,
            shows="retrying",
            text=retry["what"].strip(BULLETS),
            attempt=int(attempt) if attempt else None,
            attempts=int(attempts) if attempts else None,
        )
    if stall := _last(STALL_PATTERN, plain):
        return ScreenSeen(at, shows="stalled", text=stall[1].strip(BULLETS))
    if composer(text) is None and (CHOICE_PATTERN.search(plain) or FOOTER_PATTERN.search(plain)):
        return ScreenSeen(at, shows="dialog", text=_dialog_text(plain))
    return ScreenSeen(at, shows="quiet")


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = None
    for found in pattern.finditer(text):  # noqa: B007 - the last one is wanted
        pass
    return found


def composer(text: str) -> str | None:
    """Return what stands in the composer; None when no composer is on the screen.

    It is what stands between the last two rules, behind the prompt's mark. With styles, a grey
    hint that Claude shows in an empty composer isn't taken for a draft.
    """
    lines = text.split("\n")
    rules = [number for number, line in enumerate(lines) if RULE_PATTERN.fullmatch(unstyled(line))]
    if len(rules) < 2:
        return None
    between = lines[rules[-2] + 1 : rules[-1]]
    if any(unstyled(line).lstrip().startswith(SEARCH) for line in lines[rules[-1] :]):
        return None
    if not between or not unstyled(between[0]).lstrip().startswith(PROMPT_MARKS):
        return None
    first = unstyled(between[0]).lstrip()[1:].lstrip("\u00a0 ")
    if _is_choice(first):
        return None
    # tmux tells a style once, also where it goes on over the ends of lines.
    style = _style_behind(lines[: rules[-2] + 1], _Style())
    written = "\n".join(_written(line, _style_behind(between[:number], style)) for number, line in enumerate(between))
    mark = unstyled(between[0]).lstrip()[0]
    draft = written.replace("\u00a0", " ").strip().removeprefix(mark).strip()
    return f"!{draft}" if mark == "!" else draft


def _is_choice(text: str) -> bool:
    return re.match(r"\d+\.\s", text) is not None


def unstyled(text: str) -> str:
    """Return a text without its escape sequences."""
    return OTHER_ESCAPE_PATTERN.sub("", STYLE_PATTERN.sub("", text))


def _style_behind(lines: list[str], style: _Style) -> _Style:
    for line in lines:
        for change in STYLE_PATTERN.finditer(line):
            style = style.after(change[1])
    return style


def _written(line: str, style: _Style) -> str:
    """Return what of a line isn't grey; the cursor's cell on a grey hint belongs to the hint."""
    position = 0
    pieces: list[tuple[str, _Style]] = []
    for change in STYLE_PATTERN.finditer(line):
        pieces.append((unstyled(line[position : change.start()]), style))
        style, position = style.after(change[1]), change.end()
    pieces.append((unstyled(line[position:]), style))
    has_hint = any(text.strip() for text, style in pieces if style.is_grey)
    kept = [(text, style) for text, style in pieces if not style.is_grey]
    plain = "".join(text for text, style in kept if not style.reverse)
    is_only_cursor = has_hint and not plain.strip("".join((*PROMPT_MARKS, "\u00a0", " ")))
    return plain if is_only_cursor else "".join(text for text, _ in kept)


@dataclass(frozen=True, slots=True)
class _Style:
    """What of a terminal's style tells a hint from what somebody typed."""

    dim: bool = False
    shade: bool = False
    reverse: bool = False

    @property
    def is_grey(self) -> bool:
        return self.dim or self.shade

    def after(self, sequence: str) -> _Style:
        """Return the style behind a sequence of codes."""
        style, codes = self, sequence.split(";")
        while codes:
            code = codes.pop(0)
            if code in ("", "0"):
                style = _Style()
            elif code in SWITCHES:
                style = replace(style, **SWITCHES[code])
            elif code == "48":
                _takes_shade(codes)
            elif code == "38":
                style = replace(style, shade=_takes_shade(codes))
            elif code.startswith(("3", "9")):
                style = replace(style, shade=False)
        return style


SWITCHES: Mapping[str, Mapping[str, bool]] = {
    "2": {"dim": True},
    "22": {"dim": False},
    "7": {"reverse": True},
    "27": {"reverse": False},
    "90": {"shade": True},
}


def _takes_shade(codes: list[str]) -> bool:
    """Take the arguments of a colour off a sequence, and tell whether it is a grey of the palette."""
    kind = codes.pop(0) if codes else ""
    arguments = [codes.pop(0) for _ in range(min(len(codes), {"5": 1, "2": 3}.get(kind, 0)))]
    return kind == "5" and bool(arguments) and arguments[0].isdecimal() and int(arguments[0]) in GREY_SHADES


def _dialog_text(plain: str) -> str:
    """Return the dialog without the conversation above: from the rule that stands before the highlighted choice."""
    lines = plain.split("\n")
    chosen = [number for number, line in enumerate(lines) if CHOICE_PATTERN.match(line)]
    end = chosen[-1] if chosen else len(lines)
    edges = [number for number, line in enumerate(lines[:end]) if EDGE_PATTERN.fullmatch(line)]
    shown = lines[edges[-1] :] if edges else lines
    kept = [line.strip() for line in shown if line.strip() and not EDGE_PATTERN.fullmatch(line)]
    return "\n".join(kept[-DIALOG_LINES:])[:DIALOG_CHARACTERS]
