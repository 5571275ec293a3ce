"""The fault proxy itself: transparent where nothing is injected, exact where something is."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubecoder.cluster import Cluster, kinds
from tests.rigs.control_plane import ControlPlane
from tests.rigs.fault_proxy import FaultProxy, Seen

NAMESPACES = "/api/v1/namespaces"


@pytest.fixture
def proxy(control_plane: ControlPlane, tmp_path: Path) -> Iterator[FaultProxy]:
    with FaultProxy(control_plane, tmp_path) as running:
        yield running


@pytest.fixture
def bare(proxy: FaultProxy) -> Iterator[http.client.HTTPConnection]:
    """A client that tries nothing twice."""
    connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=10)
    yield connection
    connection.close()


def ask(bare: http.client.HTTPConnection, method: str = "GET", body: str | None = None) -> http.client.HTTPResponse:
    bare.request(method, NAMESPACES, body, {"Content-Type": "application/json"})
    response = bare.getresponse()
    response.read()
    return response


def config_map(namespace: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": namespace}}


def is_write(seen: Seen) -> bool:
    return seen.writes


def test_the_api_is_the_same_through_the_proxy(proxy: FaultProxy, namespace: str) -> None:
    with Cluster.connect(str(proxy.kubeconfig)) as cluster:
        applied = cluster.apply(config_map(namespace))
        with cluster.watch(kinds.CONFIG_MAP, namespace=namespace) as watch:
            event = next(iter(watch))

    assert (event.type, event.object["metadata"]["uid"]) == ("ADDED", applied["metadata"]["uid"])
    first = proxy.seen[0]
    assert (first.number, first.method, first.status, first.forwarded) == (1, "PATCH", 201, True)
    assert first.path.startswith(f"/api/v1/namespaces/{namespace}/configmaps/c?fieldManager=kubecoder")


def test_an_injected_answer_comes_as_often_as_asked_and_isnt_forwarded(
    proxy: FaultProxy, bare: http.client.HTTPConnection
) -> None:
    proxy.answer(429, retry_after=3, times=1)

    refused = ask(bare)
    passed = ask(bare)

    assert (refused.status, refused.headers["Retry-After"], passed.status) == (429, "3", 200)
    assert [(seen.status, seen.forwarded) for seen in proxy.seen] == [(429, False), (200, True)]


def test_reset_before_keeps_a_write_from_the_server_and_reset_after_doesnt(
    proxy: FaultProxy, bare: http.client.HTTPConnection, cluster: Cluster
) -> None:
    for number, inject in enumerate((proxy.reset_before, proxy.reset_after)):
        inject(is_write)
        body = f'{{"metadata": {{"name": "reset-{number}"}}}}'
        with pytest.raises(ConnectionResetError):
            ask(bare, "POST", body)
        bare.close()

    names = {item["metadata"]["name"] for item in cluster.list(kinds.NAMESPACE)}
    assert "reset-0" not in names
    assert "reset-1" in names


def test_a_slow_answer_takes_its_time(proxy: FaultProxy, bare: http.client.HTTPConnection) -> None:
    proxy.slow(0.5, lambda seen: seen.path == NAMESPACES)
    bare.timeout = 0.2

    with pytest.raises(TimeoutError):
        ask(bare)


def test_callbacks_run_before_and_after_the_request_with_that_number(
    proxy: FaultProxy, bare: http.client.HTTPConnection
) -> None:
    called: list[tuple[str, bool]] = []
    proxy.before(2, lambda: called.append(("before", proxy.seen[1].forwarded)))
    proxy.after(3, lambda: called.append(("after", proxy.seen[2].forwarded)))

    ask(bare)
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            ask(bare)
        bare.close()

    assert called == [("before", False), ("after", True)]
    assert [seen.status for seen in proxy.seen] == [200, None, None]


def test_the_proxy_ends_with_a_watch_still_open(control_plane: ControlPlane, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with FaultProxy(control_plane, tmp_path) as proxy, Cluster.connect(str(proxy.kubeconfig)) as cluster:
        watch = cluster.watch(kinds.NODE)

    assert list(watch) == []
    assert set(threading.enumerate()) <= before
