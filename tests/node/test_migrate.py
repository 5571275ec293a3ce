"""`kubecoder migrate` of a kube-coder release that really runs: what is in its home is in our workspace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kubecoder.cluster import Cluster, exec  # noqa: A004
from kubecoder.cluster.exec import Target
from kubecoder.cluster.kinds import POD
from kubecoder.models.manifest import Manifest
from tests.node.pods import is_ready
from tests.node.test_workspaces import in_shell, status
from tests.rigs import Unavailable, kubecoder_chart
from tests.rigs.cli import Cli
from tests.rigs.images import BASE_IMAGE
from tests.rigs.node import Node
from tests.rigs.waiting import wait_until

FILES = "umask 022; cd /home/dev; mkdir -p app .ssh; echo precious > app/notes; echo secret > .ssh/id_ed25519"


def test_the_files_of_a_kube_coder_home_are_in_the_workspace_after_migrate(
    node: Node, cluster: Cluster, new_fleet: Callable[..., Cli], tmp_path: Path
) -> None:
    cli = new_fleet(["john"])
    namespace = cli("user", "show", "john", "-o", "json").expect().json()["namespace"]
    node.plane.create_namespace(namespace)
    try:
        kubecoder_chart.install(tmp_path, node.plane.kubeconfig, namespace, image=BASE_IMAGE)
    except Unavailable as reason:
        pytest.skip(str(reason))

    def old_pod() -> Manifest | None:
        pods = cluster.list(POD, namespace=namespace, labels="app=ws-john")
        return next(filter(is_ready, pods), None)

    pod = wait_until(old_pod, what="kube-coder's pod is ready", seconds=60)
    assert pod
    done = exec.capture(cluster, Target(namespace, pod["metadata"]["name"], "ide"), ["sh", "-c", FILES])
    assert (done.code, done.stderr) == (0, b"")

    told = cli.run("migrate", "john", "--yes", "--timeout", "180", seconds=240).expect().stderr

    assert "all that runs in its pod ends" in told
    assert status(cli, "john")["ready"]
    assert in_shell(cli, "john", "cat ~/app/notes") == "precious"
    assert in_shell(cli, "john", "stat -c %A ~/.ssh ~/.ssh/id_ed25519").split() == ["drwx--S---", "-rw-------"]
    assert in_shell(cli, "john", "echo mine >> ~/app/notes; cat ~/app/notes").split() == ["precious", "mine"]
    assert kubecoder_chart.helm(tmp_path, node.plane.kubeconfig, namespace, "list", "--all", "--short") == ""
