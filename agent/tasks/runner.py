"""Start the processes of tasks, watch them to their end, and say what became of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from agent import processes
from agent.claude import configuration, hooksettings, program, transcript
from agent.files import write_atomically
from agent.hooks import commands
from agent.logs import event
from agent.models import Delivery, Message, Permission, Status, TaskEvent
from agent.settings import Settings
from agent.tasks.audit import Audit
from agent.tasks.live import End, LiveTask, Place
from agent.tasks.messages import FIRST, Messages
from agent.tasks.permissions import Broker
from agent.tasks.records import Launch, Record
from agent.tasks.registry import Registry
from agent.tasks.screens import Screens
from agent.tmux import Tmux, TmuxError

log = logging.getLogger(__name__)

LAUNCH_VARIABLE = "KUBECODER_LAUNCH"
"""In the environment of everything that a task starts; tools outlive a SIGKILL of Claude in sessions of their own."""
TASK_VARIABLE = "KUBECODER_TASK"
GRACE_SECONDS = 3.0
"""Claude has ended 1.5 s after SIGHUP (measured)."""
SIGNALLED = 128
"""A shell's exit code for a process that a signal ended begins here."""


class Runner:
    """Launches, adopts, ends.

    Args:
        settings: Where things are.
        registry: Whose tasks.
        tmux: The server that the sessions run on.
        hooks_url: Address of the hook listener, without a path.
        ended: Told after a task has ended and is recorded so.
        audit: Where answers to requests for a person's decision are noted.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        tmux: Tmux,
        *,
        hooks_url: Callable[[], str],
        ended: Callable[[Record], Awaitable[None]],
        audit: Audit,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._tmux = tmux
        self._screens = Screens(registry.store, tmux)
        self._hooks_url = hooks_url
        self._ended = ended
        self._audit = audit
        self._watchers: dict[str, asyncio.Task[None]] = {}

    # Starting

    async def launch(self, task_id: str, prompt: str | None, *, is_resume: bool = False) -> None:
        """Start Claude for a task; a failure makes the task an error, with the reason.

        Args:
            task_id: Whose.
            prompt: Goes in on stdin; None waits for one.
            is_resume: Whether the conversation goes on.
        """
        registry = self._registry
        record = registry.record(task_id)
        launch = Launch(
            launch_id=secrets.token_hex(8),
            hook_key=secrets.token_hex(16),
            started_at=time.time(),
            has_prompt=prompt is not None,
            is_resume=is_resume,
        )
        record = registry.change(
            task_id,
            status=Status.RUNNING,
            ending=None,
            error=None,
            exit_code=None,
            finished_at=None,
            started_at=launch.started_at,
            launch=launch,
            launches=record.launches + 1,
            resuming=False,
        )
        await registry.saved(task_id)
        # Before the process, so that no hook of it comes to nobody.
        live = self._make_live(record, launch)
        live.broker.close()
        registry.began(live)
        try:
            self._note_prompt(live, prompt, is_first=not is_resume)
            live.launch = await self._start(record, launch, prompt)
        except (TmuxError, OSError, ValueError, program.ClaudeMissingError) as error:
            event(log, logging.ERROR, "a task can't be launched", task=task_id, reason=str(error))
            live.close()
            registry.ended(task_id)
            await self._finish(task_id, Status.ERROR, error=f"it couldn't be started: {error}")
            return
        registry.change(task_id, launch=live.launch)
        await registry.saved(task_id)
        self._watch(live, from_the_start=True)

    def _note_prompt(self, live: LiveTask, prompt: str | None, *, is_first: bool) -> None:
        if prompt is not None:
            message_id = FIRST if is_first else secrets.token_hex(8)
            now = time.time()
            live.messages.add(Message(message_id=message_id, prompt=prompt, sent_at=now, delivery=Delivery.SENDING))

    async def resume(self, task_id: str, prompt: str | None) -> None:
        """Let a task that has ended wait for its turn to go on.

        Raises:
            OSError: The prompt can't be recorded.
        """
        await asyncio.to_thread(self._registry.store.keep_resume_prompt, task_id, prompt)
        self._registry.change(task_id, status=Status.QUEUED, resuming=True)
        await self._registry.saved(task_id)

    async def launch_next(self, task_id: str) -> None:
        """Launch a queued task: for the first time, or to go on with its conversation."""
        record = self._registry.record(task_id)
        store = self._registry.store
        if not record.resuming:
            await self.launch(task_id, await asyncio.to_thread(store.prompt, task_id))
            return
        prompt = await asyncio.to_thread(store.resume_prompt, task_id)
        folder = configuration.config_directory(self._settings.home)
        # What was killed before its first prompt was recorded has no conversation, and its id can be used again.
        has_conversation = await asyncio.to_thread(transcript.find, folder, record.session_id) is not None
        if prompt is None and not has_conversation and not self._has_taken_prompt(task_id):
            prompt = await asyncio.to_thread(store.prompt, task_id)
        await self.launch(task_id, prompt, is_resume=has_conversation)

    def _has_taken_prompt(self, task_id: str) -> bool:
        """Tell whether the task's own prompt ever reached a conversation, one that `/clear` ended included."""
        return any(each.delivery is Delivery.DELIVERED for each in self.messages(task_id).all())

    async def cancel(self, task_id: str) -> None:
        """Take a task out of the queue."""
        await self._finish(task_id, Status.KILLED)

    async def _start(self, record: Record, launch: Launch, prompt: str | None) -> Launch:
        folder = self._registry.store.launch_folder(record.task_id, launch.launch_id)
        claude = program.find(self._settings.claude)
        await asyncio.to_thread(self._write_launch_files, folder, record, launch, prompt)
        arguments = program.arguments(
            claude,
            session_id=record.session_id,
            resume=launch.is_resume,
            permission_mode=record.permission_mode,
            model=record.model,
            settings_file=folder / "settings.json",
        )
        await self._tmux.ensure_server()
        await self._tmux.kill_session(record.tmux_session)
        pane = await self._tmux.new_session(
            record.tmux_session,
            program.wrapped(arguments, folder=folder),
            directory=Path(record.workdir),
            environment={LAUNCH_VARIABLE: launch.launch_id, TASK_VARIABLE: record.task_id},
            output=self._registry.store.output_file(record.task_id),
        )
        return launch.model_copy(update={"pid": pane.pid, "pid_started": processes.start_time(pane.pid)})

    def _write_launch_files(self, folder: Path, record: Record, launch: Launch, prompt: str | None) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Of the launch before; its log goes on.
        self._screens.forget(record)
        configuration.seed(self._settings.home, Path(record.workdir))
        url = f"{self._hooks_url()}/hooks/{launch.hook_key}"
        url_file = folder / "hooks-url"
        write_atomically(url_file, url.encode())
        document = hooksettings.document(
            url=url, event_command=commands.tell(url_file), permission_command=commands.wait(url_file)
        )
        write_atomically(folder / "settings.json", document)
        write_atomically(folder / "environment", program.launch_environment(record.max_retries))
        if prompt is not None:
            write_atomically(folder / "prompt.txt", prompt.encode())

    # Watching

    def adopt(self, record: Record) -> None:
        """Watch a session that an earlier agent started."""
        assert record.launch is not None
        live = self._make_live(record, record.launch)
        live.broker.expect_hooks()
        self._registry.began(live)
        self._watch(live, from_the_start=False)

    def _watch(self, live: LiveTask, *, from_the_start: bool) -> None:
        watcher = asyncio.create_task(self._watch_to_the_end(live, from_the_start=from_the_start))
        self._watchers[live.place.task_id] = watcher

    def _make_live(self, record: Record, launch: Launch) -> LiveTask:
        registry = self._registry
        folder = registry.store.launch_folder(record.task_id, launch.launch_id)
        place = Place(
            task_id=record.task_id,
            tmux_session=record.tmux_session,
            configuration=configuration.config_directory(self._settings.home),
            exit_code_file=folder / "exit-code",
            output_file=registry.store.output_file(record.task_id),
        )
        return LiveTask(
            place,
            launch,
            record.session_id,
            tmux=self._tmux,
            messages=self.messages(record.task_id),
            broker=self._new_broker(record.task_id),
            publish=registry.stream.publish,
            changed=self._on_change,
        )

    def messages(self, task_id: str) -> Messages:
        """Return the messages of a task, live or ended."""
        live = self._registry.live(task_id)
        if live is not None:
            return live.messages

        def tell(message: Message) -> None:
            told = TaskEvent(kind="message", task_id=task_id, at=time.time(), message=message)
            self._registry.stream.publish(told)

        return Messages(self._registry.store.messages_file(task_id), changed=tell)

    def broker(self, task_id: str) -> Broker:
        """Return the requests of a task for a person's decision, live or ended."""
        live = self._registry.live(task_id)
        if live is not None:
            return live.broker
        broker = self._new_broker(task_id)
        broker.close()
        return broker

    def _new_broker(self, task_id: str) -> Broker:
        def tell(permission: Permission) -> None:
            told = TaskEvent(kind="permission", task_id=task_id, at=time.time(), permission=permission)
            self._registry.stream.publish(told)

        requests = self._registry.store.requests(task_id)
        return Broker(task_id, requests, changed=tell, audit=self._audit)

    def _on_change(self, live: LiveTask) -> None:
        task_id = live.place.task_id
        if live.session_id != self._registry.record(task_id).session_id:
            self._registry.change(task_id, session_id=live.session_id)
        else:
            self._registry.tell(task_id)

    async def _watch_to_the_end(self, live: LiveTask, *, from_the_start: bool) -> None:
        task_id = live.place.task_id
        try:
            end = await live.watch(from_the_start=from_the_start)
        except asyncio.CancelledError:
            raise
        except Exception:
            # A bug of ours must not look like a quiet task.
            log.exception("a task can't be watched any more")
            live.lost("the agent can't watch it any more; its log says why")
            return
        await self._conclude(live, end)
        self._watchers.pop(task_id, None)

    async def _conclude(self, live: LiveTask, end: End) -> None:
        task_id = live.place.task_id
        live.broker.close()
        await self._screens.keep(self._registry.record(task_id))
        await self._clean_up(live.launch.launch_id, live.place.tmux_session)
        live.close()
        record = self._registry.record(task_id)
        status, error = outcome(record, end)
        self._registry.ended(task_id)
        more = {"usage": live.usage, "error": record.error or error}
        await self._finish(task_id, status, exit_code=end.exit_code, **more)

    async def wait_again(self, record: Record) -> bool:
        """Put a task back into the queue whose first process a kill of the agent kept from starting.

        Only one that has no conversation: nothing of the prompt has been done then, and nothing is done twice.
        """
        folder = configuration.config_directory(self._settings.home)
        is_begun = await asyncio.to_thread(transcript.find, folder, record.session_id) is not None
        if is_begun or record.launches > 1 or record.ending is not None:
            return False
        event(log, logging.INFO, "a task that wasn't started waits again", task=record.task_id)
        self._registry.change(record.task_id, status=Status.QUEUED, launch=None, launches=0, started_at=None)
        await self._registry.saved(record.task_id)
        return True

    async def record_end(self, task_id: str, status: Status, error: str | None) -> None:
        """Record the end of a task that has no session."""
        self.messages(task_id).give_up("the session has ended before Claude took it")
        await self._finish(task_id, status, error=error)

    async def _finish(self, task_id: str, status: Status, **changes: object) -> None:
        """Record an end with all that belongs to it in one change, so that nobody sees half of it."""
        now = time.time()
        if status is Status.KILLED:
            changes["killed_at"] = now
        record = self._registry.change(
            task_id, **{"status": status, "ending": None, "exit_code": None, "finished_at": now, **changes}
        )
        await self._registry.saved(record.task_id)
        await self._ended(record)

    async def _clean_up(self, launch_id: str, tmux_session: str) -> None:
        """End what the launch left behind: the dead pane, and tools that outlived Claude."""
        with contextlib.suppress(TmuxError):
            await self._tmux.kill_session(tmux_session)
        await processes.end_marked(LAUNCH_VARIABLE, launch_id, grace_seconds=GRACE_SECONDS)

    # Ending

    async def end(self, task_id: str, becoming: Status, *, error: str | None = None) -> None:
        """End a live session and all its processes; the task then has the given status.

        What it becomes is recorded first, so that a kill of the agent in between changes nothing.
        """
        registry = self._registry
        live = registry.live(task_id)
        if live is None:
            return
        registry.change(task_id, ending=becoming, error=error)
        await registry.saved(task_id)
        # Before the hooks are taken back, which would look like somebody's refusal.
        live.broker.close()
        await self._screens.keep(self._registry.record(task_id))
        await self._clean_up(live.launch.launch_id, live.place.tmux_session)
        watcher = self._watchers.get(task_id)
        if watcher is not None:
            await asyncio.shield(watcher)

    async def output(self, task_id: str, lines: int) -> str:
        """Return the last lines of a task's terminal, live or ended."""
        is_live = self._registry.live(task_id) is not None
        return await self._screens.output(self._registry.record(task_id), lines, is_live=is_live)

    async def stop(self) -> None:
        """Stop watching; the sessions go on."""
        watchers = list(self._watchers.values())
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)


def outcome(record: Record, end: End) -> tuple[Status, str | None]:
    """Say what a task becomes by how its process ended, and why."""
    if record.ending is not None:
        return record.ending, None
    if end.exit_code == 0:
        return Status.COMPLETED, None
    if end.exit_code is None:
        return Status.INTERRUPTED, "its process is gone, and nobody saw how: tmux, the container or the machine ended"
    if end.exit_code > SIGNALLED:
        return Status.INTERRUPTED, f"signal {end.exit_code - SIGNALLED} ended its process"
    return Status.ERROR, f"Claude ended with exit code {end.exit_code}"
