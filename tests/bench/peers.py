"""The peers: the bare limit of the server, helm, and kubectl, on the same objects."""

from __future__ import annotations

import http.client
import json
import queue
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from kubecoder.cluster.kinds import KINDS
from kubecoder.models.manifest import Manifest
from tests.bench.measure import run
from tests.rigs.control_plane import ControlPlane

THREADS = 16
RECORD_WRITES = 2
RECORD_BYTES = 4096


def bare_patches(manifests: Mapping[str, Sequence[Manifest]], namespace: str) -> list[tuple[str, bytes]]:
    """Give the requests of a create: each object, the replicas of the scale manager, and two record writes."""
    requests = []
    for name, objects in manifests.items():
        requests += [_apply(manifest) for manifest in objects]
        # In one burst the Deployment may not be there yet, so a write as small stands for that of the replicas.
        requests.append(_record(f"{name}-scale", namespace, "x"))
        requests += [_record(name, namespace, "x" * (RECORD_BYTES + number)) for number in range(RECORD_WRITES)]
    return requests


def changed_patches(manifests: Mapping[str, Sequence[Manifest]], namespace: str) -> list[tuple[str, bytes]]:
    """Give the requests of a changed tag: one object and two record writes for each workspace."""
    requests = []
    for name, objects in manifests.items():
        requests += [_apply(manifest) for manifest in objects if manifest["kind"] == "Deployment"]
        requests += [_record(name, namespace, "y" * (RECORD_BYTES + number)) for number in range(RECORD_WRITES)]
    return requests


def send_bare(plane: ControlPlane, requests: Sequence[tuple[str, bytes]]) -> float:
    """Send them over kept-alive connections, and nothing else; return the seconds."""
    waiting: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
    for request in requests:
        waiting.put(request)
    failures: list[str] = []
    threads = [threading.Thread(target=_send, args=(plane, waiting, failures)) for _ in range(THREADS)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - started
    if failures:
        raise RuntimeError(f"{len(failures)} bare requests failed, the first: {failures[0]}")
    return seconds


def _send(plane: ControlPlane, waiting: queue.SimpleQueue[tuple[str, bytes]], failures: list[str]) -> None:
    context = ssl.create_default_context(cafile=str(plane.ca_file))
    connection = http.client.HTTPSConnection(urlsplit(plane.url).netloc, context=context)
    headers = {"Authorization": f"Bearer {plane.token}", "Content-Type": "application/apply-patch+yaml"}
    while True:
        try:
            path, body = waiting.get_nowait()
        except queue.Empty:
            connection.close()
            return
        connection.request("PATCH", path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status >= 300:
            failures.append(f"{path}: {response.status} {answer[:200]!r}")


def _apply(manifest: Manifest, manager: str = "bare") -> tuple[str, bytes]:
    kind = KINDS[manifest["apiVersion"], manifest["kind"]]
    path = kind.path(manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])
    body = json.dumps(manifest, separators=(",", ":")).encode()
    return f"{path}?fieldManager={manager}&fieldValidation=Strict&force=true", body


def _record(name: str, namespace: str, text: str) -> tuple[str, bytes]:
    metadata = {"name": f"ws-{name}-record", "namespace": namespace}
    return _apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"state": text}})


class Helm:
    """helm 3 with one chart for each workspace; the chart holds the finished manifests, so nothing is templated."""

    def __init__(self, program: Path, kubeconfig: Path, directory: Path, namespace: str) -> None:
        self.program = program
        self.kubeconfig = kubeconfig
        self.directory = directory
        self.namespace = namespace

    def write_charts(self, manifests: Mapping[str, Sequence[Manifest]]) -> None:
        """Write a chart for each workspace."""
        for name, objects in manifests.items():
            templates = self.directory / name / "templates"
            templates.mkdir(parents=True, exist_ok=True)
            chart = {"apiVersion": "v2", "name": name, "version": "0.1.0"}
            (self.directory / name / "Chart.yaml").write_text(yaml.safe_dump(chart))
            text = yaml.safe_dump_all(objects).replace("{{", '{{ "{{" }}')
            (templates / "all.yaml").write_text(text)

    def upgrade(self, names: Sequence[str], *, processes: int = 1) -> float:
        """Run `helm upgrade --install` for each workspace; return the seconds."""
        started = time.monotonic()
        with ThreadPoolExecutor(processes) as pool:
            list(pool.map(self._upgrade, names))
        return time.monotonic() - started

    def _upgrade(self, name: str) -> None:
        argv = [str(self.program), "upgrade", "--install", name, str(self.directory / name)]
        home = {"HELM_CACHE_HOME": str(self.directory), "HELM_CONFIG_HOME": str(self.directory)}
        run([*argv, "--namespace", self.namespace, "--kubeconfig", str(self.kubeconfig)], home)


def kubectl_apply(program: str, kubeconfig: Path, file: Path, manifests: Mapping[str, Sequence[Manifest]]) -> float:
    """Run `kubectl apply --server-side` with all objects in one file; return the seconds."""
    file.write_text(yaml.safe_dump_all(manifest for objects in manifests.values() for manifest in objects))
    argv = [program, "--kubeconfig", str(kubeconfig), "apply", "--server-side", "--force-conflicts", "-f", str(file)]
    return run(argv).seconds
