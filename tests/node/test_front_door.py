"""A whole workspace with its door and its GitHub App on a real node, GitHub being a stand-in on this machine."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.node.doors import lead_to
from tests.rigs.browser import Browser
from tests.rigs.cli import DOMAIN, Cli
from tests.rigs.github import Account, GithubApp, GithubServer, StubGithub
from tests.rigs.node import Node
from tests.rigs.waiting import wait_until

HOST = f"alice.{DOMAIN}"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
).decode()
SECONDS_UNTIL_OUT = 10


@dataclass
class Front:
    """A workspace that is up, and its GitHub."""

    cli: Cli
    github: StubGithub
    directory: Path

    def admit(self, *logins: str) -> None:
        """Write the allow-list into the user file and deploy."""
        file = self.directory / "users" / "alice.yaml"
        document = yaml.safe_load(file.read_text())
        document["oauth2"] = {"githubUsers": list(logins)}
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        self.cli.run("deploy", "alice", seconds=180).expect()

    def in_shell(self, script: str, container: str = "ide") -> str:
        return self.cli.run("shell", "alice", "-c", container, "--", "sh", "-c", script).expect().stdout.strip()

    def pod(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cli("status", "alice", "-o", "json").expect().json()["workspaces"][0]
        return found


@pytest.fixture(scope="module")
def server(node: Node) -> Iterator[GithubServer]:
    github = StubGithub(app=GithubApp("123", "456", KEY.public_key()))
    with GithubServer(github, address=node.sandbox.host_address) as server:
        yield server


@pytest.fixture(scope="module")
def front(server: GithubServer, new_fleet: Callable[..., Cli]) -> Front:
    cli = new_fleet(["alice"])
    directory = Path(cli.environment["KUBECODER_FLEET"])
    lead_to(server, directory)
    app = {"appId": "123", "installationId": "456", "privateKey": PEM}
    secret = directory / "secrets" / "alice" / "github-app.yaml"
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text(yaml.safe_dump({"github": {"app": app}}))
    secret.chmod(0o600)
    container = {"name": "github-token", "env": [{"name": "KUBECODER_GITHUB_API_URL", "value": f"{server.url}/api"}]}
    patch = {"kind": "Deployment", "merge": {"spec": {"template": {"spec": {"containers": [container]}}}}}
    file = directory / "users" / "alice.yaml"
    document = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**document, "patches": [patch]}, sort_keys=False))
    front = Front(cli, server.github, directory)
    front.admit("alice", "bob")
    return front


@pytest.fixture
def address(front: Front) -> Iterator[str]:
    with front.cli.running("forward", "alice", "0:4180") as process:
        assert process.stdout is not None
        yield urlsplit(process.stdout.readline().strip()).netloc
        process.kill()


def answer_of(browser: Browser) -> int:
    """Ask who is signed in; 0 while the door starts anew."""
    with contextlib.suppress(OSError):
        return browser.get("/oauth/api/session").status
    return 0


def can_sign_in(browser: Browser) -> bool:
    """Try to sign in; the kubelet updates each volume by itself, and the door starts anew after each."""
    with contextlib.suppress(OSError, AssertionError):
        return browser.sign_in().status not in {403, 500}
    return True


def test_a_change_of_the_list_ends_sessions_in_ten_seconds_and_restarts_nothing(front: Front, address: str) -> None:
    front.github.at_the_browser = Account("bob")
    bob = Browser(address, HOST)
    assert bob.sign_in().status == 302
    assert bob.get("/oauth/api/session").json()["user"] == "bob"
    before = front.pod()
    front.admit("alice")
    deployed = time.monotonic()
    wait_until(lambda: answer_of(bob) == 401, what="bob is out", seconds=SECONDS_UNTIL_OUT)
    after = front.pod()
    assert (after["pod"], after["restarts"]) == (before["pod"], 0)
    wait_until(lambda: not can_sign_in(bob), what="bob stays out", seconds=SECONDS_UNTIL_OUT)
    assert time.monotonic() - deployed < SECONDS_UNTIL_OUT
    assert answer_of(bob) == 401, "a sign-in between the updates of two volumes doesn't last"
    front.github.at_the_browser = Account("alice")
    alice = Browser(address, HOST)
    assert alice.sign_in().status == 302
    assert alice.get("/oauth/api/session").json()["workspace"] == "alice"


def test_git_uses_the_apps_token_and_nobody_but_its_container_has_the_key(front: Front) -> None:
    question = "printf 'protocol=https\\nhost=github.com\\n\\n' | git credential fill"
    answer = wait_until(
        lambda: front.in_shell(f"{question} 2>/dev/null || true"), what="a token", seconds=30, every=0.5
    )
    assert "username=x-access-token" in answer
    assert "password=ghs_" in answer
    state = json.loads(front.in_shell("cat /run/kubecoder/github/state.json"))
    assert "last_error" not in state
    assert front.in_shell("touch /run/kubecoder/github/x 2>&1 || true").endswith("Read-only file system")
    found = front.cli.run(*("shell", "alice", "--", "grep", "-rlsI", "PRIVATE KEY", "/etc", "/run", "/home", "/tmp"))
    assert found.stdout == ""
