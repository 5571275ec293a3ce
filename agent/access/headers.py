"""Request headers as the listeners judge them: every value of a name, for a second one changes the meaning."""

from __future__ import annotations

from collections.abc import Iterable

Headers = Iterable[tuple[bytes, bytes]]


def collect(headers: Headers) -> dict[bytes, list[bytes]]:
    """Return all values of each header, by its name in lower case."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(value.strip())
    return values
