"""Measure the workspace's server beside real sessions: `python -m tests.bench.agent`."""

from __future__ import annotations

import contextlib
import http.client
import json
import platform
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from agent.models import Status
from agent.tasks.records import Record
from agent.tasks.store import Store
from tests.agent.tasks import TaskAgent, running_task_agent
from tests.bench.report import replace_block
from tests.rigs.raw_http import connect
from tests.rigs.waiting import wait_until

CREATED = 20
RUNNING = 12
CLIENTS = 20
FINISHED = 1000
LISTED = 20
SECONDS = 20.0
BLOCK = "measured-agent"


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    found: str
    wanted: str


def main() -> None:
    """Measure everything and write the table into `docs/performance.md`."""
    figures: list[Figure] = []
    for part in (at_rest, creating, running, listing):
        with tempfile.TemporaryDirectory(prefix="kubecoder-bench-") as folder:
            found = part(Path(folder))
            figures += found
            for figure in found:
                print(f"{figure.what}: {figure.found} (wanted: {figure.wanted})", flush=True)
    machine = (
        f"{psutil.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )
    rows = "\n".join(f"| {figure.what} | {figure.found} | {figure.wanted} |" for figure in figures)
    head = "| what | found | wanted |\n|---|---|---|"
    when = f"Measured {datetime.now(UTC):%Y-%m-%d} on {machine}; nothing else ran."
    replace_block(BLOCK, f"{when}\n\n{head}\n{rows}")


def at_rest(directory: Path) -> list[Figure]:
    """Measure an agent without tasks."""
    with running_task_agent(directory) as tasks:
        share = _share_of_core(tasks)
        return [
            Figure("at rest: resident memory", f"{_resident(tasks):.0f} MB", "at most 90"),
            Figure("at rest: processor", f"{share:.1%} of a core", "at most 1 %"),
        ]


def creating(directory: Path) -> list[Figure]:
    """Measure how long a client waits for a new task; one after another, each session idle before the next."""
    seconds = []
    with running_task_agent(directory, settings={"MAX_TASKS": str(CREATED)}) as tasks:
        for _ in range(CREATED):
            begun = time.perf_counter()
            task_id = tasks.create("Hello.")
            seconds.append(time.perf_counter() - begun)
            tasks.wait(task_id, "idle")
            tasks.call("DELETE", f"/tasks/{task_id}")
    found = f"{statistics.median(seconds) * 1000:.0f} ms, at most {max(seconds) * 1000:.0f}"
    return [Figure(f"`POST /tasks` until 201, median of {CREATED}", found, "at most 150")]


def running(directory: Path) -> list[Figure]:
    """Measure an agent with sessions that speak and clients that listen."""
    text = " ".join(f"word{number}" for number in range(2000))
    with running_task_agent(directory, settings={"MAX_TASKS": str(RUNNING)}) as tasks:
        made = [tasks.create({"say": text, "rate": 10}) for _ in range(RUNNING)]
        for task_id in made:
            tasks.wait(task_id, "working")
        with listening(tasks) as heard:
            share = _share_of_core(tasks)
            resident = _resident(tasks)
        assert all(tasks.get(task_id)["activity"] == "working" for task_id in made)
        assert all(heard)
    where = f"{RUNNING} sessions that speak, {CLIENTS} clients"
    return [
        Figure(f"{where}: resident memory", f"{resident:.0f} MB", "at most 150"),
        Figure(f"{where}: processor", f"{share:.1%} of a core", "at most 10 %"),
    ]


def listing(directory: Path) -> list[Figure]:
    """Measure the list of many tasks that have ended."""
    store = Store(directory / "home" / ".kubecoder" / "tasks")
    now = time.time()
    for number in range(FINISHED):
        record = Record(
            task_id=f"{int(now) - number}-{number:08x}",
            session_id=f"00000000-0000-4000-8000-{number:012d}",
            created_at=now - number,
            prompt_head="Make the tests of the payment module pass and tell what was wrong",
            workdir="/home/dev",
            permission_mode="default",
            status=Status.COMPLETED,
            finished_at=now,
        )
        store.create(record, "prompt")
    with running_task_agent(directory, settings={"KEEP_TASKS": str(FINISHED)}) as tasks:
        seconds = []
        for _ in range(LISTED):
            begun = time.perf_counter()
            answer = tasks.agent.api("GET", "/api/claude/tasks", tasks.agent.bearer())
            seconds.append(time.perf_counter() - begun)
            assert len(json.loads(answer.body)["tasks"]) == FINISHED
    found = f"{statistics.median(seconds) * 1000:.0f} ms"
    return [Figure(f"list of {FINISHED:,} ended tasks, median of {LISTED}", found, "at most 50")]


@contextlib.contextmanager
def listening(tasks: TaskAgent) -> Iterator[list[int]]:
    """Read the events with many clients until the end of the block; yields how many lines each has read."""
    heard = [0] * CLIENTS
    connections = [_subscribe(tasks) for _ in range(CLIENTS)]

    def read(number: int, response: http.client.HTTPResponse) -> None:
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            while response.readline():
                heard[number] += 1

    threads = [
        threading.Thread(target=read, args=(number, response), daemon=True)
        for number, (_, response) in enumerate(connections)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: all(heard), what="every client hears something", seconds=20)
    try:
        yield heard
    finally:
        for connection, _ in connections:
            if connection.sock is not None:
                connection.sock.close()


def _subscribe(tasks: TaskAgent) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = connect(tasks.agent.api_address)
    connection.request("GET", "/api/claude/events", headers={"Authorization": f"Bearer {tasks.agent.admin_token}"})
    return connection, connection.getresponse()


def _share_of_core(tasks: TaskAgent) -> float:
    """Return how much of one core the agent's own process uses, over some seconds."""
    process = psutil.Process(tasks.agent.process.pid)
    before, begun = process.cpu_times(), time.monotonic()
    time.sleep(SECONDS)
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / (time.monotonic() - begun)


def _resident(tasks: TaskAgent) -> float:
    return psutil.Process(tasks.agent.process.pid).memory_info().rss / 1e6


if __name__ == "__main__":
    main()
