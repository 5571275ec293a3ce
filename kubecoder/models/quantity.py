"""Kubernetes quantities such as `500m`, `4Gi`, `1e3`: parsed exactly, compared, checked."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from kubecoder.models.faults import InvalidValueError

# https://pkg.go.dev/k8s.io/apimachinery/pkg/api/resource#Quantity
PATTERN = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?[0-9]+)?"
# The API server keeps quantities in 64 bits and silently lowers larger ones.
LARGEST = 2**63 - 1

_parts = re.compile(r"(?P<number>[+-]?[0-9.]+)(?P<suffix>.*)", re.DOTALL)
_quantity = re.compile(PATTERN).fullmatch
_MAX_LENGTH = 64
_MAX_EXPONENT = 30
_FACTORS = {
    "": Fraction(1),
    **{suffix: Fraction(1, 1000 ** (3 - power)) for power, suffix in enumerate("num")},
    **{suffix: Fraction(1000 ** (power + 1)) for power, suffix in enumerate("kMGTPE")},
    **{f"{suffix}i": Fraction(1024 ** (power + 1)) for power, suffix in enumerate("KMGTPE")},
}
_MISSPELT = {
    **dict.fromkeys(("g", "gi", "gb", "GB", "gib", "GiB", "Gb"), "Gi"),
    **dict.fromkeys(("mi", "mb", "MB", "mib", "MiB", "Mb"), "Mi"),
    **dict.fromkeys(("t", "ti", "tb", "TB", "tib", "TiB", "Tb"), "Ti"),
    **dict.fromkeys(("K", "ki", "kb", "KB", "kib", "KiB", "Kb", "kB"), "Ki"),
}


@lru_cache(maxsize=4096)
def parse(text: str) -> Fraction:
    """Return the exact value of a quantity.

    Raises:
        InvalidValueError: It isn't written as Kubernetes requires, or its size is outside of Kubernetes' range.
    """
    if len(text) > _MAX_LENGTH or not _quantity(text):
        raise InvalidValueError.of(f"{text[:_MAX_LENGTH]!r} is no quantity", _advice(text))
    match = _parts.fullmatch(text)
    assert match is not None
    number, suffix = match["number"], match["suffix"]
    factor = _FACTORS.get(suffix)
    if factor is None:
        exponent = int(suffix[1:])
        if abs(exponent) > _MAX_EXPONENT:
            raise InvalidValueError.of(f"{text!r} is out of range", "a number with a suffix such as Gi")
        factor = Fraction(10) ** exponent
    value = Fraction(number.removesuffix(".")) * factor
    if abs(value) > LARGEST:
        raise InvalidValueError.of(f"{text!r} is out of range", "less than 8Ei")
    return value


def compare(left: str, right: str) -> int:
    """Return -1, 0 or 1 as `left` is smaller than, equal to or larger than `right`.

    Raises:
        InvalidValueError: One of them is no quantity.
    """
    first, second = parse(left), parse(right)
    return (first > second) - (first < second)


def check_positive(text: str) -> str:
    """Return a quantity that is larger than zero as it is.

    Raises:
        InvalidValueError: It is no quantity, or not larger than zero.
    """
    if parse(text) <= 0:
        raise InvalidValueError.of(f"{text!r} isn't larger than zero", "for example 500m or 4Gi")
    return text


def check_not_negative(text: str) -> str:
    """Return a quantity that isn't negative as it is.

    Raises:
        InvalidValueError: It is no quantity, or negative.
    """
    if parse(text) < 0:
        raise InvalidValueError.of(f"{text!r} is negative", "for example 0, 500m or 4Gi")
    return text


def _advice(text: str) -> str:
    match = re.fullmatch(r"\s*([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([A-Za-z]*)\s*", text)
    if match is None:
        return "for example 500m, 2 or 4Gi"
    number, suffix = match.groups()
    suffix = suffix if suffix in _FACTORS else _MISSPELT.get(suffix, "Gi")
    return f"write {number}{suffix}"
