"""One real node for the session: the workspaces of these tests really run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kubecoder.cluster import Cluster
from tests.rigs import Unavailable, images
from tests.rigs.cli import Cli, make_fleet
from tests.rigs.node import Node

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """The cluster of one node, with the workspace image and a small one for tests of the node itself."""
    try:
        running = Node(images=[images.base(), images.workspace()])
    except Unavailable as reason:
        pytest.skip(str(reason))
    with running:
        yield running


@pytest.fixture(scope="session")
def cluster(node: Node) -> Iterator[Cluster]:
    """The product's own client, as the admin."""
    with Cluster.connect(str(node.plane.kubeconfig)) as client:
        yield client


@pytest.fixture
def namespace(node: Node) -> str:
    """A namespace that no other test uses."""
    name = f"test-{next(_numbers)}"
    node.plane.create_namespace(name)
    return name


@pytest.fixture(scope="session")
def new_fleet(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Cli]:
    """A maker of fleets that can deploy here; `new_fleet(["john"])` gives `kubecoder` with fleet and cluster set."""

    def make(users: Any = 1, **defaults: Any) -> Cli:
        directory = tmp_path_factory.mktemp("fleet")
        cli = Cli({"KUBECONFIG": str(node.plane.kubeconfig)}, directory)
        fleet = make_fleet(
            cli,
            directory / "fleet",
            users,
            namespace=f"fleet-{next(_numbers)}",
            defaults={**images.workspace_defaults(), **defaults},
        )
        return cli.in_fleet(fleet)

    return make
