"""The node itself, proven with plain manifests: what the tests of workspaces take for granted."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kubecoder.cluster import Cluster
from kubecoder.models.manifest import ObjectRef, ref_of
from tests.node.pods import claim, claimed, hardened_pod, has_succeeded, is_bound, is_ready, log_of, wait_for
from tests.rigs import cgroups, leftovers
from tests.rigs.node import Node
from tests.rigs.processes import start_time
from tests.rigs.waiting import wait_until

ROOT = Path(__file__).parents[2]
OWNER = """
import time
from tests.rigs.node import Node
node = Node().start()
print(node.directory, node.sandbox.pid, flush=True)
time.sleep(600)
"""


def test_a_hardened_pod_becomes_ready(cluster: Cluster, namespace: str) -> None:
    pod = cluster.create(hardened_pod(namespace, "sleeper", "sleep 600"))

    wait_for(cluster, ref_of(pod), is_ready, seconds=20)


def test_a_pod_has_its_limits_and_no_privileges(cluster: Cluster, namespace: str, node: Node) -> None:
    script = "id -u; grep -E '^(NoNewPrivs|CapEff|Seccomp):' /proc/self/status; touch /etc/x 2>&-; echo $?"
    pod = cluster.create(hardened_pod(namespace, "facts", script))

    wait_for(cluster, ref_of(pod), has_succeeded)

    user, *rights, write_to_root = log_of(node, pod).splitlines()
    assert user == "1000"
    assert rights == ["CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"]
    assert write_to_root != "0"


def test_files_on_a_claim_outlive_the_pod_and_belong_to_its_group(cluster: Cluster, namespace: str, node: Node) -> None:
    home = cluster.create(claim(namespace, "home"))
    writer = hardened_pod(namespace, "writer", "echo kept > /data/file", volume=claimed("home"))
    reader = hardened_pod(namespace, "reader", "cat /data/file; stat -c %g /data", volume=claimed("home"))

    for pod in (writer, reader):
        cluster.create(pod)
        wait_for(cluster, ref_of(pod), has_succeeded)

    assert is_bound(cluster.get(ref_of(home)))
    assert log_of(node, reader) == "kept\n1000\n"


def test_a_deleted_claim_takes_its_volume_along(cluster: Cluster, namespace: str, node: Node) -> None:
    home = cluster.create(claim(namespace, "home"))
    pod = cluster.create(hardened_pod(namespace, "user", "true", volume=claimed("home")))
    wait_for(cluster, ref_of(pod), has_succeeded)
    name = cluster.get(ref_of(home))["spec"]["volumeName"]
    volume = ObjectRef("v1", "PersistentVolume", "", name)

    cluster.delete(ref_of(pod))
    cluster.delete(ref_of(home))

    wait_until(lambda: cluster.find(volume) is None, what=f"{volume} is gone", seconds=30)
    assert not (node.directory / "volumes" / name).exists()


def test_a_service_leads_to_its_pod(cluster: Cluster, namespace: str, node: Node) -> None:
    listen = "perl -MIO::Socket::INET -e '$s=IO::Socket::INET->new(LocalPort=>8080,Listen=>5,ReuseAddr=>1);"
    server = hardened_pod(namespace, "server", listen + " while($c=$s->accept){print $c qq(hello\\n);close $c}'")
    cluster.create(server)
    wait_for(cluster, ref_of(server), is_ready)
    service = cluster.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "server", "namespace": namespace},
            "spec": {"selector": {"name": "server"}, "ports": [{"port": 80, "targetPort": 8080, "protocol": "TCP"}]},
        }
    )
    address = service["spec"]["clusterIP"]
    ask = f"until perl -MIO::Socket::INET -e '$s=IO::Socket::INET->new(\"{address}:80\") or exit 1;print <$s>'"

    client = cluster.create(hardened_pod(namespace, "client", f"{ask}; do sleep 0.2; done"))

    wait_for(cluster, ref_of(client), has_succeeded)
    assert log_of(node, client).splitlines()[-1] == "hello"


def test_a_stopped_node_leaves_nothing() -> None:
    with Node() as node:
        namespaces = pid_namespace(node.sandbox.pid)
        assert cgroups.exists(node.directory.name)

    assert_nothing_left(node.directory, namespaces, node.sandbox.pid)


def test_a_start_that_is_interrupted_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node()
    namespaces = ""

    def interrupt() -> None:
        nonlocal namespaces
        namespaces = pid_namespace(node.sandbox.pid)
        raise KeyboardInterrupt

    monkeypatch.setattr(node.plane, "start", interrupt)
    with pytest.raises(KeyboardInterrupt):
        node.start()

    assert_nothing_left(node.directory, namespaces, node.sandbox.pid)


def test_the_next_start_removes_what_a_killed_one_left() -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        directory, pid = owner.stdout.readline().split()
        namespaces = pid_namespace(pid)
        owner.send_signal(signal.SIGKILL)

    wait_until(lambda: start_time(int(pid)) is None, what="the sandbox ends with its owner", seconds=10)

    leftovers.reap()

    assert_nothing_left(Path(directory), namespaces, int(pid))


def assert_nothing_left(directory: Path, namespaces: str, holder: int) -> None:
    assert start_time(holder) is None
    assert namespaces not in pid_namespaces()
    assert directory.name not in Path("/proc/self/mounts").read_text()
    assert not cgroups.exists(directory.name)
    assert not Path(f"/sys/class/net/kc{holder}").exists()
    assert not directory.exists()


def pid_namespaces() -> set[str]:
    """Return the PID namespaces of all processes, without zombies, which wait only for their new parent."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if start_time(int(process.name)):
                found.add(pid_namespace(process.name))
    return found


def pid_namespace(pid: int | str) -> str:
    return str(Path(f"/proc/{pid}/ns/pid").readlink())
