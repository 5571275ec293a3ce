"""Private process, mount and network namespaces in which the whole node lives.

All of it ends with one process: when the first process of a PID namespace dies, the
kernel kills the others, and with the last of them go the mounts and the network.
"""

from __future__ import annotations

import ctypes
import os
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tests.rigs.processes import ProcessSet, kill_process, run
from tests.rigs.waiting import wait_until

# The kubelet writes these for the whole machine; it sees private files instead.
KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
# What the components write under /run, /var/lib and /var/log stays in the sandbox.
# The first process ignores SIGCHLD, by which the kernel reaps the orphans of containerd's shims.
SETUP = """
set -eu
mount -t tmpfs tmpfs /run
cd "$DIRECTORY"
mkdir -p upper work log
mount -t overlay overlay -o "lowerdir=/var/lib,upperdir=$DIRECTORY/upper,workdir=$DIRECTORY/work" /var/lib
mount --bind log /var/log
for setting in $SETTINGS; do
    name=${setting%=*}
    mkdir -p "/run/sysctl/${name%/*}"
    echo "${setting#*=}" > "/run/sysctl/$name"
    mount --bind "/run/sysctl/$name" "/proc/sys/$name"
done
ip link set lo up
echo 1 > /proc/sys/net/ipv4/ip_forward
touch ready
cd /
exec env --ignore-signal=CHLD sleep infinity
"""
# 198.18.0.0/15 is set apart for tests (RFC 2544), so no real network of the machine has it.
NETWORK = "198.18"
CLONE_NEWNET = 0x40000000  # as the kernel names the network among the namespaces

T = TypeVar("T")


class Sandbox:
    """The namespaces of one node.

    Attributes:
        directory: Private files; the caller removes it.
        address: Of the node, reachable from this machine only.
    """

    def __init__(self, directory: Path, log_directory: Path) -> None:
        self.directory = directory
        self.processes = ProcessSet(log_directory)
        third, fourth = random.randrange(256), random.randrange(64) * 4
        self.host_address = f"{NETWORK}.{third}.{fourth + 1}"
        self.address = f"{NETWORK}.{third}.{fourth + 2}"
        self.pid = 0

    @property
    def prefix(self) -> list[str]:
        """Argv that runs what follows it inside, where no proxy can be reached or is needed."""
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--net", "--pid", "--"]
        return [*enter, "env", "NO_PROXY=*", "no_proxy=*"]

    def start(self) -> None:
        """Make the namespaces, their mounts and the link to this machine."""
        self.directory.mkdir(parents=True, exist_ok=True)
        private = ["--mount", "--propagation=private", "--net", "--pid", "--mount-proc"]
        holder = self.processes.start(
            "sandbox",
            ["unshare", *private, "--fork", "--kill-child", "--", "sh", "-c", SETUP],
            environment={
                "DIRECTORY": str(self.directory),
                "SETTINGS": " ".join(f"{name}={value}" for name, value in KERNEL_SETTINGS.items()),
            },
            patience=0,
        )

        def is_ready() -> bool:
            holder.check()
            return (self.directory / "ready").exists()

        wait_until(is_ready, what="the node's namespaces", seconds=30, every=0.02)
        self.pid = _only_child(holder.pid)
        self._link()

    def stop(self) -> None:
        """Kill everything inside; mounts and network are gone with it."""
        if self.pid:
            kill_process(self.pid)
        self.processes.stop()

    def run(self, argv: Sequence[str], *, seconds: float = 120) -> str:
        """Run a program inside to its end and return its stdout.

        Raises:
            StartError: It failed; with its stderr.
        """
        return run([*self.prefix, *argv], seconds=seconds)

    def within(self, function: Callable[[], T]) -> T:
        """Call a function of this process in the sandbox's network, where the node reaches its pods.

        A network namespace belongs to a thread, and a socket stays in the one in which it was made.
        """
        with ThreadPoolExecutor(1, initializer=self._enter_network) as thread:
            return thread.submit(function).result()

    def _enter_network(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        with Path(f"/proc/{self.pid}/ns/net").open() as namespace:
            if libc.setns(namespace.fileno(), CLONE_NEWNET):
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code))

    def _link(self) -> None:
        # Linux allows 15 characters; the host's end goes away with the other one.
        host_end = f"kc{self.pid}"
        run(["ip", "link", "add", host_end, "type", "veth", "peer", "name", "eth0", "netns", str(self.pid)])
        run(["ip", "address", "add", f"{self.host_address}/30", "dev", host_end])
        run(["ip", "link", "set", host_end, "up"])
        self.run(["ip", "address", "add", f"{self.address}/30", "dev", "eth0"])
        self.run(["ip", "link", "set", "eth0", "up"])


def _only_child(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0])
