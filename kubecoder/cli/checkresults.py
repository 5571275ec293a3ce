"""How the results of checks are written; `test` and `doctor` share it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from kubecoder.cli.colours import coloured
from kubecoder.models.check import Check, Outcome
from kubecoder.output import Format, Printer, printable

_COLOURS = {Outcome.PASS: 32, Outcome.WARN: 33, Outcome.FAIL: 31, Outcome.SKIP: 90}


def as_documents(checks: Iterable[Check]) -> list[dict[str, Any]]:
    """Return the JSON form of checks."""
    return [
        {"name": check.name, "result": check.outcome.value, "evidence": check.evidence, "hint": check.hint}
        for check in checks
    ]


def overall(checks: Sequence[Check]) -> Outcome:
    """Return the worst outcome; a skip is none."""
    found = {check.outcome for check in checks}
    return next((outcome for outcome in (Outcome.FAIL, Outcome.WARN) if outcome in found), Outcome.PASS)


def write_checks(printer: Printer, checks: Sequence[Check], *, indent: str = "") -> None:
    """Write one line for each check, and under it the next step where there is one."""
    width = max((len(check.name) for check in checks), default=0)
    for check in checks:
        word = coloured(f"{check.outcome.value:4}", _COLOURS[check.outcome])
        printer.line(f"{indent}{word}  {check.name:{width}}  {printable(check.evidence)}")
        if check.hint and check.outcome is not Outcome.PASS:
            printer.line(f"{indent}{'':6}{'':{width}}  hint: {printable(check.hint)}")


def summary(checks: Iterable[Check]) -> str:
    """Count the outcomes in one line."""
    counts = Counter(check.outcome for check in checks)
    return ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome])


def is_text(printer: Printer) -> bool:
    """Tell whether a person reads the output."""
    return printer.format in (Format.table, Format.wide)
