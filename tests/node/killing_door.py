"""Run in the door's container: kill oauth2-proxy again and again, and print how long each took to be back.

The argument is how often. It is killed only when it answers, and each time it must be another process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import urllib.request
from pathlib import Path

ADDRESS = "http://127.0.0.1:4180/ping"
SECONDS = 30


def proxies() -> list[int]:
    """Return the pids of oauth2-proxy."""
    commands = {int(path.parent.name): path for path in Path("/proc").glob("[0-9]*/comm")}
    return [pid for pid, path in commands.items() if path.exists() and path.read_text().strip() == "oauth2-proxy"]


def answers() -> bool:
    """Tell whether somebody answers at the door's address."""
    try:
        with urllib.request.urlopen(ADDRESS, timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def wait(killed: int = 0) -> int:
    """Wait until a proxy answers that isn't the killed one, and return its pid."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        found = proxies()
        if len(found) == 1 and found[0] != killed and answers():
            return found[0]
        time.sleep(0.02)
    raise SystemExit(f"the door isn't back within {SECONDS} s")


def kill(pid: int) -> float:
    """Kill the proxy; return the seconds until the next one answers."""
    killed = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    wait(pid)
    return round(time.monotonic() - killed, 2)


if __name__ == "__main__":
    print(json.dumps([kill(wait()) for _time in range(int(sys.argv[1]))]))
