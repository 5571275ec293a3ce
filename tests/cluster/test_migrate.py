"""`kubecoder migrate` on a real API server, of a release that the real helm has installed."""

from __future__ import annotations

from pathlib import Path
from queue import SimpleQueue
from subprocess import Popen
from typing import Any

import pytest

from kubecoder.models.manifest import ObjectRef
from tests.cluster.live_fleet import LiveFleet, actions
from tests.rigs import Unavailable, kubecoder_chart
from tests.rigs.control_plane import ControlPlane
from tests.rigs.fault_proxy import Fault, FaultProxy, Seen
from tests.rigs.waiting import wait_until

RBAC = "rbac.authorization.k8s.io/v1"
GONE = (
    "Deployment/oauth2-proxy-john",
    "Service/oauth2-proxy-john",
    "Ingress/ws-john-browser",
    "Ingress/ws-john-oauth2",
)


class Installed:
    """A fleet with john, and kube-coder's release of john beside it."""

    def __init__(self, fleet: LiveFleet, plane: ControlPlane, directory: Path) -> None:
        self.fleet, self.plane, self.directory = fleet, plane, directory

    def helm(self, *argv: str) -> str:
        return kubecoder_chart.helm(self.directory, self.plane.kubeconfig, self.fleet.namespace, *argv)

    def home(self) -> Any:
        return self.fleet.live("PersistentVolumeClaim", "ws-john-home")

    def migrate(self, *argv: str, exit_code: int = 0) -> str:
        return self.fleet.cli("migrate", "john", "--no-wait", *argv).expect(exit_code).stderr

    def check_migrated(self, uid: str) -> None:
        """The end state, however it came about: our objects, the same home, and no trace of Helm."""
        fleet, home = self.fleet, self.home()["metadata"]
        assert home["uid"] == uid
        assert "meta.helm.sh/release-name" not in home["annotations"]
        assert home["labels"]["app.kubernetes.io/managed-by"] == "kubecoder"
        assert self.helm("list", "--all", "--short") == ""
        left = [name for name in GONE if fleet.cluster.find(fleet.ref(*name.split("/"))) is not None]
        assert left == []
        build = ObjectRef(RBAC, "ClusterRole", "", f"ws-john-build-{fleet.namespace}")
        assert fleet.cluster.find(build) is None
        assert fleet.live("Deployment")["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "kubecoder"
        assert fleet.result("john")["john"]["result"] == "unchanged"


@pytest.fixture
def installed(fleet: LiveFleet, control_plane: ControlPlane, tmp_path: Path) -> Installed:
    try:
        kubecoder_chart.install(tmp_path, control_plane.kubeconfig, fleet.namespace)
    except Unavailable as reason:
        pytest.skip(str(reason))
    return Installed(fleet, control_plane, tmp_path)


def test_a_release_becomes_a_workspace_and_keeps_its_home(installed: Installed) -> None:
    uid = installed.home()["metadata"]["uid"]
    planned = installed.fleet.cli("migrate", "john", "--dry-run", "-o", "json").expect().json()
    assert actions(planned)["PersistentVolumeClaim/ws-john-home"] == "adopt"
    assert actions(planned)["Deployment/ws-john"] == "delete"
    assert "john-workspace" in installed.helm("list", "--short")
    assert "write --yes" in installed.migrate(exit_code=2)
    told = installed.migrate("--yes")
    assert "all that runs in its pod ends" in told
    installed.check_migrated(uid)
    installed.migrate("--yes")
    installed.check_migrated(uid)


def is_delete_of(part: str) -> Any:
    return lambda seen: seen.method == "DELETE" and part in seen.path


def is_taking_the_home(seen: Seen) -> bool:
    return seen.method == "PATCH" and "kubecoder-migrate" in seen.path


KILLS = {
    "amid the objects": is_delete_of("/services/"),
    "at the home": is_taking_the_home,
    "at Helm's Secret": is_delete_of("/secrets/sh.helm.release"),
}


@pytest.mark.parametrize("matches", KILLS.values(), ids=KILLS)
def test_a_killed_migration_goes_on(installed: Installed, matches: Any, tmp_path: Path) -> None:
    uid = installed.home()["metadata"]["uid"]
    running: SimpleQueue[Popen[str]] = SimpleQueue()
    with FaultProxy(installed.plane, tmp_path) as proxy:
        proxy.inject(Fault(matches, act=lambda: running.get(timeout=10).kill(), reset_after=True))
        cli = installed.fleet.cli.with_environment(KUBECONFIG=str(proxy.kubeconfig))
        with cli.running("migrate", "john", "--yes", "--no-wait") as process:
            running.put(process)
            process.communicate(timeout=60)
        assert process.returncode == -9
        wait_until(lambda: proxy.is_idle, what="the end of what is in flight", seconds=10, every=0.01)
    installed.migrate("--yes")
    installed.check_migrated(uid)


def test_a_home_that_would_have_to_shrink_is_refused_before_anything_is_deleted(installed: Installed) -> None:
    installed.fleet.edit_user(user={"pvcSize": "10Gi"})
    assert "can't shrink from 50Gi to 10Gi" in installed.migrate("--yes", exit_code=5)
    assert installed.fleet.live("Deployment", "oauth2-proxy-john")


def test_another_class_of_the_home_is_refused(installed: Installed) -> None:
    installed.fleet.edit_user(user={"storageClassName": "fast"})
    assert "storageClassName can't change" in installed.migrate("--yes", exit_code=5)


def test_a_user_file_is_needed(fleet: LiveFleet) -> None:
    assert "user add bob --from values.yaml" in fleet.cli("migrate", "bob", "--yes").expect(4).stderr


def test_where_no_release_is_nothing_is_done(deployed: LiveFleet) -> None:
    assert "wasn't made by Helm" in deployed.cli("migrate", "john", "--yes").expect(4).stderr
    assert deployed.result("john")["john"]["result"] == "unchanged"


def test_where_no_home_is_no_release_is_found(fleet: LiveFleet) -> None:
    assert "isn't there" in fleet.cli("migrate", "john", "--dry-run").expect(4).stderr
