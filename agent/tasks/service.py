"""What clients can do with tasks; the routes call this and nothing below it."""

from __future__ import annotations

import asyncio
import errno
import secrets
import time
import uuid

from agent.access.guards import Caller
from agent.claude import configuration, program
from agent.errors import (
    DiskFullError,
    KeyReusedError,
    LoginNeededError,
    NotRunningError,
    QueueFullError,
    SessionEndedError,
    UnavailableError,
)
from agent.models import (
    Activity,
    AnswerBody,
    Answered,
    AuditList,
    Delivery,
    FollowUp,
    MessageBody,
    MessageList,
    PermissionList,
    PreparedTerminal,
    ResumeBody,
    Status,
    Task,
    TaskBody,
    TaskList,
    Transcript,
)
from agent.models.tasks import SUMMARY_CHARACTERS
from agent.settings import Settings
from agent.tasks import admission, conversation, webhooks
from agent.tasks.audit import Audit, AuditQuery
from agent.tasks.live import LiveTask
from agent.tasks.messages import FIRST
from agent.tasks.records import Record
from agent.tasks.registry import Registry
from agent.tasks.runner import Runner
from agent.tasks.scheduler import Scheduler
from agent.tmux import TmuxError

LONGEST_QUEUE = 1000
RECENT_LINES = 50
OUTPUT_LINES = 200


