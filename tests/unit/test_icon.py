"""The page's icon."""

from __future__ import annotations

import re

import pytest

from agent.routes import icon


@pytest.mark.parametrize(("needs", "shown"), [(0, None), (1, "1"), (9, "9"), (10, "9+"), (99, "9+")])
def test_it_carries_the_number(needs: int, shown: str | None) -> None:
    found = re.search("<text [^>]*>([^<]*)</text>", icon.draw(needs))
    assert (found[1] if found else None) == shown
