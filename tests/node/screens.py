"""What is on the screens in a page: the terminal's, and the workspace's own."""

from __future__ import annotations

from playwright.sync_api import Locator

from tests.rigs.waiting import wait_until

SECONDS = 30
# ttyd keeps its xterm there.
_TEXT = """() => {
    const screen = window.term?.buffer.active;
    if (!screen) return "";
    return Array.from({length: screen.length}, (_, row) => screen.getLine(row).translateToString(true)).join("\\n");
}"""
# The part of the screen that has a colour, which is given as [red, green, blue].
_SHARE = """(canvas, [red, green, blue]) => {
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let found = 0;
    for (let at = 0; at < data.length; at += 4)
        if (data[at] === red && data[at + 1] === green && data[at + 2] === blue) found += 1;
    return found * 4 / data.length;
}"""


def terminal_text(body: Locator) -> str:
    """Return what a terminal shows, by the body of its page."""
    text: str = body.evaluate(_TEXT)
    return text


def terminal_shows(body: Locator, *texts: str, absent: str = "") -> None:
    """Wait until all texts are on a terminal's screen, and another one isn't."""

    def is_shown() -> bool:
        seen[:] = [terminal_text(body)]
        return all(text in seen[0] for text in texts) and not (absent and absent in seen[0])

    seen: list[str] = []
    try:
        wait_until(is_shown, what=f"{texts} on the terminal", seconds=SECONDS)
    except TimeoutError as error:
        raise TimeoutError(f"{error}; it shows\n{seen[0]}") from None


def share_of_colour(canvas: Locator, colour: tuple[int, int, int]) -> float:
    """Return how much of a canvas has a colour, from 0 to 1."""
    share: float = canvas.evaluate(_SHARE, list(colour))
    return share
