"""The services of a workspace: watched for as long as the agent runs, told on request, restarted when asked to."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime

from agent.errors import OwnServiceError, ServiceNotFoundError, UnavailableError
from agent.logs import event
from agent.models import Service, ServiceList
from agent.services.lastlines import last_lines
from agent.services.record import Record
from agent.services.supervisor import Process, Supervisor, SupervisorError

log = logging.getLogger(__name__)

WATCH_SECONDS = 1.0
AGENT = "agent"


class Services:
    """What the supervisor keeps running, the agent itself among it.

    Args:
        supervisor: Where to ask.
        changed: Called when the state of any service has changed.
    """

    def __init__(self, supervisor: Supervisor, *, changed: Callable[[], None]) -> None:
        self._supervisor = supervisor
        self._changed = changed
        self._records: defaultdict[str, Record] = defaultdict(Record)
        self._known: tuple[Process, ...] = ()
        self._restarting = asyncio.Lock()

    async def run(self) -> None:
        """Watch until cancelled; events tell of changes, the answer of the moment comes from the supervisor."""
        while True:
            try:
                await self._look()
            except SupervisorError as error:
                self._note((), reason=str(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look is wanted
                event(log, logging.ERROR, "the services can't be watched", reason=f"{type(error).__name__}: {error}")
            await asyncio.sleep(WATCH_SECONDS)

    async def show(self) -> ServiceList:
        """Tell the state of every service, with its last lines.

        Raises:
            UnavailableError: There is a supervisor, and it doesn't answer.
        """
        try:
            processes = await self._look()
        except SupervisorError as error:
            raise UnavailableError(str(error)) from error
        if processes is None:
            return ServiceList(supervised=False, services=())
        return ServiceList(supervised=True, services=await asyncio.to_thread(self._told, processes))

    async def restart(self, name: str) -> None:
        """Stop a service and start it again; one that is stopped is started.

        Raises:
            OwnServiceError: It is the agent itself.
            ServiceNotFoundError: There is no such service.
            UnavailableError: The supervisor doesn't answer, or can't start it.
        """
        async with self._restarting:
            try:
                processes = await self._look() or ()
                process = next((process for process in processes if process.name == name), None)
                if process is None:
                    raise ServiceNotFoundError("no service has this name")
                if _is_own(process):
                    raise OwnServiceError("the agent doesn't restart itself", hint="`kubecoder restart` restarts all")
                await asyncio.to_thread(self._supervisor.stop, name)
                self._records[name].expect_start()
                await asyncio.to_thread(self._supervisor.start, name)
            except SupervisorError as error:
                raise UnavailableError(f"{name} can't be restarted: {error}") from error

    def counted(self) -> list[tuple[str, bool, int]]:
        """Return name, whether it runs, and restarts of each service that should run; empty when nobody knows."""
        wanted = [process for process in self._known if _is_wanted(process)]
        return [(each.name, each.state == "running", self._records[each.name].restarts) for each in wanted]

    async def _look(self) -> tuple[Process, ...] | None:
        if not await asyncio.to_thread(self._supervisor.is_there):
            self._note(())
            return None
        processes = await asyncio.to_thread(self._supervisor.processes)
        for process in processes:
            self._records[process.name].saw(process)
        self._note(processes)
        return processes

    def _note(self, known: tuple[Process, ...], *, reason: str = "") -> None:
        if known == self._known:
            return
        if reason:
            event(log, logging.WARNING, "the services aren't known", reason=reason)
        self._known = known
        self._changed()

    def _told(self, processes: tuple[Process, ...]) -> tuple[Service, ...]:
        now = time.time()
        return tuple(_service(process, self._records[process.name], now) for process in processes)


def _service(process: Process, record: Record, now: float) -> Service:
    since = process.started if process.state in ("running", "starting") else process.stopped
    return Service(
        name=process.name,
        state=process.state,
        wanted=_is_wanted(process),
        failing=record.is_failing(now),
        since=datetime.fromtimestamp(since, UTC) if since else None,
        restarts=record.restarts,
        restartable=not _is_own(process),
        problem=process.problem or None,
        exit_status=process.exit_status if process.state in ("exited", "backoff", "fatal") else None,
        last_lines=last_lines(process.log_file) if process.log_file else (),
    )


def _is_own(process: Process) -> bool:
    return process.pid == os.getpid() or process.name == AGENT


def _is_wanted(process: Process) -> bool:
    """Tell whether it should run: nobody has stopped it, and it hasn't ended well by itself."""
    return process.state not in ("stopped", "stopping") and (process.state, process.exit_status) != ("exited", 0)
