"""Type a message into Claude's composer, so that it arrives once and unchanged and never answers a dialog.

A paste is swallowed by a dialog, but the Enter behind it would take the highlighted option,
which approves the tool. So nothing is typed while anything waits for a person, and while
something is typed the answers to PreToolUse and Stop hooks are held back: before it has them, Claude
opens no dialog, and ends no turn, behind which a new text would overtake those that wait. And no
Enter is pressed unless the composer is on the screen, which a dialog replaces.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from agent.claude import composing
from agent.models import Activity, Delivery, Message
from agent.tasks.composer import QUIET, BlockedError, Composer, Terminal, until
from agent.tasks.messages import Messages

DIALOG_SECONDS = 1.0
"""A dialog comes at most 110 ms after the PermissionRequest hook, and that 150 ms after PreToolUse (measured).

On a busy machine it takes several times as long.
"""
RECEIPT_SECONDS = 2.5
"""UserPromptSubmit comes 12 to 330 ms after Enter, the transcript's line at most 370 ms later (measured)."""
LATE_RECEIPT_SECONDS = 7.5
"""On a busy machine what has left the composer is told some seconds later."""
QUEUE_SECONDS = 5.0
"""What waits inside Claude is taken 80 ms after the turn's end, on a busy machine within 4 s."""
READY_SECONDS = 10.0
INTERRUPT_SECONDS = 2.0
"""The sessions file is idle 107 ms after Esc, 904 at most (measured); two Esc at idle would open a menu."""
BETWEEN_TURNS = QUIET | {Activity.WAITING_BACKGROUND}
TYPEABLE = BETWEEN_TURNS | {Activity.WORKING, Activity.RETRYING}


class Deliverer:
    """Sends the messages of one session one after another.

    Args:
        terminal: Where they are typed.
        messages: Where they are recorded.
    """

    def __init__(self, terminal: Terminal, messages: Messages) -> None:
        self._terminal = terminal
        self._messages = messages
        self._composer = Composer(terminal, messages)
        self._turn = asyncio.Lock()
        self._may_ask = asyncio.Event()
        self._may_ask.set()
        self._held = 0
        self._ends_held = 0
        self._released_until = 0.0

    async def until_dialogs_may_open(self) -> None:
        """Wait while a message is being typed; the answer to a PreToolUse hook waits here."""
        self._held += 1
        try:
            await self._may_ask.wait()
        finally:
            self._held -= 1

    async def until_turn_may_end(self) -> None:
        """Wait while a message is being typed; the answer to a Stop hook waits here."""
        self._ends_held += 1
        try:
            await self._may_ask.wait()
        finally:
            self._ends_held -= 1

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
                message = await self._type(message_id, prepared.text)
            if message.delivery is Delivery.SENDING:
                message = await self._late_receipt(message_id, is_command=allow_commands)
            return message

    async def interrupt(self) -> None:
        """Press Esc, not into the middle of a message, and give the session a moment to show it."""
        async with self._turn:
            before = await self._composer.text()
            await self._terminal.press("Escape")
            await until(self._is_quiet, INTERRUPT_SECONDS)
            draft = await self._composer.text()
            if draft and not before:
                self._composer.note_taken_back(draft)

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
        await until(self._has_started, READY_SECONDS)
        activity, detail = self._terminal.activity()
        if activity not in TYPEABLE:
            raise BlockedError(f"the session is {activity.value}" + (f": {detail}" if detail else ""))

    async def _has_started(self) -> bool:
        return self._terminal.activity()[0] is not Activity.STARTING

    async def _type(self, message_id: str, text: str) -> Message:
        try:
            await self._until_dialogs_show()
            await until(self._is_in_turn, QUEUE_SECONDS)
            await self._composer.make_empty()
            self._check_order(text)
            await self._composer.paste(text)
        except BlockedError as error:
            return self._messages.update(message_id, Delivery.BLOCKED, str(error))
        await self._composer.enter()
        if not await self._has_receipt(message_id, RECEIPT_SECONDS) and await self._composer.keeps_text():
            await self._composer.enter()
            await self._has_receipt(message_id, RECEIPT_SECONDS)
        await self._composer.until_left()
        return self._messages.get(message_id)

    async def _late_receipt(self, message_id: str, *, is_command: bool) -> Message:
        # Of many commands the transcript tells nothing.
        if is_command or not await self._has_receipt(message_id, LATE_RECEIPT_SECONDS):
            reason = "Claude gave no receipt; look at the session before sending it again"
            return self._messages.update(message_id, Delivery.UNKNOWN, reason)
        return self._messages.get(message_id)

    async def _is_in_turn(self) -> bool:
        """Tell whether a text would go behind those that wait inside Claude; between two turns it would overtake."""
        return self._ends_held > 0 or not self._terminal.has_queue_between_turns()

    async def _until_dialogs_show(self) -> None:
        may_open_until = max(self._terminal.opens_dialog_until(), self._released_until)
        await asyncio.sleep(max(0.0, may_open_until - time.monotonic()))

    def _check_order(self, text: str) -> None:
        """Keep later messages from overtaking a path: Claude takes what begins with / only between two turns.

        Raises:
            BlockedError: It would happen.
        """
        queued = (each for each in self._messages.all() if each.delivery is Delivery.QUEUED)
        if any(composing.is_path(each.prompt) for each in queued):
            raise BlockedError("an earlier message that begins with / waits for the turn's end and would be overtaken")
        if composing.is_path(text) and self._terminal.activity()[0] not in BETWEEN_TURNS:
            raise BlockedError(
                "Claude takes a text that begins with / only between two turns, where later ones overtake it; "
                "send it when the session is idle"
            )

    async def _has_receipt(self, message_id: str, seconds: float) -> bool:
        async def arrived() -> bool:
            return self._messages.get(message_id).delivery is not Delivery.SENDING

        return await until(arrived, seconds)
