"""Options that several commands share."""

from __future__ import annotations

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from kubecoder.cli.options import duration, duration_text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("1h30m", 5400), ("2d", 172800), ("250ms", 0.25), ("12", 12), ("1.5m", 90), (7.0, 7)],
)
def test_a_duration_is_given_as_kubectl_takes_it(text: str | float, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5 m", "m", "5x", "-5s", "1h-3m", "s5"])
def test_anything_else_is_a_usage_error_that_shows_the_form(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="write for example 90s, 5m or 1h30m"):
        duration(text)


@pytest.mark.parametrize(("seconds", "text"), [(300, "5m"), (90, "90s"), (0.5, "0.5s"), (3600, "60m"), (0, "0s")])
def test_seconds_are_written_as_people_write_them(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@given(st.integers(0, 10**5))
def test_what_is_written_is_read_back(seconds: int) -> None:
    assert duration(duration_text(seconds)) == seconds
