"""Compares what was reported with what was so. A report may be late, but it may tell nothing that wasn't so.

What is reported must be the truth's own words in the truth's own order, each at most `LAG_SECONDS` late. So a
word that was true a moment ago is only lag as long as nothing newer has been reported: who says `working` and
then `idle` in the middle of a turn has lied, however short it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise

LAG_SECONDS = 2.0
"""How long evidence may take on a busy machine; what is measured is reported below that."""
EARLY_SECONDS = 0.1
"""The sources of the truth aren't written at the same moment."""


@dataclass(frozen=True)
class Span:
    """Some time in which the same was so.

    Attributes:
        words: The reports that are true; empty when any is.
        what: The state, for people.
    """

    since: float
    until: float
    words: frozenset[str]
    what: str

    def allows(self, word: str) -> bool:
        return not self.words or word in self.words


@dataclass(frozen=True)
class Sample:
    """One report.

    Attributes:
        asked_at: When it was asked for.
        answered_at: When it was there.
        word: The activity; the status of a task that has none.
        detail: Its explanation.
    """

    asked_at: float
    answered_at: float
    word: str
    detail: str = ""


@dataclass(frozen=True)
class Lie:
    """Reports that weren't true, one after another."""

    since: float
    until: float
    word: str
    truth: str

    def __str__(self) -> str:
        return f"{self.word!r} for {self.until - self.since:.2f} s at {self.since:.3f}, but {self.truth}"


@dataclass(frozen=True)
class Delay:
    """How long a change of the truth took until it was reported."""

    at: float
    seconds: float
    what: str


@dataclass
class Verdict:
    """What came of a comparison.

    Attributes:
        unknowns: The reports `unknown`, as seconds and explanation; without one it is a lie.
    """

    lies: list[Lie] = field(default_factory=list)
    delays: list[Delay] = field(default_factory=list)
    unknowns: list[tuple[float, str]] = field(default_factory=list)


def judge(spans: Sequence[Span], samples: Sequence[Sample]) -> Verdict:
    """Compare reports with the truth, both in order of time."""
    verdict = Verdict()
    judged = [sample for sample in samples if spans and spans[0].since <= sample.asked_at < spans[-1].until]
    if spans and not judged:
        verdict.lies = [Lie(spans[0].since, spans[-1].until, "nothing", spans[0].what)]
        return verdict
    places = list(_places(spans, judged))
    verdict.lies = _lies(spans, judged, places)
    verdict.delays = list(_delays(spans, judged, places))
    for sample, after in zip(judged, chain(judged[1:], (None,)), strict=False):
        if sample.word == "unknown":
            until = after.asked_at if after else sample.answered_at
            verdict.unknowns.append((until - sample.asked_at, sample.detail))
    return verdict


def _places(spans: Sequence[Span], samples: Sequence[Sample]) -> Iterator[int | None]:
    """Yield which span each report tells of: the earliest that isn't before the last one's; None for a lie."""
    place = 0
    for sample in samples:
        found = next((number for number in range(place, len(spans)) if _tells(sample, spans[number])), None)
        place = place if found is None else found
        yield found


def _tells(sample: Sample, span: Span) -> bool:
    is_near = span.until > sample.asked_at - LAG_SECONDS and span.since < sample.answered_at + EARLY_SECONDS
    is_explained = sample.word != "unknown" or bool(sample.detail)
    return is_near and is_explained and span.allows(sample.word)


def _lies(spans: Sequence[Span], samples: Sequence[Sample], places: Sequence[int | None]) -> list[Lie]:
    lies: list[Lie] = []
    was_lie = False
    for number, (sample, place) in enumerate(zip(samples, places, strict=True)):
        if place is not None:
            was_lie = False
            continue
        until = samples[number + 1].asked_at if number + 1 < len(samples) else sample.answered_at
        if was_lie and lies[-1].word == sample.word:
            lies[-1] = Lie(lies[-1].since, until, sample.word, lies[-1].truth)
        else:
            lies.append(Lie(sample.answered_at, until, sample.word, _around(spans, sample)))
        was_lie = True
    return lies


def _around(spans: Sequence[Span], sample: Sample) -> str:
    near = [span for span in spans if span.until > sample.asked_at - LAG_SECONDS and span.since < sample.answered_at]
    told = (f"{span.what} ({'|'.join(sorted(span.words)) or 'anything'}) since {span.since:.3f}" for span in near)
    return ", ".join(told)


def _delays(spans: Sequence[Span], samples: Sequence[Sample], places: Sequence[int | None]) -> Iterator[Delay]:
    """Measure each change that makes the word before it false."""
    true = [sample for sample, place in zip(samples, places, strict=True) if place is not None]
    for before, span in pairwise(spans):
        if not span.words or not before.words or span.words & before.words:
            continue
        told = (sample.answered_at for sample in true if sample.answered_at >= span.since and sample.word in span.words)
        told_at = next(told, None)
        if told_at is not None and told_at < span.until + LAG_SECONDS:
            yield Delay(span.since, told_at - span.since, span.what)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of them doesn't exceed; 0 when there are none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
