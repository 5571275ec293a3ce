"""Type a message into Claude's composer, so that it arrives once and unchanged and never answers a dialog.

A paste is swallowed by a dialog, but the Enter behind it would take the highlighted option,
which approves the tool. So nothing is typed while anything waits for a person, and while
something is typed the answers to PreToolUse hooks are held back: Claude opens no dialog before
it has them. And no Enter is pressed unless the composer is on the screen, which a dialog replaces.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from agent.claude import composing, screen
from agent.models import Activity, Delivery, Message
from agent.tasks.messages import Messages

DIALOG_SECONDS = 1.0
"""A dialog comes at most 110 ms after the PermissionRequest hook, and that 150 ms after PreToolUse (measured).

On a busy machine it takes several times as long.
"""
RECEIPT_SECONDS = 2.5
"""UserPromptSubmit comes 12 to 330 ms after Enter, the transcript's line at most 370 ms later (measured)."""
PASTE_SECONDS = 3.0
"""100 kB show up in the composer within 215 ms (measured)."""
READY_SECONDS = 10.0
INTERRUPT_SECONDS = 2.0
"""The sessions file is idle 107 ms after Esc, 904 at most (measured); two Esc at idle would open a menu."""
LOOK_SECONDS = 0.05
TYPEABLE = frozenset(
    {
        Activity.IDLE,
        Activity.STOPPED,
        Activity.FAILED,
        Activity.WORKING,
        Activity.RETRYING,
        Activity.WAITING_BACKGROUND,
    }
)
QUIET = frozenset({Activity.IDLE, Activity.STOPPED, Activity.FAILED})


class Terminal(Protocol):
    """The terminal of one live session, and what is known of it."""

    def activity(self) -> tuple[Activity, str]:
        """Return what the conversation does, and its detail."""
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


