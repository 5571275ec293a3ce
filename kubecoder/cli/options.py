"""Options and arguments that several commands share, spelled once."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from kubecoder.cli.context import complete_users
from kubecoder.output import Format

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def duration(text: str | float) -> float:
    """Parse `90s`, `5m`, `1h30m`, `2d` or plain seconds into seconds.

    Raises:
        typer.BadParameter: The text is none of these.
    """
    if isinstance(text, (int, float)):
        return float(text)
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not re.fullmatch(f"(?:{_DURATION.pattern})+", text):
        raise typer.BadParameter(f"{text!r} is no duration; write for example 90s, 5m or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))


def duration_text(seconds: float) -> str:
    """Write seconds as `duration` reads them: 300 is `5m`, 90 is `90s`."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:g}m" if minutes and not rest else f"{seconds:g}s"


Name = Annotated[str, typer.Argument(help="User name", autocompletion=complete_users)]
Names = Annotated[list[str] | None, typer.Argument(help="User names", autocompletion=complete_users)]
All = Annotated[bool, typer.Option("--all", help="All users of the fleet")]
Output = Annotated[Format, typer.Option("--output", "-o", help="How to write the data")]
Parallel = Annotated[int, typer.Option("--parallel", "-p", min=1, help="Workspaces in flight, waiting included")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; write nothing")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask")]
LockTimeout = Annotated[
    float, typer.Option("--lock-timeout", min=0, metavar="SECONDS", help="How long to wait for another deploy")
]
Timeout = Annotated[
    float, typer.Option(parser=duration, metavar="DURATION", help="How long to wait, such as 90s or 5m")
]
