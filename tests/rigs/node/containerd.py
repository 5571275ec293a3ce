"""containerd with runc and the bridge network of Debian's CNI plugins."""

from __future__ import annotations

import json
from pathlib import Path

from tests.rigs.binaries import CONTAINERD, built
from tests.rigs.images import PAUSE_IMAGE
from tests.rigs.node.sandbox import Sandbox
from tests.rigs.processes import ProcessSet
from tests.rigs.waiting import wait_until

# Private to the sandbox, where /run is its own.
SOCKET = "/run/containerd/containerd.sock"
CNI_PLUGINS = "/usr/lib/cni"
POD_NETWORK = "10.244.0.0/24"

CONFIG = """
version = 3
root = "{directory}/root"
state = "/run/containerd"
oom_score = 0
disabled_plugins = [
    "io.containerd.internal.v1.tracing", "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.erofs", "io.containerd.snapshotter.v1.zfs",
]

[grpc]
address = "{socket}"

[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{pause}"

[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
disable_apparmor = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{cni_plugins}"]
conf_dir = "{directory}/cni"
[plugins."io.containerd.cri.v1.runtime".containerd]
default_runtime_name = "runc"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = false
"""

# 0.4.0 is what the plugins of every Debian since 11 understand.
NETWORK = {
    "cniVersion": "0.4.0",
    "name": "pods",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "pods",
            "isGateway": True,
            "ipMasq": True,
            "hairpinMode": True,
            "ipam": {"type": "host-local", "ranges": [[{"subnet": POD_NETWORK}]], "routes": [{"dst": "0.0.0.0/0"}]},
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}


class Containerd:
    """The container runtime of one node."""

    def __init__(self, sandbox: Sandbox, directory: Path, processes: ProcessSet) -> None:
        self.sandbox = sandbox
        self.directory = directory
        self.processes = processes

    def start(self) -> None:
        """Start it and wait until it answers."""
        (self.directory / "cni").mkdir(parents=True)
        (self.directory / "cni" / "pods.conflist").write_text(json.dumps(NETWORK))
        config = CONFIG.format(directory=self.directory, socket=SOCKET, pause=PAUSE_IMAGE, cni_plugins=CNI_PLUGINS)
        (self.directory / "config.toml").write_text(config)
        programs = built(CONTAINERD)
        # containerd finds its shim by PATH.
        environment = ["env", f"PATH={programs}:/usr/sbin:/usr/bin:/sbin:/bin"]
        daemon = self.processes.start(
            "containerd",
            [*self.sandbox.prefix, *environment, "containerd", f"--config={self.directory}/config.toml"],
        )
        # The socket is in the private /run, which this process sees through the first process inside.
        socket = Path(f"/proc/{self.sandbox.pid}/root{SOCKET}")

        def is_listening() -> bool:
            daemon.check()
            return socket.exists()

        wait_until(is_listening, what="containerd's socket", seconds=20)

    def load(self, archive: Path) -> None:
        """Import an image archive (docker-archive or OCI)."""
        self.ctr("images", "import", "--local", str(archive), seconds=600)

    def images(self) -> list[str]:
        """Return the names of all images."""
        return self.ctr("images", "list", "--quiet").split()

    def ctr(self, *argv: str, seconds: float = 60) -> str:
        """Run `ctr` in the kubelet's namespace and return its stdout."""
        program = str(built(CONTAINERD) / "ctr")
        return self.sandbox.run([program, f"--address={SOCKET}", "--namespace=k8s.io", *argv], seconds=seconds)