class Deliverer:
    """Sends the messages of one session one after another.

    Args:
        terminal: Where they are typed.
        messages: Where they are recorded.
    """

    def __init__(self, terminal: Terminal, messages: Messages) -> None:
        self._terminal = terminal
        self._messages = messages
        self._turn = asyncio.Lock()
        self._may_ask = asyncio.Event()
        self._may_ask.set()
        self._held = 0
        self._released_until = 0.0

    async def until_dialogs_may_open(self) -> None:
        """Wait while a message is being typed; the answer to a PreToolUse hook waits here."""
        self._held += 1
        try:
            await self._may_ask.wait()
        finally:
            self._held -= 1

    async def send(self, message_id: str, text: str, *, allow_commands: bool) -> Message:
        """Send a text and return what is known of it after some seconds.

        Raises:
            OSError: It can't be recorded, so it wasn't sent.
        """
        prompt, sent_at = text, time.time()
        try:
            prepared = composing.prepare(text, allow_commands=allow_commands)
        except composing.RefusedTextError as error:
            return self._note(message_id, prompt, sent_at, Delivery.REFUSED, str(error))
        async with self._turn:
            try:
                await self._ready()
            except BlockedError as error:
                return self._note(message_id, prompt, sent_at, Delivery.BLOCKED, str(error))
            message = Message(
                message_id=message_id,
                prompt=prompt,
                sent_at=sent_at,
                delivery=Delivery.SENDING,
                altered=prepared.altered,
            )
            await asyncio.to_thread(self._messages.add, message)
            async with self._no_new_dialogs():
                return await self._type(message_id, prepared.text)

    async def interrupt(self) -> None:
        """Press Esc, not into the middle of a message, and give the session a moment to show it."""
        async with self._turn:
            await self._terminal.press("Escape")
            await _until(self._is_quiet, INTERRUPT_SECONDS)

    async def _is_quiet(self) -> bool:
        return self._terminal.activity()[0] in QUIET

    def _note(self, message_id: str, prompt: str, sent_at: float, delivery: Delivery, reason: str) -> Message:
        return self._messages.add(
            Message(message_id=message_id, prompt=prompt, sent_at=sent_at, delivery=delivery, reason=reason)
        )

    @contextlib.asynccontextmanager
    async def _no_new_dialogs(self) -> AsyncIterator[None]:
        self._may_ask.clear()
        try:
            yield
        finally:
            if self._held:
                # The next message must see the dialogs that are let through now.
                self._released_until = time.monotonic() + DIALOG_SECONDS
            self._may_ask.set()

    async def _ready(self) -> None:
        """Wait for a session that has just begun, and refuse one that something else waits in.

        Raises:
            BlockedError: A person has to do something first.
        """
        await _until(self._has_started, READY_SECONDS)
        activity, detail = self._terminal.activity()
        if activity not in TYPEABLE:
            raise BlockedError(f"the session is {activity.value}" + (f": {detail}" if detail else ""))

    async def _has_started(self) -> bool:
        return self._terminal.activity()[0] is not Activity.STARTING

    async def _type(self, message_id: str, text: str) -> Message:
        try:
            await self._empty_composer()
            await self._terminal.paste(text)
            await self._until_pasted()
            await self._check_no_dialog()
        except BlockedError as error:
            return self._messages.update(message_id, Delivery.BLOCKED, str(error))
        await self._terminal.press("Enter")
        if not await self._has_receipt(message_id) and await self._still_in_composer():
            await self._terminal.press("Enter")
            await self._has_receipt(message_id)
        # Nothing else is pasted behind a text that hasn't left the composer yet.
        await _until(self._composer_is_left, PASTE_SECONDS)
        message = self._messages.get(message_id)
        if message.delivery is Delivery.SENDING:
            reason = "Claude gave no receipt; look at the session before sending it again"
            return self._messages.update(message_id, Delivery.UNKNOWN, reason)
        return message

    async def _empty_composer(self) -> None:
        """Make sure that what is typed stands alone.

        Raises:
            BlockedError: A dialog or menu is open, or somebody is typing.
        """
        may_open_until = max(self._terminal.opens_dialog_until(), self._released_until)
        await asyncio.sleep(max(0.0, may_open_until - time.monotonic()))
        await self._check_no_dialog()
        await self._terminal.leave_copy_mode()
        draft = screen.composer(await self._terminal.capture())
        if draft:
            if self._terminal.activity()[0] not in QUIET:
                # Esc or Ctrl-C would interrupt the turn.
                raise BlockedError("somebody's draft stands in the composer")
            await self._terminal.press("C-c")
            await _until(self._composer_is_empty, PASTE_SECONDS)
            draft = screen.composer(await self._terminal.capture())
        if draft is None:
            raise BlockedError("something else than the composer has the keyboard")
        if draft:
            raise BlockedError("somebody's draft stands in the composer")

    async def _until_pasted(self) -> None:
        """Wait until the composer shows that it has a text.

        Raises:
            BlockedError: The composer is gone: a dialog has the keyboard, and has swallowed the paste.
        """
        await _until(self._composer_has_text, PASTE_SECONDS)
        if screen.composer(await self._terminal.capture()) is None:
            raise BlockedError("something else than the composer has the keyboard")

    async def _composer_has_text(self) -> bool:
        return bool(screen.composer(await self._terminal.capture()))

    async def _composer_is_left(self) -> bool:
        return not screen.composer(await self._terminal.capture())

    async def _composer_is_empty(self) -> bool:
        return screen.composer(await self._terminal.capture()) == ""

    async def _still_in_composer(self) -> bool:
        return not await self._terminal.is_waiting() and bool(screen.composer(await self._terminal.capture()))

    async def _check_no_dialog(self) -> None:
        if await self._terminal.is_waiting():
            raise BlockedError("a dialog is open")

    async def _has_receipt(self, message_id: str) -> bool:
        async def arrived() -> bool:
            return self._messages.get(message_id).delivery is not Delivery.SENDING

        return await _until(arrived, RECEIPT_SECONDS)


async def _until(condition: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() >= end:
            return False
        await asyncio.sleep(LOOK_SECONDS)
    return True
