"""The page's icon: a prompt, and how many things need the person (a page's policy lets it draw none itself)."""

from __future__ import annotations

NEEDS = range(100)
SHOWN = 9

_PROMPT = (
    '<path d="M4 5l3 3-3 3M8.5 11H12" fill="none" stroke="#fff" stroke-width="1.5" '
    'stroke-linecap="round" stroke-linejoin="round"/>'
)


def draw(needs: int) -> str:
    """Return the icon as SVG; more than `SHOWN` is shown as such."""
    number = f"{SHOWN}+" if needs > SHOWN else str(needs)
    text = (
        f'<text x="8" y="12" text-anchor="middle" font-family="sans-serif" font-weight="bold" '
        f'font-size="11" fill="#fff">{number}</text>'
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
        f'<rect width="16" height="16" rx="3" fill="{"#b35900" if needs else "#0550ae"}"/>'
        f"{text if needs else _PROMPT}</svg>"
    )
