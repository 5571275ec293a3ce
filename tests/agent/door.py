"""The door of a workspace as the manifests render it, in front of a real agent, with a stand-in for GitHub."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from kubecoder import render
from kubecoder.models.secrets import OAuth2Secrets, Secrets
from tests.agent.conftest import HOST, Agent
from tests.agent.volume import Volume
from tests.manifest_cases import Case, fleet
from tests.rigs.binaries import OAUTH2_PROXY, built
from tests.rigs.browser import Browser
from tests.rigs.github import GithubServer, StubGithub
from tests.rigs.processes import ProcessSet, RunningProcess
from tests.rigs.raw_http import send
from tests.rigs.waiting import wait_until


def rendered(oauth2: Mapping[str, Any], github: StubGithub) -> dict[str, dict[str, str]]:
    """Render a workspace and return the content of its ConfigMaps and Secrets by name."""
    secrets = OAuth2Secrets(
        client_id=github.client_id,
        client_secret=SecretStr(github.client_secret),
        cookie_secret=SecretStr("0123456789abcdef0123456789abcdef"),
    )
    workspace = Case(secrets=Secrets(oauth2=secrets)).workspace(user={"name": "alice", "host": HOST}, oauth2=oauth2)
    result = render.workspace(fleet(workspace), workspace)
    found: dict[str, dict[str, str]] = {}
    for manifest in result.manifests:
        data = manifest.get("data", {})
        if manifest["kind"] == "ConfigMap":
            found[f"configmap/{manifest['metadata']['name']}"] = data
        elif manifest["kind"] == "Secret":
            decoded = {key: base64.b64decode(value).decode() for key, value in data.items()}
            found[f"secret/{manifest['metadata']['name']}"] = decoded
    return found


@dataclass
class Door:
    """The running watcher with its volumes, and the agent behind it."""

    directory: Path
    agent: Agent
    server: GithubServer
    port: int
    config: Volume = field(init=False)
    secrets: Volume = field(init=False)
    process: RunningProcess = field(init=False)
    secret_values: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.config = Volume(self.directory / "config")
        self.secrets = Volume(self.directory / "secrets")

    def admit(self, **oauth2: Any) -> None:
        """Bring the pod's files to what a deploy with this allow-list gives, as the kubelet does."""
        objects = rendered(oauth2, self.server.github)
        self.agent.admission_file.write_text(objects["configmap/ws-alice-agent"]["admission.json"])
        self.admit_in_secrets(**oauth2)
        self.admit_in_config(**oauth2)

    def admit_in_secrets(self, **oauth2: Any) -> None:
        """Update the door's Secret alone."""
        secrets = rendered(oauth2, self.server.github)["secret/ws-alice-door"]
        self.secret_values |= set(secrets.values())
        self.secrets.write(secrets)

    def admit_in_config(self, **oauth2: Any) -> None:
        """Update the door's ConfigMap alone."""
        config = dict(rendered(oauth2, self.server.github)["configmap/ws-alice-door"])
        config["alpha.yaml"] = self._adapted(config["alpha.yaml"])
        self.config.write(config)

    def starts(self) -> int:
        """Return how often the proxy was started."""
        return sum(entry["message"] == "oauth2-proxy started" for entry in self.log())

    def _adapted(self, text: str) -> str:
        """Change addresses alone: a free port, sockets and secrets of this test, the stand-in for GitHub."""
        document = yaml.safe_load(text)
        document["server"]["bindAddress"] = f"127.0.0.1:{self.port}"
        for upstream in document["upstreamConfig"]["upstreams"]:
            name = upstream["uri"].rpartition("/")[2]
            upstream["uri"] = f"unix://{self.agent.session_socket.parent}/{name}"
        (provider,) = document["providers"]
        provider["clientSecretFile"] = str(self.directory / "secrets" / "client-secret")
        provider.update(self.server.provider())
        return yaml.safe_dump(document)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def is_open(self) -> bool:
        """Tell whether oauth2-proxy answers."""
        with contextlib.suppress(OSError):
            return send(self.address, "GET", "/ping", host=HOST).status == 200
        return False

    def browser(self) -> Browser:
        """Return a browser with no cookie yet."""
        return Browser(self.address, HOST)

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.process.log_lines()]

    def session_requests(self) -> list[str]:
        """Return the paths of all requests that reached the agent's session listener."""
        return [
            entry["path"]
            for entry in self.agent.log()
            if entry["message"] == "request" and entry["listener"] == "session"
        ]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running_door(directory: Path, agent: Agent, server: GithubServer, **oauth2: Any) -> Iterator[Door]:
    """Run the watcher until the end of the block."""
    door = Door(directory, agent, server, free_port())
    door.admit(**oauth2)
    with ProcessSet(directory / "logs") as processes:
        door.process = start_watcher(processes, directory)
        wait_until(door.is_open, what="the door is open", seconds=20)
        yield door


def start_watcher(processes: ProcessSet, directory: Path) -> RunningProcess:
    """Start `python -m agent.door` on the files below a folder."""
    variables = {
        "KUBECODER_DOOR_DIRECTORY": str(directory),
        "PATH": f"{built(OAUTH2_PROXY)}:{os.environ['PATH']}",
        # What a container shouldn't have, and what would overrule the files.
        "OAUTH2_PROXY_COOKIE_SECRET": "x",
        "OAUTH2_PROXY_SKIP_AUTH_ROUTES": ".*",
    }
    return processes.start("door", [sys.executable, "-I", "-m", "agent.door"], environment=variables)
