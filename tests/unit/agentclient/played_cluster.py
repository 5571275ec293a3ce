"""An API server that has one workspace, and behind it a kubelet whose pod is an agent."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

from tests.objects import deployment, pod, running
from tests.unit.agentclient.conftest import TOKEN
from tests.unit.cluster.server import Incoming, Wire, status
from tests.unit.cluster.websocket import BINARY, Peer


class PlayedCluster:
    """An API server that has one workspace, and a kubelet behind it whose pod is an agent.

    Attributes:
        token: What the Secret holds; None: there is no Secret.
        pod: The pod's name; None: the workspace is stopped.
        accepted: The token that the agent takes.
        answer: Status and document of every request with that token.
        is_deaf: Nothing listens on the pod's port.
    """

    def __init__(self) -> None:
        self.token: str | None = TOKEN
        self.pod: str | None = "ws-john-1"
        self.accepted = TOKEN
        self.answer: tuple[int, Any] = (200, {"workspace": "john", "version": "1"})
        self.is_deaf = False
        self.forwarded: list[str] = []

    def __call__(self, incoming: Incoming, wire: Wire) -> None:
        if incoming.path.endswith("/portforward"):
            self._forward(incoming, wire)
        elif incoming.path.endswith("/pods"):
            items = [pod(running(), name=self.pod, ready=True)] if self.pod else []
            wire.reply(200, {"kind": "PodList", "metadata": {"resourceVersion": "1"}, "items": items})
        elif incoming.path.endswith("/deployments"):
            wire.reply(
                200, {"kind": "DeploymentList", "metadata": {"resourceVersion": "1"}, "items": [deployment(replicas=0)]}
            )
        elif incoming.path.endswith("/secrets/ws-john-api") and self.token:
            data = {"admin-token": base64.b64encode(self.token.encode()).decode()}
            wire.reply(200, {"kind": "Secret", "metadata": {"name": "ws-john-api"}, "data": data})
        else:
            wire.reply(404, status(404, "NotFound"))

    def _forward(self, incoming: Incoming, wire: Wire) -> None:
        self.forwarded.append(incoming.target)
        peer = Peer.accept(incoming, wire)
        for channel in (0, 1):
            peer.send(channel, struct.pack("<H", 6090))
        if self.is_deaf:
            peer.send(1, b"an error occurred: connection refused")
            peer.close()
            return
        while True:
            code, payload = peer.receive()
            if code != BINARY:
                return
            self._answer(peer, payload[1:])

    def _answer(self, peer: Peer, request: bytes) -> None:
        good = f"Bearer {self.accepted}".encode() in request
        code, document = self.answer if good else (401, {"error": "no", "code": "unauthorized"})
        body = json.dumps(document)
        head = f"HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        peer.send(0, f"{head}\r\n{body}".encode())