class TaskService:
    """Creates tasks, shows them, and passes on what people and programs want of them.

    Attributes:
        registry: All tasks.

    Every method that acts takes the caller, for the audit log.
    """

    def __init__(
        self, settings: Settings, registry: Registry, runner: Runner, scheduler: Scheduler, audit: Audit
    ) -> None:
        self._settings = settings
        self.registry = registry
        self._runner = runner
        self._scheduler = scheduler
        self._audit = audit
        self._creation = asyncio.Lock()

    # Creating

    async def create(self, body: TaskBody, caller: Caller, *, key: str | None = None) -> Task:
        """Make a task, and launch it where there is room.

        Args:
            body: What is asked for.
            caller: Who asks.
            key: The idempotency key: the same one gives the same task again.

        Raises:
            InvalidBodyError: Something in the body can't be used.
            KeyReusedError: The key came with another body before.
            LoginNeededError: Claude has neither key nor login.
            UnavailableError: Claude Code isn't there.
            QueueFullError: Too many tasks wait.
            DiskFullError: The task couldn't be recorded.
        """
        digest = admission.key_digest(key)
        # One after another, so that a key that comes twice at once makes one task.
        async with self._creation:
            earlier = self.registry.by_idempotency_key(digest) if digest else None
            if earlier is not None:
                if earlier.body_digest != admission.body_digest(body):
                    raise KeyReusedError("this Idempotency-Key was used with another body")
                return await self.show(earlier.task_id)
            record = await self._admitted(body, digest)
            try:
                await self.registry.add(record, body.prompt)
            except OSError as error:
                raise _disk_error(error) from error
        await self._audit.write("task.create", caller, record.task_id, permission_mode=record.permission_mode)
        await self._scheduler.admit()
        return await self.show(record.task_id)

    async def _admitted(self, body: TaskBody, key: str | None) -> Record:
        admission.check_mode(body.permission_mode, self._settings.permission_modes)
        admission.check_prompt(body.prompt, allow_commands=body.allow_commands)
        if body.webhook is not None:
            webhooks.check_url(body.webhook)
        workdir = await asyncio.to_thread(admission.working_directory, body.workdir, self._settings.home)
        await self._check_can_run()
        if len(self.registry.records(Status.QUEUED)) >= LONGEST_QUEUE:
            raise QueueFullError(f"{LONGEST_QUEUE} tasks wait already")
        now = time.time()
        return Record(
            task_id=f"{int(now)}-{secrets.token_hex(4)}",
            session_id=str(uuid.uuid4()),
            created_at=now,
            prompt_head=body.prompt[:SUMMARY_CHARACTERS],
            workdir=str(workdir),
            permission_mode=body.permission_mode,
            name=body.name,
            model=body.model,
            timeout_seconds=body.timeout_seconds,
            idle_timeout_seconds=body.idle_timeout_seconds,
            webhook=body.webhook,
            webhook_due=now if body.webhook else None,
            max_retries=body.max_retries,
            idempotency_key=key,
            body_digest=admission.body_digest(body) if key else None,
        )

    async def _check_can_run(self) -> None:
        await asyncio.to_thread(admission.check_space, self.registry.store)
        try:
            program.find(self._settings.claude)
        except program.ClaudeMissingError as error:
            raise UnavailableError(str(error)) from error
        if not await asyncio.to_thread(configuration.signed_in, self._settings.home):
            raise LoginNeededError(
                "Claude has neither an API key nor a login",
                hint="run `claude` in the workspace's terminal and sign in; an admin can add secrets/NAME/claude.yaml",
            )

    # Showing

    def list(
        self,
        *,
        statuses: frozenset[Status],
        activities: frozenset[Activity],
        limit: int | None,
        cursor: str | None,
    ) -> TaskList:
        """List the tasks, newest first.

        Raises:
            TaskNotFoundError: The cursor names none.
        """
        return self.registry.list(statuses=statuses, activities=activities, limit=limit, cursor=cursor)

    async def show(self, task_id: str, *, with_output: bool = False, **more: object) -> Task:
        """Show everything of a task.

        Raises:
            TaskNotFoundError: There is none.
        """
        self.registry.record(task_id)
        prompt = await asyncio.to_thread(self.registry.store.prompt, task_id)
        messages = self._runner.messages(task_id).all()
        followups = [message for message in messages if message.message_id != FIRST]
        if with_output:
            more["recent_output"] = await self._runner.output(task_id, RECENT_LINES)
        return self.registry.whole(
            task_id,
            prompt=prompt,
            followups=tuple(FollowUp(prompt=message.prompt, sent_at=message.sent_at) for message in followups),
            pending_permission=self._runner.broker(task_id).oldest_open(),
            **more,
        )

    async def output(self, task_id: str, lines: int = OUTPUT_LINES) -> str:
        """Return the last lines of a task's terminal, also after its end.

        Raises:
            TaskNotFoundError: There is none.
        """
        self.registry.record(task_id)
        return await self._runner.output(task_id, lines)

    async def transcript(self, task_id: str) -> Transcript:
        """Return the conversation.

        Raises:
            TaskNotFoundError: There is none.
        """
        record = self.registry.record(task_id)
        folder = configuration.config_directory(self._settings.home)
        entries = await asyncio.to_thread(conversation.entries, folder, record.session_id)
        return Transcript(task_id=task_id, entries=entries)

    def messages(self, task_id: str) -> MessageList:
        """Return what was sent to a task, and what became of it.

        Raises:
            TaskNotFoundError: There is none.
        """
        self.registry.record(task_id)
        return MessageList(messages=self._runner.messages(task_id).all())

    def permissions(self, task_id: str) -> PermissionList:
        """Return what a task asked a person for.

        Raises:
            TaskNotFoundError: There is none.
        """
        self.registry.record(task_id)
        return PermissionList(permissions=self._runner.broker(task_id).all())

    async def audited(self, query: AuditQuery) -> AuditList:
        """Return who did what, newest first."""
        return await self._audit.list(query)

    # Acting

    async def send(self, task_id: str, body: MessageBody, caller: Caller) -> Task:
        """Send a text to a live session and say what became of it.

        Raises:
            TaskNotFoundError: There is none.
            SessionEndedError: There is no session now.
            DiskFullError: The message can't be recorded, so it wasn't sent.
        """
        live = self._live(task_id)
        message_id = secrets.token_hex(8)
        try:
            message = await live.deliverer.send(message_id, body.prompt, allow_commands=body.allow_commands)
        except OSError as error:
            raise _disk_error(error) from error
        except TmuxError as error:
            raise UnavailableError(f"the session's terminal doesn't answer: {error}") from error
        if message.delivery in (Delivery.DELIVERED, Delivery.QUEUED):
            await self._arm_webhook(task_id)
        await self._audit.write("task.message", caller, task_id, message=message_id, delivery=message.delivery.value)
        return await self.show(
            task_id,
            message_id=message_id,
            delivery=message.delivery,
            delivery_reason=message.reason,
            delivery_altered=message.altered,
        )

    async def _arm_webhook(self, task_id: str) -> None:
        if self.registry.record(task_id).webhook is not None:
            self.registry.change(task_id, webhook_due=time.time())
            await self.registry.saved(task_id)

    async def answer(self, task_id: str, request_id: str, body: AnswerBody, caller: Caller) -> Answered:
        """Allow or deny what a task asks for; the first answer wins.

        Raises:
            TaskNotFoundError: There is none.
            PermissionNotFoundError: It never asked for this.
            InvalidBodyError: A question needs other answers.
        """
        self.registry.record(task_id)
        assert caller.via in ("session", "token")
        return await self._runner.broker(task_id).answer(request_id, body, who=caller.name, via=caller.via)

    async def interrupt(self, task_id: str, caller: Caller) -> Task:
        """Press Esc, which ends the turn; the session lives.

        Raises:
            TaskNotFoundError: There is none.
            SessionEndedError: There is no session now.
            NotRunningError: It does nothing that could be interrupted.
        """
        live = self._live(task_id)
        if live.state.activity.is_done:
            raise NotRunningError(f"nothing to interrupt: the session is {live.state.activity.value}")
        assert caller.via in ("session", "token")
        try:
            # A dialog that Esc closes is refused by whoever interrupts, not by somebody at the keyboard.
            with live.broker.interrupted_by(caller.name, caller.via):
                await live.deliverer.interrupt()
        except TmuxError as error:
            raise UnavailableError(f"the session's terminal doesn't answer: {error}") from error
        await self._audit.write("task.interrupt", caller, task_id)
        return await self.show(task_id)

    async def resume(self, task_id: str, body: ResumeBody, caller: Caller) -> Task:
        """Continue the conversation of a task whose process has ended.

        Raises:
            TaskNotFoundError: There is none.
            NotRunningError: It runs or waits for its turn.
            RefusedPromptError: The prompt would be a command.
        """
        record = self.registry.record(task_id)
        if not record.status.is_final:
            raise NotRunningError(f"the task is {record.status.value}", hint="send it a message instead")
        if body.prompt is not None:
            admission.check_prompt(body.prompt, allow_commands=body.allow_commands)
        await self._check_can_run()
        try:
            await self._runner.resume(task_id, body.prompt)
        except OSError as error:
            raise _disk_error(error) from error
        if body.prompt is not None:
            await self._arm_webhook(task_id)
        await self._audit.write("task.resume", caller, task_id)
        await self._scheduler.admit()
        return await self.show(task_id)

    def prepare_terminal(self, task_id: str) -> PreparedTerminal:
        """Name the tmux session to attach to.

        Raises:
            TaskNotFoundError: There is none.
            SessionEndedError: There is no session now.
        """
        self._live(task_id)
        return PreparedTerminal(session=self.registry.record(task_id).tmux_session)

    async def kill(self, task_id: str, caller: Caller) -> Task:
        """End a task's processes and keep its record; one that has ended already stays as it is.

        Raises:
            TaskNotFoundError: There is none.
        """
        record = self.registry.record(task_id)
        if record.status is Status.QUEUED:
            await self._runner.cancel(task_id)
        elif record.status is Status.RUNNING:
            await self._runner.end(task_id, Status.KILLED)
        await self._audit.write("task.kill", caller, task_id, was=record.status.value)
        return await self.show(task_id)

    def _live(self, task_id: str) -> LiveTask:
        record = self.registry.record(task_id)
        live = self.registry.live(task_id)
        if live is None:
            raise SessionEndedError(
                f"Session is no longer running: the task is {record.status.value}",
                hint="resume it" if record.status.is_final else "it waits for its turn",
            )
        return live


def _disk_error(error: OSError) -> DiskFullError | UnavailableError:
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(f"the home is full: {reason}", hint="delete something, then try again")
    return UnavailableError(f"the home can't be written: {reason}")
