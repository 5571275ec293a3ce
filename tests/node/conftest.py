"""One real node for the session: the workspaces of these tests really run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from kubecoder.cluster import Cluster
from kubecoder.image import Target
from tests.node.front import BY_HTTPROUTE, BY_INGRESS, DEFAULTS, INGRESSES, Front, Workspace, running_front
from tests.node.pair import Pair, make_pair
from tests.rigs import Unavailable, builder_images, chromium, images
from tests.rigs.cli import Cli, make_fleet
from tests.rigs.node import Node

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """The cluster of one node, with the workspace images and a small one for tests of the node itself."""
    try:
        workspaces = [images.workspace(), images.workspace(Target.full)]
        running = Node(images=[images.base(), *workspaces, builder_images.buildkit(), builder_images.dind()])
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


@pytest.fixture(scope="session")
def front(
    node: Node, cluster: Cluster, new_fleet: Callable[..., Cli], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """Two whole workspaces behind a real ingress controller, one by an Ingress, one by an HTTPRoute."""
    try:
        chromium.program()
    except Unavailable as reason:
        pytest.skip(str(reason))
    cli = new_fleet([*INGRESSES], **DEFAULTS)
    with running_front(node, cluster, cli, tmp_path_factory.mktemp("front")) as running:
        yield running


@pytest.fixture(scope="session")
def pair(front: Front, node: Node, cluster: Cluster) -> Pair:
    """The same two, with a guest on each list; tests leave them so."""
    return make_pair(front, node, cluster)


@pytest.fixture(scope="module")
def browser(front: Front) -> Iterator[Browser]:
    """Chromium that finds the workspaces of `front`; no longer than a module, since no asyncio runs beside it."""
    with front.browser() as running:
        yield running


@pytest.fixture(params=[BY_INGRESS, BY_HTTPROUTE], ids=["ingress", "httproute"], scope="module")
def published(front: Front, request: pytest.FixtureRequest) -> Workspace:
    """Each workspace of `front`."""
    return front.workspaces[request.param]


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """Somebody's browser that has never been here."""
    with Front.visitor(browser) as context:
        yield context


@pytest.fixture
def page(published: Workspace, visitor: BrowserContext) -> Iterator[Page]:
    """The dashboard of `published` with its user signed in; its complaints in the console fail the test."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # VS Code, the terminal and the screen have pages of their own.
        if message.type == "error" and message.location["url"].startswith(f"{published.origin}/oauth/static/"):
            complaints.append(message.text)

    opened = visitor.new_page()
    opened.on("console", note)
    yield published.signed_in(opened)
    assert complaints == []
