"""A PermissionRequest hook of Claude Code for the tests: waits for the rig's answer and prints it.

Runs as `python -I -S claude_hook.py <url>`. When Claude Code ends it by SIGTERM, the rig hears of that.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
from types import FrameType
from typing import NoReturn
from urllib.parse import urlsplit


def post(url: str, body: bytes) -> bytes:
    """Send JSON and return the answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    connection.request("POST", parts.path, body, {"content-type": "application/json"})
    return connection.getresponse().read()


def main() -> None:
    """Wait for the answer."""
    url = sys.argv[1]
    payload = {**json.load(sys.stdin), "rig_request": os.getpid()}

    def withdrawn(_number: int, _frame: FrameType | None) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # 2.1.197 may send it twice
        post(f"{url}/withdrawn", json.dumps({"rig_request": os.getpid()}).encode())
        os._exit(0)

    signal.signal(signal.SIGTERM, withdrawn)
    sys.stdout.buffer.write(post(f"{url}/permission", json.dumps(payload).encode()))


if __name__ == "__main__":
    main()
