"""Timelines of evidence as readable text, and the player that reads them as the agent reads a live session.

A line is `<seen> <happened> <kind> <field>=<JSON> …` in milliseconds, for example

    1195 1180 StatusSeen status="idle" waiting_for="" session_id="s"

`seen` is when the agent had it, `happened` the evidence's own time; `-` is the same. Lines of other kinds:

    # a comment
    ~ 1400 dialog text="…"        what the screen shows from now on; the player looks when the state wants it
    ! 1500 Escape                 what a person or the scripted model did: `asked` and `answered` of the model, or a key
    = 1600 working Bash: ls       what the state says from now on: activity and detail, checked
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from agent.claude import evidence as kinds
from agent.claude.evidence import Evidence, Launched, ScreenSeen, Ticked
from agent.models import Activity, RequestKind
from agent.tasks import state as states
from agent.tasks.state import State

LOOK = 0.025
"""How often the agent looks at a session."""
SCREEN = 0.5
DETAIL_CHARACTERS = 60


@dataclass(frozen=True)
class Seen:
    """A piece of evidence and when the agent had it, in seconds."""

    at: float
    evidence: Evidence


@dataclass(frozen=True)
class Shown:
    """What the state said from a moment on."""

    at: float
    state: State

    @property
    def line(self) -> str:
        """The moment, activity and detail as a timeline's file has them."""
        detail = " ".join(self.state.detail.split())[:DETAIL_CHARACTERS].rstrip()
        return f"{round(self.at * 1000)} {self.state.activity.value} {detail}".rstrip()


@dataclass
class Timeline:
    """What was seen of a session, what the screen showed, what was done, and what is expected."""

    seen: list[Seen] = field(default_factory=list)
    screens: list[ScreenSeen] = field(default_factory=list)
    done: list[tuple[float, str]] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    @property
    def end(self) -> float:
        """The last moment, in seconds."""
        return max([each.at for each in self.seen] + [at for at, _ in self.done])

    def model_works(self) -> list[tuple[float, float]]:
        """Return the spans in which the scripted model had a request of this session, from a person's eye: work."""
        spans, open_at, count = [], 0.0, 0
        for at, what in self.done:
            if what == "asked":
                open_at = at if count == 0 else open_at
                count += 1
            elif what == "answered" and count:
                count -= 1
                if count == 0:
                    spans.append((open_at, at))
        return spans


def read(text: str) -> Timeline:
    """Read a timeline."""
    timeline = Timeline()
    for line in text.splitlines():
        mark, _, rest = line.partition(" ")
        match mark:
            case "" | "#":
                continue
            case "~":
                moment, _, shown = rest.partition(" ")
                kind, _, more = shown.partition(" ")
                timeline.screens.append(ScreenSeen(int(moment) / 1000, shows=kind, **_values(more)))  # type: ignore[arg-type]
            case "!":
                moment, _, what = rest.partition(" ")
                timeline.done.append((int(moment) / 1000, what))
            case "=":
                timeline.expected.append(rest)
            case _:
                timeline.seen.append(_seen(line))
    return timeline


def _seen(line: str) -> Seen:
    seen, happened, kind, *rest = line.split(" ", 3)
    at = int(seen) / 1000
    values = _values(rest[0] if rest else "")
    if "kind" in values and kind == "PermissionRequested":
        values["kind"] = RequestKind(values["kind"])
    happened_at = at if happened == "-" else int(happened) / 1000
    return Seen(at, getattr(kinds, kind)(at=happened_at, **values))


def _values(text: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        name, _, text = text.partition("=")
        value, end = decoder.raw_decode(text)
        values[name] = tuple(value) if isinstance(value, list) else value
        text = text[end:]
    return values


def write(timeline: Timeline, title: str) -> str:
    """Write a timeline as it is read."""
    entries = [(each.at, _line(each)) for each in timeline.seen]
    entries += [(each.at, f"~ {round(each.at * 1000)} {_screen(each)}") for each in timeline.screens]
    entries += [(at, f"! {round(at * 1000)} {what}") for at, what in timeline.done]
    entries.sort(key=lambda entry: entry[0])
    lines = [f"# {title}", *(line for _, line in entries), *(f"= {line}" for line in timeline.expected)]
    return "".join(f"{line}\n" for line in lines)


def _line(seen: Seen) -> str:
    happened = round(seen.evidence.at * 1000)
    when = "-" if happened == round(seen.at * 1000) else str(happened)
    return f"{round(seen.at * 1000)} {when} {type(seen.evidence).__name__} {_fields(seen.evidence)}".rstrip()


def _screen(seen: ScreenSeen) -> str:
    return f"{seen.shows} {_fields(seen, without='shows')}".rstrip()


def _fields(evidence: Evidence, without: str = "") -> str:
    """Write the fields that differ from their defaults."""
    given = [(each, getattr(evidence, each.name)) for each in fields(evidence) if each.name not in ("at", without)]
    told = [(each.name, value) for each, value in given if value is not each.default and value != each.default]
    return " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in told)


def play(
    timeline: Timeline, *, until: float | None = None, watch: Callable[[float, State], None] = lambda _at, _state: None
) -> list[Shown]:
    """Play a timeline and return what the state said, whenever it said something new.

    Args:
        timeline: What is played; it begins with `Launched`.
        until: The last moment in seconds; a second behind the last line when None.
        watch: Called with every state in between.
    """
    launched = timeline.seen[0].evidence
    assert isinstance(launched, Launched)
    shown = [Shown(launched.at, states.begin(launched))]
    for at, evidence in _moments(timeline, shown, until if until is not None else timeline.end + 1):
        state = states.reduce(shown[-1].state, evidence)
        watch(at, state)
        before = shown[-1]
        shown[-1] = Shown(before.at, state) if Shown(at, state).line.split()[1:] == before.line.split()[1:] else before
        if shown[-1] is before:
            shown.append(Shown(at, state))
    return shown


def _moments(timeline: Timeline, shown: list[Shown], until: float) -> Iterator[tuple[float, Evidence]]:
    """Yield evidence when it is seen, ticks when they are due, and the screen when it is wanted."""
    rest = iter(timeline.seen[1:])
    following = next(rest, None)
    looked_at = float("-inf")
    for number in range(1, int((until - timeline.seen[0].at) / LOOK) + 2):
        now = timeline.seen[0].at + number * LOOK
        while following is not None and following.at <= now:
            yield following.at, following.evidence
            following = next(rest, None)
        due = states.next_tick(shown[-1].state)
        if due is not None and due <= now:
            yield now, Ticked(now)
        if states.wants_screen(shown[-1].state, now) and now - looked_at >= SCREEN:
            looked_at = now
            yield now, _screen_at(timeline.screens, now)


def _screen_at(screens: Iterable[ScreenSeen], now: float) -> ScreenSeen:
    current = [each for each in screens if each.at <= now]
    if not current:
        return ScreenSeen(now, shows="quiet")
    last = current[-1]
    return ScreenSeen(now, shows=last.shows, text=last.text, attempt=last.attempt, attempts=last.attempts)


def lines(shown: Iterable[Shown]) -> list[str]:
    """Return what was shown as a timeline's file expects it."""
    return [each.line for each in shown]


def activities(shown: Iterable[Shown]) -> list[Activity]:
    """Return the activities in order, each once in a row."""
    found: list[Activity] = []
    for each in shown:
        if not found or found[-1] is not each.state.activity:
            found.append(each.state.activity)
    return found


def load(file: Path) -> Timeline:
    """Read a timeline's file."""
    return read(file.read_text(encoding="utf-8"))
