"""What is typed into a session, and what stands in a message's way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.claude.evidence import Enqueued, UserLine
from agent.models import Activity, Delivery, Message
from agent.tasks import composer, delivery
from agent.tasks.delivery import Deliverer
from agent.tasks.messages import Messages

RULE = "─" * 40
PATH = "/etc/hosts is a path"


class Claude:
    """Stands for a session: a composer that takes what is typed, and a transcript that tells it.

    Attributes:
        shown: What the composer shows; None while something else has the keyboard.
        keys: All that was pressed.
        lag: For how many looks a text that was sent is still shown.
        waits: Whether a dialog is open.
        flickers: For how many looks the screen is just being drawn.
        is_silent: Whether nothing tells that a text was taken.
        is_between: Whether messages wait inside and no turn runs.
        opens: Called when a text was pasted.
    """

    def __init__(self, file: Path) -> None:
        self.messages = Messages(file, changed=lambda _: None)
        self.deliverer = Deliverer(self, self.messages)
        self.doing = Activity.IDLE
        self.shown: str | None = ""
        self.keys: list[str] = []
        self.taken: list[str] = []
        self.lag = 0
        self.waits = False
        self.opens: Callable[[], None] = lambda: None
        self.is_between = False
        self.is_silent = False
        self.flickers = 0
        self._still = ""

    def send(self, text: str, *, allow_commands: bool = False) -> Message:
        identity = f"m{len(self.messages.all())}"
        return asyncio.run(self.deliverer.send(identity, text, allow_commands=allow_commands))

    def activity(self) -> tuple[Activity, str]:
        return self.doing, ""

    def has_queue_between_turns(self) -> bool:
        return self.is_between

    def opens_dialog_until(self) -> float:
        return 0.0

    async def is_waiting(self) -> bool:
        return self.waits

    async def capture(self) -> str:
        if self.shown is None or self.flickers:
            self.flickers -= self.flickers > 0
            return "Rewind"
        if self._still and self.lag > 0:
            self.lag -= 1
            return f"{RULE}\n❯\u00a0{self._still}\n{RULE}"
        return f"{RULE}\n❯\u00a0{self.shown}\n{RULE}"

    async def leave_copy_mode(self) -> None:
        pass

    async def paste(self, text: str) -> None:
        if self.shown is not None:
            self.shown += text
        self.opens()
        await asyncio.sleep(0)

    async def press(self, *keys: str) -> None:
        self.keys += keys
        if self.shown and "Enter" in keys:
            self._take(self.shown)
        elif self.shown and keys == ("C-e", "C-u"):
            *lines, _ = self.shown.split("\n")
            self.shown = "\n".join(lines)
        elif "C-c" in keys:
            self.shown = ""
        elif "Escape" in keys:
            self.doing, self.shown = Activity.STOPPED, self.shown or "".join(self.taken[-1:])

    def _take(self, text: str) -> None:
        self.taken.append(text)
        self._still, self.shown = text, ""
        if self.is_silent:
            return
        if self.doing is Activity.WORKING:
            self.messages.observe(Enqueued(0.0, text))
        else:
            self.messages.observe(UserLine(0.0, prompt_id="p", prompt_source="typed", text=text))


@pytest.fixture
def claude(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Claude:
    monkeypatch.setattr(composer, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(composer, "PASTE_SECONDS", 0.02)
    monkeypatch.setattr(composer, "SHOW_SECONDS", 0.1)
    monkeypatch.setattr(composer, "DRAW_SECONDS", 0.1)
    return Claude(tmp_path / "messages.jsonl")


def test_a_text_is_pasted_and_sent_with_one_enter(claude: Claude) -> None:
    sent = claude.send("two\nlines ")
    assert (sent.delivery, claude.taken, claude.keys) == (Delivery.DELIVERED, ["two\nlines"], ["Enter"])
    assert sent.altered == ("blanks at the end are left out",)


def test_what_claude_alters_is_told_with_the_receipt(claude: Claude) -> None:
    claude.doing = Activity.WORKING
    claude.send("  q\u200cr")
    claude.messages.observe(UserLine(0.0, prompt_id="p", prompt_source="queued", text="qr"))
    (message,) = Messages(claude.messages._file, changed=lambda _: None).all()
    assert message.delivery is Delivery.DELIVERED
    assert message.altered == ("blanks at the beginning are left out", "joiners that join nothing are left out")


@pytest.mark.parametrize("doing", [Activity.IDLE, Activity.FAILED, Activity.STOPPED, Activity.WAITING_BACKGROUND])
def test_a_path_is_sent_between_two_turns(claude: Claude, doing: Activity) -> None:
    claude.doing = doing
    assert claude.send(PATH).delivery is Delivery.DELIVERED


@pytest.mark.parametrize("doing", [Activity.WORKING, Activity.RETRYING])
def test_a_path_is_not_sent_into_a_turn_where_later_messages_would_overtake_it(claude: Claude, doing: Activity) -> None:
    claude.doing = doing
    sent = claude.send(PATH)
    assert sent.delivery is Delivery.BLOCKED
    assert "between two turns" in (sent.reason or "")
    assert (claude.keys, claude.shown) == ([], "")


def test_nothing_overtakes_a_path_that_is_queued_all_the_same(claude: Claude) -> None:
    claude.send(PATH)
    claude.messages.update("m0", Delivery.QUEUED)
    claude.doing = Activity.WORKING
    assert claude.send("behind it").delivery is Delivery.BLOCKED
    claude.messages.update("m0", Delivery.DELIVERED)
    assert claude.send("behind it").delivery is Delivery.QUEUED


def test_a_command_that_is_asked_for_is_sent_while_claude_works(claude: Claude) -> None:
    claude.doing = Activity.WORKING
    assert claude.send("/compact", allow_commands=True).delivery is Delivery.QUEUED
    assert claude.send("and go on").delivery is Delivery.QUEUED


def test_a_text_of_ours_that_is_still_shown_is_nobodys_draft(claude: Claude) -> None:
    claude.doing = Activity.WORKING
    claude.lag = 100
    claude.send("first")
    assert claude.lag > 0, "the screen lags behind for longer than a message waits"
    assert claude.send("- second").delivery is Delivery.QUEUED
    assert claude.taken == ["first", "- second"]


def test_somebodys_draft_is_left_alone_while_claude_works(claude: Claude) -> None:
    claude.doing, claude.shown = Activity.WORKING, "I am just typ"
    sent = claude.send("hello")
    assert (sent.delivery, sent.reason) == (Delivery.BLOCKED, "somebody's draft stands in the composer")
    assert (claude.keys, claude.shown) == ([], "I am just typ")


def test_an_interrupt_that_takes_a_text_back_is_noted(claude: Claude) -> None:
    claude.send("first")
    asyncio.run(claude.deliverer.interrupt())
    message = claude.messages.get("m0")
    assert message.delivery is Delivery.TAKEN_BACK
    assert "interrupt" in (message.reason or "")
    assert claude.send("second").delivery is Delivery.DELIVERED
    assert claude.taken == ["first", "second"]


def test_an_interrupt_that_leaves_the_composer_as_it_was_takes_nothing_back(claude: Claude) -> None:
    claude.send("first")
    claude.shown = "first"
    asyncio.run(claude.deliverer.interrupt())
    assert claude.messages.get("m0").delivery is Delivery.DELIVERED


def test_our_own_text_is_taken_out_of_the_composer_without_an_interrupt(claude: Claude) -> None:
    claude.send("taken\nback")
    claude.doing, claude.shown = Activity.WORKING, "taken\n  back"
    assert claude.send("second").delivery is Delivery.QUEUED
    assert claude.taken == ["taken\nback", "second"]
    assert set(claude.keys) == {"Enter", "C-e", "C-u"}
    assert claude.messages.get("m0").delivery is Delivery.TAKEN_BACK


def test_a_dialog_that_opens_behind_the_paste_gets_no_enter(claude: Claude) -> None:
    def dialog() -> None:
        claude.waits, claude.shown = True, None

    claude.opens = dialog
    assert claude.send("yes").delivery is Delivery.BLOCKED
    assert claude.keys == []


def test_a_menu_that_has_the_keyboard_gets_neither_text_nor_enter(claude: Claude) -> None:
    claude.shown = None
    sent = claude.send("hello")
    assert (sent.delivery, claude.keys) == (Delivery.BLOCKED, [])


def test_a_screen_that_is_being_drawn_is_waited_for(claude: Claude) -> None:
    async def play() -> Message:
        claude.shown = None
        sending = asyncio.create_task(claude.deliverer.send("m0", "hello", allow_commands=False))
        await asyncio.sleep(0.01)
        claude.shown = ""
        return await sending

    assert asyncio.run(play()).delivery is Delivery.DELIVERED


def test_a_screen_that_is_drawn_behind_the_paste_keeps_no_text_from_being_sent(claude: Claude) -> None:
    def draw() -> None:
        claude.flickers = 40

    claude.opens = draw
    assert claude.send("hello").delivery is Delivery.DELIVERED
    assert claude.keys == ["Enter"]


def test_a_text_waits_for_the_turn_that_takes_those_before_it(claude: Claude) -> None:
    async def play() -> None:
        claude.is_between = True
        sending = asyncio.create_task(claude.deliverer.send("m0", "hello", allow_commands=False))
        await asyncio.sleep(0.05)
        assert (claude.shown, claude.keys) == ("", [])
        claude.is_between, claude.doing = False, Activity.WORKING
        assert (await sending).delivery is Delivery.QUEUED

    asyncio.run(play())


def test_a_turn_ends_only_when_the_text_that_is_being_typed_is_inside(claude: Claude) -> None:
    inside: list[str] = []

    async def end() -> None:
        await claude.deliverer.until_turn_may_end()
        inside.extend(claude.taken)

    async def play() -> None:
        claude.doing = Activity.WORKING
        ends: list[asyncio.Task[None]] = []
        claude.opens = lambda: ends.append(asyncio.create_task(end()))
        await claude.deliverer.send("m0", "hello", allow_commands=False)
        await asyncio.gather(*ends)

    asyncio.run(play())
    assert inside == ["hello"]


def test_a_turn_whose_end_is_held_takes_the_text_at_once(claude: Claude) -> None:
    async def play() -> None:
        claude.doing = Activity.WORKING
        async with claude.deliverer._no_new_dialogs():
            ending = asyncio.create_task(claude.deliverer.until_turn_may_end())
            await asyncio.sleep(0)
            claude.is_between = True
            assert await claude.deliverer._is_in_turn()
        await ending
        assert not await claude.deliverer._is_in_turn()

    asyncio.run(play())


def test_a_receipt_that_comes_late_is_waited_for(claude: Claude, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "RECEIPT_SECONDS", 0.02)
    claude.is_silent = True

    async def play() -> Message:
        sending = asyncio.create_task(claude.deliverer.send("m0", "hello", allow_commands=False))
        await asyncio.sleep(0.1)
        claude.messages.observe(UserLine(0.0, prompt_id="p", prompt_source="typed", text="hello"))
        return await sending

    assert asyncio.run(play()).delivery is Delivery.DELIVERED
    assert claude.keys == ["Enter"]
