"""The figures of a run as rows, ratios and the table in `docs/performance.md`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
END = "<!-- end -->"


@dataclass(frozen=True)
class Row:
    """One figure."""

    subject: str
    engine: str
    seconds: float
    details: dict[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """Say it in one line."""
        details = "  ".join(f"{key}={value}" for key, value in self.details.items())
        return f"{self.subject:12} {self.engine:45} {self.seconds:8.2f} s  {details}"


def table(rows: Sequence[Row]) -> str:
    """Write the rows as Markdown, each with its ratio to kubecoder's own figure of the same subject."""
    lines = ["| what | engine | seconds | times kubecoder's | requests | peak memory |", "|---|---|---|---|---|---|"]
    for row in rows:
        ours = next((each for each in rows if each.subject == row.subject and each.engine == "kubecoder"), None)
        base = _own_seconds(ours) if ours else None
        ratio = f"{_own_seconds(row) / base:.2f}" if base and row.subject in {"create", "change"} else ""
        peak = f"{row.details['peak_mb']} MB" if "peak_mb" in row.details else ""
        cells = [row.subject, row.engine, f"{row.seconds:.2f}", ratio, str(row.details.get("requests", "")), peak]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _own_seconds(row: Row) -> float:
    """Leave the interpreter's start out of our own figure: it is reported beside (decision D37)."""
    return float(row.details.get("own_seconds", row.seconds))


def write_report(rows: Sequence[Row], machine: str, when: datetime) -> None:
    """Replace the part of the page about fleets."""
    replace_block("measured", f"Measured {when:%Y-%m-%d} on {machine}, all in one run.\n\n{table(rows)}")


def replace_block(name: str, text: str) -> None:
    """Replace what stands between the page's mark of this name and the next end."""
    begin = f"<!-- {name} -->"
    before, _, rest = PAGE.read_text().partition(begin)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{begin}\n{text}\n{END}{after}")
