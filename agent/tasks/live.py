"""One live session: every source of evidence is read here, and the state follows from it."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.claude import hookevents, screen, sessionsfile, transcript
from agent.claude.evidence import (
    Evidence,
    Exited,
    Launched,
    PermissionAnswered,
    PermissionRequested,
    PermissionWithdrawn,
    SessionStarted,
    StatusSeen,
    Ticked,
    ToolStarted,
    TurnStopped,
    WatchBegan,
)
from agent.logs import event
from agent.models import Activity, Decision, Delivery, Source, TaskEvent, Usage
from agent.processes import children, is_alive, start_time
from agent.tasks import state as states
from agent.tasks.conversation import Conversation
from agent.tasks.delivery import DIALOG_SECONDS, Deliverer
from agent.tasks.messages import Messages
from agent.tasks.permissions import Broker
from agent.tasks.records import Launch
from agent.tasks.state import State
from agent.tmux import Tmux, TmuxError

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.025
QUIET_LOOK_SECONDS = 0.1
"""For a session in which nothing has moved for a while."""
QUIET_AFTER_SECONDS = 60
PROCESS_SECONDS = 0.25
SCREEN_SECONDS = 0.5
BESIDE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """Where a live session's parts are.

    Attributes:
        task_id: Whose session it is.
        tmux_session: Its name on the agent's tmux server.
        configuration: Claude's configuration folder.
        exit_code_file: Written by the launch when Claude has ended.
        output_file: Grows with everything that is drawn on the terminal.
    """

    task_id: str
    tmux_session: str
    configuration: Path
    exit_code_file: Path
    output_file: Path


@dataclass(frozen=True, slots=True)
class End:
    """How a process ended; the code is None when nobody saw it."""

    at: float
    exit_code: int | None


class LiveTask:
    """Watches one session until its process has ended.

    Args:
        place: Where its parts are.
        launch: The process.
        session_id: Claude's id of the conversation.
        tmux: The agent's tmux server.
        messages: The task's messages.
        broker: The task's requests for a person's decision.
        publish: Takes events for clients.
        changed: Called after every change of the state that clients can see.
    """

    def __init__(  # noqa: PLR0913 - everything that one session is made of
        self,
        place: Place,
        launch: Launch,
        session_id: str,
        *,
        tmux: Tmux,
        messages: Messages,
        broker: Broker,
        publish: Callable[[TaskEvent], None],
        changed: Callable[[LiveTask], None],
    ) -> None:
        self.place = place
        self.launch = launch
        self.messages = messages
        self.broker = broker
        broker.handed = self.on_answer
        self.deliverer = Deliverer(_Keyboard(self, tmux), messages)
        self.attached = 0
        self.state: State = states.begin(Launched(launch.started_at, has_prompt=launch.has_prompt))
        self._tmux = tmux
        self._publish = publish
        self._changed = changed
        self._sessions_file: sessionsfile.Watched | None = None
        self._status: StatusSeen | None = None
        self._conversation = Conversation(place.configuration, session_id)
        self._tool_may_ask_until = 0.0
        self._looked_at_screen = 0.0
        self._drawn = 0
        self._looked_at_process = 0.0
        self._looked_beside = 0.0
        self._end: End | None = None

    @property
    def session_id(self) -> str:
        """Claude's id of the conversation; `/clear` changes it."""
        return self._conversation.session_id

    @property
    def usage(self) -> Usage:
        """Tokens of the whole conversation so far."""
        return self._conversation.usage

    @property
    def tool_may_ask_until(self) -> float:
        """Monotonic time until which a tool that has just begun may still open a dialog."""
        return self._tool_may_ask_until

    # Evidence

    def take(self, evidence: Evidence) -> None:
        """Draw conclusions from one fact, and tell whoever listens what changed."""
        before = self.state
        self.state = states.reduce(before, evidence)
        self.messages.observe(evidence)
        self.broker.observe(self.state.requests)
        if isinstance(evidence, ToolStarted):
            self._tool_may_ask_until = time.monotonic() + DIALOG_SECONDS
        if isinstance(evidence, SessionStarted | StatusSeen) and evidence.session_id:
            self._follow(evidence.session_id)
        if _shown(before) != _shown(self.state):
            self._changed(self)

    def _follow(self, session_id: str) -> None:
        if session_id != self.session_id:
            self._conversation.switch(session_id)
            self._changed(self)

    async def on_hook(self, payload: Mapping[str, Any], at: float) -> None:
        """Take what a hook tells; the answers to a tool's and a turn's end's wait while a message is being typed."""
        try:
            evidence = hookevents.parse(payload, at)
        except ValueError as error:
            event(log, logging.WARNING, "a hook's payload is malformed", task=self.place.task_id, reason=str(error))
            return
        if evidence is None:
            return
        self.take(evidence)
        if isinstance(evidence, ToolStarted):
            await self.deliverer.until_dialogs_may_open()
        elif isinstance(evidence, TurnStopped):
            await self.deliverer.until_turn_may_end()

    def on_request(self, requested: PermissionRequested) -> None:
        """Take a request for a person's decision."""
        self.take(requested)

    def on_answer(self, request_id: str, decision: Decision) -> None:
        """Take that a decision was handed to the waiting hook."""
        self.take(PermissionAnswered(time.time(), request_id, decision))

    def on_withdrawn(self, request_id: str, at: float) -> None:
        """Take that Claude ended the waiting hook."""
        self.take(PermissionWithdrawn(at, request_id))

    def lost(self, reason: str) -> None:
        """Say that nothing can be seen of the session any more."""
        now = time.time()
        self.state = dataclasses.replace(
            self.state, activity=Activity.UNKNOWN, since=now, source=Source.AGENT, detail=reason
        )
        self._changed(self)

    def close(self) -> None:
        """Let go of everything that waits for the session: it has ended."""
        self.messages.give_up("the session has ended before Claude took it")
        self.broker.close()

    # Watching

    async def watch(self, *, from_the_start: bool) -> End:
        """Read all sources until the process has ended.

        Args:
            from_the_start: Whether every hook of the session will reach us; False for one that ran before us.
        """
        if not from_the_start:
            self._catch_up()
        while self._end is None:
            await self._look()
            await asyncio.sleep(self._pause())
        self._read_transcript()
        self._read_beside()
        self.take(Exited(self._end.at, self._end.exit_code))
        return self._end

    def _catch_up(self) -> None:
        """Read what the conversation was before we came; only receipts and usage follow from it."""
        for line in self._conversation.read_all():
            for evidence in transcript.evidence(line):
                self.messages.observe(evidence)
        for _ in self._conversation.read_beside():
            pass
        waits = any(message.delivery is Delivery.SENDING for message in self.messages.all())
        self.take(WatchBegan(time.time(), has_prompt=waits))

    def _pause(self) -> float:
        is_quiet = self.state.activity.is_done and time.time() - self.state.evidence_at > QUIET_AFTER_SECONDS
        return QUIET_LOOK_SECONDS if is_quiet else LOOK_SECONDS

    async def _look(self) -> None:
        self._read_status()
        self._read_transcript()
        now = time.time()
        due = states.next_tick(self.state)
        if due is not None and due <= now:
            self.take(Ticked(now))
        monotonic = time.monotonic()
        if monotonic - self._looked_at_screen >= SCREEN_SECONDS and self._wants_screen(now):
            self._looked_at_screen = monotonic
            await self._read_screen()
        if monotonic - self._looked_at_process >= PROCESS_SECONDS:
            self._looked_at_process = monotonic
            self._read_process(now)
        if monotonic - self._looked_beside >= BESIDE_SECONDS:
            self._looked_beside = monotonic
            self._read_beside()

    def _read_status(self) -> None:
        if self._sessions_file is None:
            self._sessions_file = self._find_sessions_file()
            if self._sessions_file is None:
                return
        seen = self._sessions_file.read()
        if seen is not None and seen != self._status:
            self._status = seen
            self.take(seen)

    def _find_sessions_file(self) -> sessionsfile.Watched | None:
        """Return the file of the launch's own process, or of one that it started."""
        if self.launch.pid is None:
            return None
        for pid in (self.launch.pid, *children(self.launch.pid)):
            started = start_time(pid)
            file = sessionsfile.path_for(self.place.configuration, pid)
            # Pids are used again, and a killed process leaves its file.
            if started is not None and sessionsfile.read(file, started=started) is not None:
                return sessionsfile.Watched(file)
        return None

    async def read_status_now(self) -> str:
        """Read the sessions file at once and return its status word; empty when it isn't there."""
        self._read_status()
        return self._status.status if self._status else ""

    def _read_transcript(self) -> None:
        for line in self._conversation.read():
            for evidence in transcript.evidence(line):
                self.take(evidence)
            self._publish_entries(line)

    def _read_beside(self) -> None:
        for line in self._conversation.read_beside():
            self._publish_entries(line)

    def _publish_entries(self, line: transcript.Line) -> None:
        for entry in transcript.entries(line):
            self._publish(TaskEvent(kind="transcript", task_id=self.place.task_id, at=entry.at, entry=entry))

    def _wants_screen(self, now: float) -> bool:
        """Tell whether to read the screen; at rest only where something was drawn, perhaps a menu."""
        if self.state.activity.is_done and self._size_of_output() != self._drawn:
            return True
        return states.wants_screen(self.state, now)

    def _size_of_output(self) -> int:
        try:
            return self.place.output_file.stat().st_size
        except OSError:
            return 0

    async def _read_screen(self) -> None:
        self._drawn = self._size_of_output()
        try:
            text = await self._tmux.capture(self.place.tmux_session)
        except TmuxError as error:
            event(log, logging.INFO, "a screen can't be read", task=self.place.task_id, reason=str(error))
            return
        self.take(screen.read(text, time.time()))

    def _read_process(self, now: float) -> None:
        """Notice the end: by the exit code that the launch leaves, or because its process is gone."""
        # In this order: whoever is gone now has left the code before.
        is_gone = self._is_gone()
        try:
            self._end = End(now, int(self.place.exit_code_file.read_text()))
        except (OSError, ValueError):
            if is_gone:
                self._end = End(now, None)

    def _is_gone(self) -> bool:
        pid, started = self.launch.pid, self.launch.pid_started
        return pid is not None and started is not None and not is_alive(pid, started)


class _Keyboard:
    """The terminal of a live session, for the deliverer."""

    def __init__(self, live: LiveTask, tmux: Tmux) -> None:
        self._live = live
        self._tmux = tmux

    @property
    def _session(self) -> str:
        return self._live.place.tmux_session

    def activity(self) -> tuple[Activity, str]:
        return self._live.state.activity, self._live.state.detail

    def has_queue_between_turns(self) -> bool:
        state = self._live.state
        return state.queued > 0 and state.facts.turn is None

    def opens_dialog_until(self) -> float:
        return self._live.tool_may_ask_until

    async def is_waiting(self) -> bool:
        return await self._live.read_status_now() == "waiting" or self._live.state.activity.needs_person

    async def capture(self) -> str:
        return await self._tmux.capture(self._session, styled=True)

    async def leave_copy_mode(self) -> None:
        await self._tmux.cancel_mode(self._session)

    async def paste(self, text: str) -> None:
        await self._tmux.paste(self._session, text)

    async def press(self, *keys: str) -> None:
        await self._tmux.send_keys(self._session, *keys)


def _shown(state: State) -> tuple[object, ...]:
    open_requests = sum(1 for request in state.requests if request.is_open)
    return (state.activity, state.since, state.source, state.detail, open_requests)
