"""Run inside a workspace: kill each of its services again and again, and print how long each took to be back.

Arguments: how often, and the services. Each is killed only when it is ready, as the supervisor's RUNNING says.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from agent.services.supervisor import Process, Supervisor

SUPERVISOR = Supervisor(Path("/run/kubecoder/supervisor/supervisor.sock"))
# What is drawn on the screen ends with it, and Firefox with the bus by which others find it.
ENDS_WITH = {"bus": {"firefox"}, "display": {"desktop", "firefox"}}
SECONDS = 30


def running() -> dict[str, Process]:
    """Return what is ready."""
    return {process.name: process for process in SUPERVISOR.processes() if process.state == "running"}


def wait_for(names: set[str], *, other_than: frozenset[int] = frozenset()) -> None:
    """Wait until services are ready, with other pids than these."""
    end = time.monotonic() + SECONDS
    while True:
        now = running()
        if names <= now.keys() and other_than.isdisjoint(now[name].pid for name in names):
            return
        if time.monotonic() > end:
            raise SystemExit(f"{names - now.keys() or names} aren't back within {SECONDS} s")
        time.sleep(0.02)


def kill(name: str) -> float:
    """Kill a service; return the seconds until it is ready again, when all others are what they were before."""
    before = running()
    end_too = {name} | (ENDS_WITH.get(name, set()) & before.keys())
    killed = time.monotonic()
    os.kill(before[name].pid, signal.SIGKILL)
    wait_for({name}, other_than=frozenset({before[name].pid}))
    seconds = time.monotonic() - killed
    others = before.keys() - end_too
    now = running()
    disturbed = {other for other in others if other not in now or now[other].pid != before[other].pid}
    if disturbed:
        raise SystemExit(f"{disturbed} noticed that {name} was killed")
    # What ends with it may do so a moment later, and must not be taken for disturbed by the next one's end.
    wait_for(set(before), other_than=frozenset(before[other].pid for other in end_too))
    return seconds


def main() -> None:
    """Kill each service as often as said."""
    times, *names = sys.argv[1:]
    if "firefox" in names:
        SUPERVISOR.start("firefox")
        wait_for({"firefox"})
    print(json.dumps({name: [round(kill(name), 2) for _ in range(int(times))] for name in names}))


if __name__ == "__main__":
    main()
