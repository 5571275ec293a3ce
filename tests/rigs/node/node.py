"""One real node with its control plane: pods of it really run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http.client import HTTPException
from types import TracebackType
from typing import Any, Self

from tests.rigs import StartError, cgroups, leftovers
from tests.rigs.binaries import CONTAINERD, KUBERNETES, built
from tests.rigs.control_plane import ControlPlane, Options
from tests.rigs.images import Image, pause
from tests.rigs.node import kubelet, requirements, store
from tests.rigs.node.containerd import Containerd
from tests.rigs.node.sandbox import Sandbox
from tests.rigs.node.storage import LocalStorage
from tests.rigs.processes import ProcessSet
from tests.rigs.waiting import wait_until


class Node:
    """A cluster of one node; a context manager that leaves nothing behind.

    Attributes:
        directory: Data, logs, volumes.
        sandbox: The namespaces that everything runs in.
        plane: The API server, reachable from this machine; `.kubeconfig` is the admin's.
        containerd: For images.
    """

    def __init__(self, *, images: Sequence[Image] = ()) -> None:
        requirements.require()
        for module in (KUBERNETES, CONTAINERD):
            built(module)
        self.directory = leftovers.new_directory("node")
        self.images = [pause(), *images]
        logs = self.directory / "logs"
        self.processes = ProcessSet(logs)
        self.sandbox = Sandbox(self.directory / "sandbox", logs)
        self.containerd = Containerd(self.sandbox, self.directory / "containerd", self.processes)
        self.plane = ControlPlane(self.directory / "control-plane", self._options())
        self.storage = LocalStorage(self.plane, self.directory / "volumes")

    def start(self) -> Self:
        """Start everything and return once the node is Ready and the images are there.

        Raises:
            StartError: With the logs of all parts.
        """
        try:
            self._start()
        except (StartError, TimeoutError) as error:
            logs = self.processes.log_tails() if isinstance(error, TimeoutError) else ""
            self.stop()
            raise StartError(f"the node didn't start: {error}\n{logs}") from error
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Kill all processes and remove mounts, network, cgroups and files; calling it again does nothing."""
        if not self.directory.exists():
            return
        self.storage.stop()
        self.sandbox.stop()
        self.processes.stop()
        self.plane.stop()
        leftovers.remove(self.directory)

    def _start(self) -> None:
        store.clone_to(self.directory / "containerd" / "root", self.images)
        cgroups.create(self.directory.name)
        self.sandbox.start()
        leftovers.record(self.directory, sandbox=self.sandbox.pid)
        self.containerd.start()
        kubelet.write_client_certificate(self.directory)
        self.plane.start()
        kubelet.start(self.sandbox, self.plane, self.directory, self.processes, cgroup_root=self.directory.name)
        self.storage.start()
        wait_until(self.is_ready, what="the node's Ready condition", seconds=90, every=0.2)

    def _options(self) -> Options:
        return Options(
            address=self.sandbox.address,
            prefix=lambda: self.sandbox.prefix,
            authorization_mode="Node,RBAC",
            users=kubelet.USERS,
            api_server=(
                f"--kubelet-client-certificate={self.directory / kubelet.CLIENT_CERTIFICATE}",
                f"--kubelet-client-key={self.directory / kubelet.CLIENT_KEY}",
                "--kubelet-preferred-address-types=InternalIP",
                "--endpoint-reconciler-type=lease",
                # Docker in Docker wants it.
                "--allow-privileged",
            ),
            service_accounts=True,
            controller_manager=True,
        )

    def is_ready(self) -> bool:
        """Say whether pods can be scheduled; raises StartError when a part has ended."""
        self.processes.check()
        self.plane.processes.check()
        try:
            nodes: list[dict[str, Any]] = json.loads(self.plane.get("/api/v1/nodes"))["items"]
        except (OSError, HTTPException):
            return False
        if not nodes or nodes[0]["spec"].get("taints"):
            return False
        conditions = nodes[0]["status"]["conditions"]
        return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
