"""Our client against urllib3's pool and bare connections, on the same requests: `python -m tests.bench.transport`.

Decides D12: which kept-alive connections the client is built on.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import urllib3

from kubecoder.cluster import Cluster
from kubecoder.cluster.transport import encode
from kubecoder.models.manifest import Manifest
from tests.bench.peers import send_bare
from tests.rigs.control_plane import ControlPlane

OBJECTS = 1200
THREADS = 16
ROUNDS = 5
APPLY = "application/apply-patch+yaml"


def manifests(round_number: int) -> list[Manifest]:
    """Give as many ConfigMaps of the usual size as 100 workspaces have objects, changed each round."""
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"c{number}", "namespace": "default"},
            "data": {"round": str(round_number), "text": "x" * 2000},
        }
        for number in range(OBJECTS)
    ]


def path(manifest: Manifest) -> str:
    """Give the path and query of the object's apply request."""
    name = manifest["metadata"]["name"]
    return f"/api/v1/namespaces/default/configmaps/{name}?fieldManager=kubecoder&fieldValidation=Strict"


def by_urllib3(plane: ControlPlane) -> Callable[[list[Manifest]], object]:
    """Apply over urllib3's pool."""
    pool = urllib3.HTTPSConnectionPool(
        "127.0.0.1", plane.port, maxsize=THREADS, block=True, ca_certs=str(plane.ca_file), retries=False
    )
    headers = {"Authorization": f"Bearer {plane.token}", "Content-Type": APPLY}

    def send(manifest: Manifest) -> Any:
        answer = pool.request("PATCH", path(manifest), body=encode(manifest), headers=headers)
        if answer.status >= 300:
            raise RuntimeError(answer.data)
        return answer.json()

    def apply(objects: list[Manifest]) -> None:
        with ThreadPoolExecutor(THREADS) as executor:
            list(executor.map(send, objects))

    return apply


def compare(plane: ControlPlane) -> dict[str, tuple[float, float]]:
    """Measure each way in turns; gives the median seconds, and CPU seconds of this process, of each."""
    with Cluster.connect(str(plane.kubeconfig), workers=THREADS) as cluster:
        ways: dict[str, Callable[[list[Manifest]], object]] = {
            "kubecoder.cluster": lambda objects: cluster.map(cluster.apply, objects),
            "urllib3's pool": by_urllib3(plane),
            "bare http.client": lambda objects: send_bare(plane, [(path(each), encode(each)) for each in objects]),
        }
        seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for number in range(ROUNDS + 1):
            for turn, (name, apply) in enumerate(ways.items()):
                objects = manifests(number * len(ways) + turn)
                started, used = time.monotonic(), time.process_time()
                apply(objects)
                if number:  # the first round creates the objects
                    seconds[name].append((time.monotonic() - started, time.process_time() - used))
    return {
        name: (statistics.median(wall for wall, _ in runs), statistics.median(cpu for _, cpu in runs))
        for name, runs in seconds.items()
    }


def main() -> None:
    """Print the comparison."""
    with ControlPlane() as plane:
        for name, (wall, cpu) in compare(plane).items():
            per_second, each = OBJECTS / wall, cpu / OBJECTS * 1000
            print(f"{name:20} {wall:6.2f} s  {per_second:6.0f} requests/s  {each:5.2f} ms of CPU each")


if __name__ == "__main__":
    main()
