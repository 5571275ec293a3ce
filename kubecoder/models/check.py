"""The result of one check, with the evidence for it; `test` and `doctor` give lists of these."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Outcome(StrEnum):
    """What a check found; a skip always has its reason as evidence."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What was looked at, the same in every run, such as `metadata-address`.
        outcome: What came of it.
        evidence: What was seen, in words; never a secret.
        hint: The next step for a person, where there is one.
    """

    name: str
    outcome: Outcome
    evidence: str
    hint: str = ""


def passed(name: str, evidence: str) -> Check:
    """Make a passed check."""
    return Check(name, Outcome.PASS, evidence)


def warned(name: str, evidence: str, hint: str = "") -> Check:
    """Make a check that a person should look at."""
    return Check(name, Outcome.WARN, evidence, hint)


def failed(name: str, evidence: str, hint: str = "") -> Check:
    """Make a failed check."""
    return Check(name, Outcome.FAIL, evidence, hint)


def skipped(name: str, reason: str, hint: str = "") -> Check:
    """Make a check that couldn't be made."""
    return Check(name, Outcome.SKIP, reason, hint)


def judged(name: str, good: bool, evidence: str, hint: str = "") -> Check:  # noqa: FBT001 - the question itself
    """Make a passed or a failed check, the hint only for a failed one."""
    return passed(name, evidence) if good else failed(name, evidence, hint)


def strict(checks: Iterable[Check]) -> list[Check]:
    """Turn every warning into a failure."""
    return [replace(check, outcome=Outcome.FAIL) if check.outcome is Outcome.WARN else check for check in checks]


def has_failed(checks: Iterable[Check]) -> bool:
    """Tell whether any check failed."""
    return any(check.outcome is Outcome.FAIL for check in checks)
