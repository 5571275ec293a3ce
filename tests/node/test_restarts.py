"""What a full workspace's home keeps through restarts of its pod, in the hands of the programs that use it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from tests.node.model import script
from tests.node.pair import ALICE, Pair, host
from tests.rigs.browser import Browser
from tests.rigs.raw_http import send
from tests.rigs.waiting import wait_until
from tests.rigs.websocket import WebSocket, opened

SETTINGS = "~/.local/share/code-server/User/settings.json"
SIZE = json.dumps({"AuthToken": "", "columns": 120, "rows": 30}).encode()
IDENTITY = {"name": "Alice of the Tests", "email": "alice@tests.example.com"}


class Alice:
    """Alice, signed in at her workspace as it is now."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.browser: Browser = pair.signed_in(ALICE, "alice")

    def shell(self, command: str) -> str:
        return self.pair.run("alice", "bash", "-c", command)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Do what the dashboard does."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.browser.cookies.items())
        headers = [("Cookie", cookie), ("Origin", f"https://{host('alice')}"), ("Sec-Fetch-Site", "same-origin")]
        answer = self.pair.node.sandbox.within(
            lambda: send(self.browser.address, method, path, headers, host=host("alice"), json_body=body)
        )
        assert answer.status == 200, answer
        return answer.json()

    @contextlib.contextmanager
    def terminal(self) -> Iterator[WebSocket]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.browser.cookies.items())
        headers = {"Origin": f"https://{host('alice')}", "Cookie": cookie}
        with contextlib.ExitStack() as stack:
            opening = opened(self.browser.address, "/oauth/terminal/ws", host=host("alice"), headers=headers)
            page = self.pair.node.sandbox.within(lambda: stack.enter_context(opening))
            page.send(SIZE)
            yield page


def shown(page: WebSocket, text: str) -> None:
    """Read what the terminal prints until a text is in it."""
    seen = ""
    while text not in seen:
        frame = page.receive()
        assert frame, f"the terminal closed after {seen!r}"
        seen += frame[1:].decode(errors="replace") if frame[:1] == b"0" else ""


def let_the_kubelet_change_all_modes(pair: Pair) -> None:
    """Bring the volume into the state of a new or restored one: at the next mount all becomes the group's too."""
    metadata = pair.pod("alice")["metadata"]
    claims = json.loads(pair.node.plane.get(f"/api/v1/namespaces/{metadata['namespace']}/persistentvolumeclaims"))
    (volume,) = [item["spec"]["volumeName"] for item in claims["items"] if item["metadata"]["name"] == "ws-alice-home"]
    (pair.node.storage.directory / volume).chmod(0o770)


def test_two_restarts_keep_files_settings_history_identity_keys_and_tasks(pair: Pair) -> None:
    cli = pair.cli.with_environment(KUBECODER_USER="alice")
    before = Alice(pair)
    assert '"telemetry.telemetryLevel": "off"' in before.shell(f"cat {SETTINGS}")
    before.shell(f"echo '{{\"editor.fontSize\": 17}}' > {SETTINGS}")
    before.shell("mkdir -p ~/app; echo precious > ~/app/notes; chmod 640 ~/app/notes; ln -s notes ~/app/link")
    key = before.call("POST", "/oauth/api/github/ssh-key", {"comment": "alice"})["ssh_key"]["public_key"]
    seen = before.call("GET", "/oauth/api/github/status")["identity"]
    before.call("POST", "/oauth/api/github/identity", {**IDENTITY, "seen": seen})
    with before.terminal() as page:
        page.send(b"0echo remem''bered\r")
        shown(page, "remembered")
    wait_until(lambda: "remem" in before.shell("cat ~/.bash_history"), what="the history is written", seconds=10)
    pair.start_model()
    cli("task", "run", script("Kept."), "--name", "kept", "--wait").expect()

    pair.cli.run("restart", "alice", seconds=240).expect()
    let_the_kubelet_change_all_modes(pair)
    pair.cli.run("restart", "alice", seconds=240).expect()

    after = Alice(pair)
    assert after.shell("stat -c %a ~/app/notes") == "660", "the kubelet has changed all modes"
    assert after.shell("stat -c %A ~/.ssh ~/.ssh/id_ed25519").split() == ["drwx--S---", "-rw-------"]
    # ssh refuses a key that others may read.
    assert after.shell("ssh-keygen -y -f ~/.ssh/id_ed25519").split()[:2] == key.split()[:2]
    assert after.call("GET", "/oauth/api/github/status")["ssh_key"]["public_key"] == key
    assert after.shell(f"cat {SETTINGS}") == '{"editor.fontSize": 17}'
    assert after.shell("cat ~/app/link") == "precious"
    assert after.shell("git config user.name; git config user.email").splitlines() == list(IDENTITY.values())
    assert "Kept." in cli("task", "transcript", "kept").expect().stdout
    with after.terminal() as page:
        page.send(b"0history\r")
        shown(page, "echo remem''bered")
    pair.start_model()  # for who comes after
