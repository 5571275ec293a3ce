"""Run inside a workspace: its Firefox opens pages there, and prints what a script in each of them could reach.

The argument is JSON: a page's address for each name, its targets as kind and URL, and the names that lead to the
loopback as after DNS rebinding. Firefox is told by Marionette, which listens on the loopback only while this runs.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MARIONETTE_PORT = 2828
DEV_SERVER_PORT = 3000
SECONDS = 60
REACH = """
const [targets, done] = arguments;
const silence = () => new Promise((end) => setTimeout(end, 30_000, "silence"));
const read = async (url) => {
  const answer = await fetch(url, {credentials: "include", redirect: "manual"});
  return answer.type === "opaqueredirect" ? "redirect" : String(answer.status);
};
const send = async (url) => {
  const body = JSON.stringify({prompt: "from a page"});
  await fetch(url, {method: "POST", mode: "no-cors", credentials: "include", body});
  return "sent";
};
const open = (url) => new Promise((resolve, reject) => {
  const socket = new WebSocket(url, url.includes("terminal") ? ["tty"] : []);
  socket.onopen = () => resolve("open");
  socket.onerror = () => reject();
});
const ways = {read, send, open};
const reach = ([way, url]) => Promise.race([ways[way](url), silence()]).catch(() => "refused");
Promise.all(targets.map(reach)).then(done);
"""


class DevServer(BaseHTTPRequestHandler):
    """What a user's dev server is: a page, on the loopback."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!DOCTYPE html><title>dev server</title>")

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class Firefox:
    """A Firefox without a window, in a profile of its own."""

    def __init__(self, profile: Path, names: list[str]) -> None:
        settings = {
            "network.dns.localDomains": ",".join(names),
            "network.proxy.type": 0,
            # It would wait longer before each try at a WebSocket.
            "network.websocket.delay-failed-reconnects": False,
            # It would show an answer of JSON in a page of its own.
            "devtools.jsonview.enabled": False,
        }
        lines = (f"user_pref({json.dumps(key)}, {json.dumps(value)});" for key, value in settings.items())
        (profile / "user.js").write_text("\n".join(lines))
        argv = ["firefox-esr", "--headless", "--marionette", "--no-remote", "--profile", str(profile), "about:blank"]
        log = (profile / "log").open("wb")
        self._process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        self._connection = self._connected()
        self._answers = self._connection.makefile("rb")
        self._receive()
        self._number = 0
        self.ask("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"acceptInsecureCerts": True}}})
        self.ask("WebDriver:SetTimeouts", {"script": SECONDS * 1000, "pageLoad": SECONDS * 1000})

    def _connected(self) -> socket.socket:
        end = time.monotonic() + SECONDS
        while True:
            try:
                return socket.create_connection(("127.0.0.1", MARIONETTE_PORT), timeout=2 * SECONDS)
            except OSError:
                if time.monotonic() > end or self._process.poll() is not None:
                    raise
                time.sleep(0.1)

    def _receive(self) -> Any:
        length = b""
        while (byte := self._answers.read(1)) != b":":
            length += byte
        return json.loads(self._answers.read(int(length)))

    def ask(self, command: str, parameters: dict[str, Any]) -> Any:
        """Send a command of WebDriver and return its result."""
        self._number += 1
        message = json.dumps([0, self._number, command, parameters]).encode()
        self._connection.sendall(f"{len(message)}:".encode() + message)
        _kind, _number, error, result = self._receive()
        if error:
            raise SystemExit(f"{command}: {error['message']}")
        return result

    def end(self) -> None:
        """Kill it with all its processes."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def main() -> None:
    """Open each page and print what it reached."""
    question = json.loads(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", DEV_SERVER_PORT), DevServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    profile = Path(tempfile.mkdtemp(prefix="browsing-"))
    firefox = Firefox(profile, question["names"])
    try:
        found = {}
        for name, page in question["pages"].items():
            firefox.ask("WebDriver:Navigate", {"url": page["url"]})
            script = {"script": REACH, "args": [page["targets"]]}
            found[name] = {
                "url": firefox.ask("WebDriver:GetCurrentURL", {})["value"],
                "reached": firefox.ask("WebDriver:ExecuteAsyncScript", script)["value"],
            }
        print(json.dumps(found))
    finally:
        firefox.end()
        shutil.rmtree(profile, ignore_errors=True)


if __name__ == "__main__":
    main()
