"""A real kube-apiserver and etcd for the session, a namespace and a fleet for each test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.live_fleet import LiveFleet
from tests.rigs import Unavailable
from tests.rigs.cli import Cli, make_fleet
from tests.rigs.control_plane import PLAIN, ControlPlane, Options

if TYPE_CHECKING:
    from kubecoder.cluster import Cluster

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """etcd and kube-apiserver, no controllers: nothing moves that the test doesn't move."""
    yield from _started(Options())


@pytest.fixture(scope="session")
def managed_control_plane() -> Iterator[ControlPlane]:
    """A second one with kube-controller-manager: quota, garbage collection and Deployments act."""
    yield from _started(Options(controller_manager=True, service_accounts=True))


@pytest.fixture(scope="session")
def cluster(control_plane: ControlPlane) -> Iterator[Cluster]:
    """The product's own client, as the admin."""
    yield from _connected(control_plane)


@pytest.fixture(scope="session")
def managed_cluster(managed_control_plane: ControlPlane) -> Iterator[Cluster]:
    """The same for the control plane with controllers."""
    yield from _connected(managed_control_plane)


@pytest.fixture
def namespace(control_plane: ControlPlane) -> str:
    """A namespace that no other test uses; it goes with the control plane."""
    return _new_namespace(control_plane)


@pytest.fixture
def managed_namespace(managed_control_plane: ControlPlane) -> str:
    """The same for the control plane with controllers."""
    return _new_namespace(managed_control_plane)


@pytest.fixture
def kubecoder_cli(control_plane: ControlPlane, tmp_path: Path) -> Cli:
    """`kubecoder` with the admin's kubeconfig: call it for in-process, `.run` for a process."""
    return Cli({"KUBECONFIG": str(control_plane.kubeconfig)}, tmp_path)


@pytest.fixture
def fleet_dir(kubecoder_cli: Cli, namespace: str, tmp_path: Path) -> Callable[..., Path]:
    """A maker of fleets in the test's namespace: `fleet_dir(3)`, `fleet_dir(["john"], defaults={…})`."""

    def make(users: Any = 2, *, name: str = "fleet", **settings: Any) -> Path:
        settings.setdefault("namespace", namespace)
        return make_fleet(kubecoder_cli, tmp_path / name, users, **settings)

    return make


@pytest.fixture
def fleet(kubecoder_cli: Cli, fleet_dir: Callable[..., Path], namespace: str, cluster: Cluster) -> LiveFleet:
    """A fleet of john and jane, not deployed."""
    return LiveFleet(kubecoder_cli, fleet_dir(["john", "jane"]), namespace, cluster)


@pytest.fixture
def deployed(fleet: LiveFleet) -> LiveFleet:
    """The same, deployed."""
    fleet.deploy().expect()
    return fleet


@pytest.fixture
def as_plain_user(
    control_plane: ControlPlane, fleet_dir: Callable[..., Path], namespace: str, cluster: Cluster, tmp_path: Path
) -> LiveFleet:
    """The fleet of somebody with no right beyond what the test grants."""
    cli = Cli({"KUBECONFIG": str(control_plane.kubeconfig_of(PLAIN))}, tmp_path)
    return LiveFleet(cli, fleet_dir(["john"]), namespace, cluster)


def _started(options: Options) -> Iterator[ControlPlane]:
    try:
        plane = ControlPlane(options=options)
        plane.start()
    except Unavailable as reason:
        pytest.skip(str(reason))
    try:
        yield plane
    finally:
        plane.stop()


def _connected(plane: ControlPlane) -> Iterator[Cluster]:
    from kubecoder.cluster import Cluster

    client = Cluster.connect(str(plane.kubeconfig))
    try:
        yield client
    finally:
        client.close()


def _new_namespace(plane: ControlPlane) -> str:
    name = f"test-{next(_numbers)}"
    plane.create_namespace(name)
    return name
