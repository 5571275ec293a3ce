"""Tells what happens in one task from its events: each thing once, also after a gap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from kubecoder.cli.task.narration import answer_text, entry_text, message_text, state_text
from kubecoder.cli.task.requests import highlighted
from kubecoder.cli.task.showing import asking

if TYPE_CHECKING:
    from agent.models import Permission, TaskEvent, TaskSummary, TranscriptEntry
    from kubecoder.agentclient import AgentClient

EARLIER_SHOWN = 10
"""How much of an old conversation is shown before what happens now."""


class Teller:
    """Writes a task's events as text.

    Args:
        client: Of the task's agent.
        task_id: The task.
        write: Gets the text.
        earlier: How many of the earlier pieces of the conversation are shown; None shows all.
        asks: Whether requests are shown by whoever asks the person about them, and not here.

    Attributes:
        task: The newest state.
        open: Requests that nobody has answered, by id, oldest first.
    """

    def __init__(
        self,
        client: AgentClient,
        task_id: str,
        write: Callable[[str], None],
        *,
        earlier: int | None = EARLIER_SHOWN,
        asks: bool = False,
    ) -> None:
        self._client = client
        self._task_id = task_id
        self._write = write
        self._earlier = earlier
        self.asks = asks
        self._told: Counter[Hashable] = Counter()
        self._state: tuple[object, ...] = ()
        self.task: TaskSummary | None = None
        self.open: dict[str, Permission] = {}
        self._undecided: set[str] = set()

    def tell(self, event: TaskEvent) -> None:
        """Take one event."""
        if event.kind == "gap":
            self._catch_up()
        if event.entry is not None:
            self._tell_entry(event.entry)
        if event.permission is not None:
            self._tell_permission(event.permission)
        if event.message is not None:
            self._write_unless_empty(message_text(event.message))
        if event.task is not None:
            self.tell_state(event.task)

    def tell_state(self, task: TaskSummary) -> None:
        """Tell what a task does, unless it was told already."""
        self.task = task
        detail = task.activity_detail if task.activity and task.activity.value in _TELLING_DETAILS else None
        state = (task.status, task.activity, detail, task.queue_position)
        if state != self._state:
            self._state = state
            self._write(state_text(task))

    def _catch_up(self) -> None:
        """Read what there is, and tell what wasn't told yet."""
        from kubecoder.agentclient.patience import patiently

        is_first = self.task is None
        entries = patiently(lambda: self._client.transcript(self._task_id))
        seen: Counter[Hashable] = Counter()
        untold = []
        for entry in entries:
            seen[_key(entry)] += 1
            if seen[_key(entry)] > self._told[_key(entry)]:
                untold.append(entry)
        self._told |= seen
        hidden = max(0, len(untold) - self._earlier) if is_first and self._earlier is not None else 0
        if hidden:
            self._write(f"… {hidden} earlier pieces: kubecoder task transcript {self._task_id}\n")
        for entry in untold[hidden:]:
            self._write_unless_empty(entry_text(entry))
        for permission in reversed(patiently(lambda: self._client.permissions(self._task_id))):
            self._tell_permission(permission)
        self.tell_state(patiently(lambda: self._client.get(self._task_id)))

    def _tell_entry(self, entry: TranscriptEntry) -> None:
        key = _key(entry)
        if self._told[key]:
            return
        self._told[key] = 1
        self._write_unless_empty(entry_text(entry))

    def _tell_permission(self, permission: Permission) -> None:
        identity, state = permission.request_id, permission.state.value
        if state == "open":
            if identity not in self._undecided and not self.asks:
                self._write(highlighted(asking(permission)))
            self.open[identity] = permission
            self._undecided.add(identity)
            return
        self.open.pop(identity, None)
        if state != "answering" and identity in self._undecided:
            self._undecided.discard(identity)
            self._write(answer_text(permission))

    def _write_unless_empty(self, text: str) -> None:
        if text:
            self._write(text)


_TELLING_DETAILS = frozenset({"retrying", "blocked", "failed"})
"""Where a new detail is news: elsewhere it names the tool, which the conversation shows."""


def _key(entry: TranscriptEntry) -> Hashable:
    """Tell pieces of a conversation apart; they carry no number of their own."""
    return entry.kind, entry.at, entry.tool_use_id, entry.agent_id, hash(entry.text)
