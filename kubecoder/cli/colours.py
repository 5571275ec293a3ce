"""Colours on stdout, where a person sees them."""

from __future__ import annotations

import os
import sys


def coloured(text: str, code: int) -> str:
    """Colour a text by an SGR code on a terminal; elsewhere return it as it is."""
    return f"\x1b[{code}m{text}\x1b[0m" if is_coloured() else text


def is_coloured() -> bool:
    """Tell whether stdout takes colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
