"""Claude's composer as a message finds it: empty, with a text in it, or not on the screen at all."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from agent.claude import screen
from agent.models import Activity, Delivery
from agent.tasks.messages import Messages

PASTE_SECONDS = 3.0
"""100 kB show up in the composer within 215 ms (measured)."""
LEAVE_SECONDS = 10.0
"""A text that Enter has sent is still shown for as long as a busy Claude doesn't draw."""
DRAFT_SECONDS = 0.5
"""A screen that is just drawn anew may show for a moment what isn't in the composer any more."""
SHOW_SECONDS = 1.0
DRAW_SECONDS = 5.0
"""Claude draws its screen anew all the time while it speaks; on a busy machine it often has no composer meanwhile."""
LOOK_SECONDS = 0.05
MOST_LINES = 20
QUIET = frozenset({Activity.IDLE, Activity.STOPPED, Activity.FAILED})
PLACEHOLDER_PATTERN = re.compile(r"\[Pasted text #\d+( \+\d+ lines)?\]")
"""What stands there for a long paste."""
GONE = "something else than the composer has the keyboard"
DRAFT = "somebody's draft stands in the composer"


class Terminal(Protocol):
    """The terminal of one live session, and what is known of it."""

    def activity(self) -> tuple[Activity, str]:
        """Return what the conversation does, and its detail."""
        ...

    def has_queue_between_turns(self) -> bool:
        """Return whether messages wait inside Claude and the turn that takes them hasn't begun."""
        ...

    def opens_dialog_until(self) -> float:
        """Return the monotonic time until which a tool that has just begun may still open a dialog."""
        ...

    async def is_waiting(self) -> bool:
        """Read anew whether Claude waits for a person."""
        ...

    async def capture(self) -> str:
        """Return the screen."""
        ...

    async def leave_copy_mode(self) -> None:
        """Make the keyboard reach Claude again."""
        ...

    async def paste(self, text: str) -> None:
        """Paste a text in brackets."""
        ...

    async def press(self, *keys: str) -> None:
        """Press keys by tmux's names."""
        ...


class BlockedError(Exception):
    """Nothing was sent; the text says what stands in the way."""


class Composer:
    """The composer of one session.

    Args:
        terminal: Where it is.
        messages: What was typed into it before.
    """

    def __init__(self, terminal: Terminal, messages: Messages) -> None:
        self._terminal = terminal
        self._messages = messages
        self._is_leaving = False

    async def text(self) -> str | None:
        """Return what stands in it; None when it isn't on the screen."""
        return screen.composer(await self._terminal.capture())

    async def make_empty(self) -> None:
        """Make sure that what is typed stands alone.

        Raises:
            BlockedError: A dialog or menu is open, or somebody is typing.
        """
        await self.check_no_dialog()
        await self._terminal.leave_copy_mode()
        if self._is_leaving:
            self._is_leaving = not await until(self._is_left, LEAVE_SECONDS)
        draft = await self._shown_text()
        if draft:
            self.note_taken_back(draft)
            await self._clear(draft)
            draft = await self._shown_text()
        if draft is None:
            raise BlockedError(GONE)
        if draft:
            raise BlockedError(DRAFT)

    async def paste(self, text: str) -> None:
        """Paste a text, and wait until it shows.

        Raises:
            BlockedError: The composer is gone: a dialog has the keyboard, and has swallowed the paste.
        """
        await self._terminal.paste(text)
        await until(self._has_text, PASTE_SECONDS)
        if await self._shown_text() is None:
            raise BlockedError(GONE)
        await self.check_no_dialog()

    async def enter(self) -> None:
        """Press Enter."""
        self._is_leaving = True
        await self._terminal.press("Enter")

    async def check_no_dialog(self) -> None:
        """Look anew for a dialog.

        Raises:
            BlockedError: One is open.
        """
        if await self._terminal.is_waiting():
            raise BlockedError("a dialog is open")

    async def keeps_text(self) -> bool:
        """Tell whether a text still stands there behind Enter."""
        return not await self._terminal.is_waiting() and await self._has_text()

    async def until_left(self) -> None:
        """Wait a moment until what was sent isn't shown any more: nothing else may be pasted behind it."""
        self._is_leaving = not await until(self._is_left, PASTE_SECONDS)

    def note_taken_back(self, draft: str) -> None:
        """Note of the message that stands in the composer again that Claude doesn't have it."""
        for message in reversed(self._messages.all()):
            if _shows(draft, message.prompt):
                if message.delivery is Delivery.DELIVERED:
                    reason = "an interrupt took it back into the composer before Claude had begun to answer"
                    self._messages.update(message.message_id, Delivery.TAKEN_BACK, reason)
                return

    async def _clear(self, draft: str) -> None:
        if self._terminal.activity()[0] in QUIET:
            await self._terminal.press("C-c")
            await until(self._is_empty, PASTE_SECONDS)
        elif any(_shows(draft, message.prompt) for message in self._messages.all()):
            # Esc or Ctrl-C would interrupt the turn; this takes out a line.
            for _ in range(MOST_LINES):
                await self._terminal.press("C-e", "C-u")
                await asyncio.sleep(LOOK_SECONDS)
                if not await self._has_text():
                    return

    async def _has_text(self) -> bool:
        return bool(await self.text())

    async def _shown_text(self) -> str | None:
        """Return what stands in it, and wait where it may only be just being drawn."""
        draft: str | None = None

        async def is_shown() -> bool:
            nonlocal draft
            draft = await self.text()
            return draft is not None

        is_quiet = self._terminal.activity()[0] in QUIET
        await until(is_shown, SHOW_SECONDS if is_quiet else DRAW_SECONDS)
        return draft

    async def _is_empty(self) -> bool:
        return await self.text() == ""

    async def _is_left(self) -> bool:
        draft = await self.text()
        # A screen that is just being drawn has no composer either.
        return draft == "" or (draft is None and await self._terminal.is_waiting())


def _shows(draft: str, prompt: str) -> bool:
    """Tell whether a composer shows a text, which it wraps as it likes."""
    if PLACEHOLDER_PATTERN.fullmatch(draft):
        return len(prompt) > screen.COMPOSER_CHARACTERS or prompt.count("\n") >= screen.COMPOSER_LINES
    return "".join(draft.split()) == "".join(prompt.split())


async def until(condition: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    """Wait until something is so; False when it isn't in time."""
    end = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() >= end:
            return False
        await asyncio.sleep(LOOK_SECONDS)
    return True
