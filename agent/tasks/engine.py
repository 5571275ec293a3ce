"""Everything that tasks need, put together: made at start, run until the agent ends, found again by the next one."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Literal

from agent import processes
from agent.logs import event
from agent.models import Status, TaskEvent
from agent.settings import Settings
from agent.tasks import limits
from agent.tasks.arrivals import Arrivals
from agent.tasks.audit import Audit
from agent.tasks.hooksink import RegistrySink
from agent.tasks.live import End
from agent.tasks.records import Record
from agent.tasks.registry import Registry
from agent.tasks.retention import Bounds, Retention
from agent.tasks.runner import Runner, outcome
from agent.tasks.scheduler import Scheduler
from agent.tasks.service import TaskService
from agent.tasks.store import Store
from agent.tasks.stream import Stream
from agent.tasks.webhooks import Webhooks
from agent.tmux import Tmux, TmuxError

log = logging.getLogger(__name__)


@dataclass
class HooksAddress:
    """Where the hook listener listens; known only after it has bound its port."""

    port: int

    def url(self) -> str:
        """Return the listener's address without a path."""
        return f"http://127.0.0.1:{self.port}"


class Engine:
    """The tasks of one running agent.

    Attributes:
        service: What routes call.
        audit: Who did what.
        arrivals: Who came in.
        sink: Where hooks arrive.
        hooks: Where they are sent to.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tmux = Tmux(settings.tmux_socket, settings.tmux_configuration)
        self._registry = Registry(Store(settings.state_directory / "tasks"), Stream())
        self.hooks = HooksAddress(settings.hooks_port)
        self.audit = audit = Audit(settings.state_directory, noted=lambda: self.tell("audit"))
        self.arrivals = Arrivals(audit)
        self._runner = Runner(
            settings,
            self._registry,
            self._tmux,
            hooks_url=self.hooks.url,
            ended=self._on_end,
            audit=audit,
        )
        cap = settings.max_tasks or limits.running_cap(limits.memory_limit())
        self._scheduler = Scheduler(self._registry, self._runner, self._tmux, cap=cap)
        self.service = TaskService(settings, self._registry, self._runner, self._scheduler, audit)
        self.sink = RegistrySink(self._registry)
        self._retention = Retention(self._registry, Bounds(settings.keep_tasks, settings.keep_days))
        self._webhooks = Webhooks(self._registry, settings.webhook_networks)
        self._registry.observers.append(self._webhooks.check)

    @property
    def webhook_failures(self) -> dict[str, int]:
        """How many tries to send a webhook failed since the agent started, by what was done then."""
        return self._webhooks.failures

    def tell(self, kind: Literal["services", "audit"]) -> None:
        """Send an event that says that a list has changed."""
        self._registry.stream.publish(TaskEvent(kind=kind, at=time.time()))

    async def start(self) -> None:
        """Find the tasks of earlier agents again.

        Raises:
            OSError: The tasks' folder can't be read.
        """
        await asyncio.to_thread(self._registry.load)
        try:
            panes = await self._tmux.panes()
        except TmuxError as error:
            event(log, logging.WARNING, "tmux doesn't answer", reason=str(error))
            panes = {}
        for record in self._registry.records(Status.RUNNING):
            pane = panes.get(record.tmux_session)
            if record.launch is not None and record.launch.pid is None and pane is not None:
                launch = record.launch.model_copy(
                    update={"pid": pane.pid, "pid_started": processes.start_time(pane.pid)}
                )
                record = self._registry.change(record.task_id, launch=launch)  # noqa: PLW2901 - the newer one
            await self._find_again(record)

    async def run(self) -> None:
        """Schedule until cancelled; the sessions then go on."""
        self._webhooks.check_all()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._scheduler.keep_scheduling())
                group.create_task(self._registry.keep_saving())
                group.create_task(self._retention.keep_forgetting())
                for record in self._registry.records(Status.RUNNING):
                    if record.ending is not None:
                        # An earlier agent was killed while it ended the task.
                        group.create_task(self._runner.end(record.task_id, record.ending, error=record.error))
        finally:
            await self._webhooks.stop()
            await self._runner.stop()

    async def _find_again(self, record: Record) -> None:
        if record.launch is None or record.launch.pid is None:
            if await self._runner.wait_again(record):
                return
            status, error = outcome(record, End(record.created_at, None))
            await self._runner.record_end(record.task_id, status, error)
            return
        self._runner.adopt(record)

    async def _on_end(self, record: Record) -> None:
        event(log, logging.INFO, "a task has ended", task=record.task_id, status=record.status.value)
        self._scheduler.wake()
        if record.status is Status.INTERRUPTED and self._settings.resume_interrupted:
            await self._runner.resume(record.task_id, None)
