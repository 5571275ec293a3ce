"""The workspaces of `front` as strangers, guests and the node see them, with no ingress controller between."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kubecoder.cluster import Cluster
from kubecoder.models.manifest import ObjectRef
from tests.node.front import Front
from tests.node.model import start_model
from tests.rigs.browser import Browser
from tests.rigs.cli import DOMAIN, Cli
from tests.rigs.github import Account, StubGithub
from tests.rigs.node import Node

ALICE, BOB = "alice-gh", "bob"
DOOR_PORT, API_PORT = 4180, 6090


@dataclass
class Pair:
    """The workspaces of alice and carol, which share the fleet's cookie secret; each admits a guest."""

    cli: Cli
    github: StubGithub
    node: Node
    cluster: Cluster

    @property
    def fleet(self) -> Path:
        return Path(self.cli.environment["KUBECODER_FLEET"])

    def owners_of_cookie_secrets(self) -> list[str]:
        """Return whose secrets hold one: users' names, or `_defaults`."""
        files = (self.fleet / "secrets").glob("*/oauth2.yaml")
        return [file.parent.name for file in files if "cookieSecret" in file.read_text()]

    def admit(self, name: str, *logins: str) -> None:
        """Write an allow-list into the user's file; the next deploy brings it."""
        file = self.fleet / "users" / f"{name}.yaml"
        document = yaml.safe_load(file.read_text())
        file.write_text(yaml.safe_dump({**document, "oauth2": {"githubUsers": list(logins)}}, sort_keys=False))

    def deploy(self, *arguments: str) -> None:
        self.cli.run("deploy", *arguments, "--timeout", "180", seconds=240).expect()

    def run(self, name: str, *argv: str, container: str = "ide") -> str:
        """Run a program in a workspace and return what it prints."""
        return self.cli.run("shell", name, "-c", container, "--", *argv, seconds=300).expect().stdout.strip()

    def start_model(self) -> None:
        """Start the model that alice's Claude talks to, if it doesn't run in this pod yet."""
        start_model(self.cli, "alice")

    def pod(self, name: str) -> Any:
        """Return a workspace's pod."""
        (status,) = self.cli("status", name, "-o", "json").expect().json()["workspaces"]
        return self.cluster.get(ObjectRef("v1", "Pod", status["namespace"], status["pod"]))

    def address(self, name: str) -> str:
        """Return the address of a workspace's pod, which the node and other pods reach."""
        return str(self.pod(name)["status"]["podIP"])

    def signed_in(self, login: str, name: str) -> Browser:
        """Sign a person in at a workspace, in a browser that is on the node."""
        self.github.at_the_browser = Account(login)
        browser = Browser(f"{self.address(name)}:{DOOR_PORT}", host(name))
        assert self.node.sandbox.within(browser.sign_in).status == 302
        return browser


def host(name: str) -> str:
    return f"{name}.{DOMAIN}"


def make_pair(front: Front, node: Node, cluster: Cluster) -> Pair:
    """Let bob into alice's workspace, and alice into carol's."""
    workspace = front.workspaces["alice"]
    pair = Pair(workspace.cli, workspace.github, node, cluster)
    pair.admit("alice", ALICE, BOB)
    pair.admit("carol", "carol-gh", ALICE)
    pair.deploy("--all")
    return pair
