"""Where a conversation stands in its scripts: read from the conversation alone.

The id of a tool call names the script and the step that made it; a turn's end needs no mark,
because a model that has called no tool has ended its turn. Only one thing isn't there to read: a turn that failed
leaves its prompt before the next one, just as two messages that were queued. So the caller remembers what it was asked.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from agent.demo.messages import Interrupted, Item, Notice, Prompt, Reply, Request, Summary
from agent.demo.script import Script, find
from agent.demo.steps import Step

_CALL_ID = re.compile(r"toolu_([0-9a-f]{8})_(\d+)_([0-9a-f]+)_\d+")


@dataclass
class Playing:
    """A script, and the index of the next step."""

    script: Script
    position: int = 0

    def rest_of_turn(self) -> Iterator[tuple[int, Step]]:
        """Yield what belongs to the running turn, the step that ends it included, with each step's index."""
        for index in range(self.position, len(self.script.steps)):
            step = self.script.steps[index]
            yield index, step
            if step.ends_turn:
                return

    def end_turn(self) -> None:
        """Go to the step that ends the running turn: a later script has had its say."""
        for index, step in self.rest_of_turn():
            self.position = index if step.ends_turn else index + 1

    def next_turn(self) -> None:
        """Go behind the step that ends the running turn."""
        while self.position < len(self.script.steps):
            self.position += 1
            if self.script.steps[self.position - 1].ends_turn:
                return

    @property
    def rest(self) -> list[Any]:
        """What is left, as JSON."""
        return list(self.script.source[self.position :])


@dataclass
class Stand:
    """Where a conversation stands.

    Attributes:
        playing: Scripts with steps left, in the order in which they are played.
        asked: Whether a prompt waits for an answer that the model hasn't begun.
        in_turn: Whether the model has called tools and hears of their results.
        continues: Whether a compaction came in between.
        prompts: How many turns had a person's or Claude Code's own prompt.
    """

    playing: list[Playing] = field(default_factory=list)
    asked: bool = False
    in_turn: bool = False
    continues: bool = False
    prompts: int = 0
    _made: set[tuple[str, ...]] = field(default_factory=set)

    @classmethod
    def of(cls, request: Request, was_asked: Callable[[str], bool] = lambda _name: False) -> Stand:
        """Replay a request's conversation.

        Args:
            request: The request.
            was_asked: Tells whether a request of this name (`Request.names`) came before. If something follows
                without a reply in between, that turn has failed.
        """
        stand = cls()
        before = ""
        for item, name in zip(request.conversation, request.names, strict=True):
            if isinstance(item, Prompt | Notice) and before and was_asked(before):
                stand._drop()
            stand._take(item)
            before = "" if isinstance(item, Reply) else name
        return stand

    @property
    def is_waiting(self) -> bool:
        """Whether the model is to go on with what it plays."""
        return self.asked or self.in_turn or self.continues

    def _drop(self) -> None:
        self.playing = []
        self.asked = self.in_turn = self.continues = False

    def _take(self, item: Item) -> None:
        if isinstance(item, Reply):
            self.asked = self.continues = False
            self.in_turn = bool(item.calls)
            for call_id, _name in item.calls:
                self._advance(call_id)
        elif isinstance(item, Interrupted):
            self._drop()
        elif isinstance(item, Summary):
            self._drop()
            self.playing = [Playing(script) for script in find(item.text)]
            self.continues = True
        elif isinstance(item, Prompt):
            self._ask([Playing(script) for script in find(item.text)])
        elif isinstance(item, Notice):
            self._ask([])

    def _ask(self, scripts: list[Playing]) -> None:
        if self.in_turn or self.asked:
            self.playing += scripts
            return
        self.asked = True
        self.continues = False
        self.prompts += 1
        if scripts:
            self.playing = scripts
        else:
            for playing in self.playing:
                playing.next_turn()

    def _advance(self, call_id: str) -> None:
        found = _CALL_ID.match(call_id)
        if not found or found.groups() in self._made:
            return
        self._made.add(found.groups())
        key, index = found[1], int(found[2])
        # Of two copies of one script the first goes first, and a step is never made twice.
        for number, playing in enumerate(self.playing):
            if playing.script.key == key and playing.position <= index:
                playing.position = index + 1
                for earlier in self.playing[:number]:
                    earlier.end_turn()
                return

    def remaining(self) -> list[Any]:
        """Return the steps that are left, as a script for what follows a compaction."""
        left = [playing for playing in self.playing if playing.rest]
        if self.asked or self.in_turn:
            return [step for playing in left for step in playing.rest]
        for playing in left:
            playing.next_turn()
        later = [step for playing in left for step in playing.rest]
        return [{"end": True}, *later] if later else []


def call_ids(script: Script, index: int, count: int) -> list[str]:
    """Make ids for the calls of one step; the random part makes them the only ones of their kind."""
    reply = secrets.token_hex(8)
    return [f"toolu_{script.key}_{index}_{reply}_{number}" for number in range(count)]
