"""Quantities are parsed as the API server parses them."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity

from kubecoder.models import quantity
from kubecoder.models.faults import InvalidValueError

SUFFIXES = ("", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
numbers = st.one_of(
    st.integers(0, 7).map(str),
    st.decimals(0, 7, places=3, allow_nan=False, allow_infinity=False).map(lambda number: f"{number:f}"),
)
quantities = st.builds(lambda number, suffix: number + suffix, numbers, st.sampled_from(SUFFIXES))


def _official(text: str) -> Decimal:
    return Decimal(parse_quantity(text))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("2", 2),
        ("500m", Fraction(1, 2)),
        ("0.5", Fraction(1, 2)),
        (".5Gi", 2**29),
        ("5.", 5),
        ("4Gi", 4 * 2**30),
        ("4G", 4 * 10**9),
        ("1Ki", 1024),
        ("1k", 1000),
        ("1E", 10**18),
        ("1e3", 1000),
        ("1E3", 1000),
        ("12e-1", Fraction(6, 5)),
        ("100n", Fraction(1, 10**7)),
        ("+1", 1),
        ("-1", -1),
    ],
)
def test_a_quantity_has_an_exact_value(text: str, value: Fraction) -> None:
    assert quantity.parse(text) == value


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("50GB", "write 50Gi"),
        ("50gb", "write 50Gi"),
        ("50 Gi", "write 50Gi"),
        ("512mb", "write 512Mi"),
        ("1.5tb", "write 1.5Ti"),
        ("64kB", "write 64Ki"),
        ("", "for example 500m, 2 or 4Gi"),
        ("much", "for example 500m, 2 or 4Gi"),
        ("1e", "write 1Gi"),
        ("٣Gi", "for example 500m, 2 or 4Gi"),
        ("1Gi\n", "write 1Gi"),
        ("--1", "for example 500m, 2 or 4Gi"),
        ("1" * 65, "for example 500m, 2 or 4Gi"),
    ],
)
def test_what_is_no_quantity_comes_with_a_proposal(text: str, advice: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        quantity.parse(text)
    fault = raised.value.faults[0]
    assert "is no quantity" in fault.message
    assert fault.advice == advice


@pytest.mark.parametrize("text", ["8Ei", "9e18000", "1e-400", "99999999999E"])
def test_a_quantity_beyond_64_bits_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match="out of range"):
        quantity.parse(text)


@given(quantities)
def test_the_official_client_reads_the_same_value(text: str) -> None:
    value = quantity.parse(text)
    # The client rounds binary multiples of decimals in Decimal's precision.
    assert abs(Decimal(value.numerator) / Decimal(value.denominator) - _official(text)) < Decimal("1e-6")


@given(quantities, quantities, quantities)
def test_comparison_is_an_order(first: str, second: str, third: str) -> None:
    assert quantity.compare(first, second) == -quantity.compare(second, first)
    assert quantity.compare(first, first) == 0
    if quantity.compare(first, second) <= 0 and quantity.compare(second, third) <= 0:
        assert quantity.compare(first, third) <= 0


@given(st.text(max_size=80))
def test_any_text_is_a_quantity_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidValueError):
        assert abs(quantity.parse(text)) <= quantity.LARGEST


@pytest.mark.parametrize("text", ["0", "-1", "0Gi", "-0.5m"])
def test_an_amount_of_something_is_larger_than_zero(text: str) -> None:
    with pytest.raises(InvalidValueError, match="larger than zero"):
        quantity.check_positive(text)


def test_a_quota_may_be_zero_but_not_less() -> None:
    assert quantity.check_not_negative("0") == "0"
    with pytest.raises(InvalidValueError, match="negative"):
        quantity.check_not_negative("-1")
