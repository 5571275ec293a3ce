"""A fleet whose deploys are killed at a chosen request, and what must be true after the rerun."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from kubecoder.models.manifest import LABEL_MANAGED_BY, Manifest, ObjectRef
from kubecoder.releases import record, store
from kubecoder.releases.owned import owned_digest
from kubecoder.releases.record import Release, RevisionOutcome
from tests.rigs.cli import override_defaults
from tests.rigs.control_plane import ControlPlane
from tests.rigs.fault_proxy import FaultProxy
from tests.rigs.forking import Child, ForkServer
from tests.rigs.waiting import wait_until

if TYPE_CHECKING:
    from kubecoder.cluster import Cluster

KINDS = (
    ("v1", "ServiceAccount"),
    ("v1", "Secret"),
    ("v1", "ConfigMap"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Service"),
    ("apps/v1", "Deployment"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("networking.k8s.io/v1", "Ingress"),
)
PENDING, APPLIED, INTERRUPTED = RevisionOutcome.PENDING, RevisionOutcome.APPLIED, RevisionOutcome.INTERRUPTED
_KEPT_METADATA = ("name", "labels", "annotations", "ownerReferences", "finalizers")
_DIGEST = re.compile(r"[0-9a-f]{16,64}")


@dataclass(frozen=True)
class Kill:
    """SIGKILL when request `number` arrives, or when the API server has acted on it."""

    number: int
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} request {self.number}"


class Scene:
    """One fleet of its own in a namespace of its own, deployed through a proxy by forked processes.

    Args:
        plane: The real API server.
        cluster: A client that looks at what is there.
        server: Forks the runs.
        template: A fleet's folder, to be copied.
        directory: Where the copy goes; its name is the namespace's and the fleet's.
    """

    def __init__(
        self, plane: ControlPlane, cluster: Cluster, server: ForkServer, template: Path, directory: Path
    ) -> None:
        self.cluster = cluster
        self.server = server
        self.directory = directory
        self.namespace = directory.name
        self.fleet_id = f"f{directory.name.replace('-', '')}"
        self.proxy = FaultProxy(plane, directory.parent)
        shutil.copytree(template, directory)
        override_defaults(directory, {"namespace": self.namespace, "fleetId": self.fleet_id})
        self.users = sorted(file.stem for file in (directory / "users").glob("[a-z]*.yaml"))
        self.records = {
            "base": "kubecoder-base-release",
            **{name: f"ws-{name}-release" for name in self.users},
        }

    def deploy(self, kill: Kill | None = None) -> Child:
        """Deploy everything, perhaps not to the end; returns when nothing of it is in flight any more."""
        self.proxy.forget()
        running: SimpleQueue[Child] = SimpleQueue()
        if kill is not None:
            act = self.proxy.after if kill.after else self.proxy.before
            act(kill.number, lambda: running.get(timeout=10).kill())
        environment = {"KUBECONFIG": str(self.proxy.kubeconfig), "KUBECODER_FLEET": str(self.directory)}
        argv = ("deploy", "--all", "--no-wait", "--lock-timeout", "5", "-o", "json")
        child = self.server.start(*argv, environment=environment, output=self.directory.with_suffix(".out"))
        running.put(child)
        child.wait()
        wait_until(lambda: self.proxy.is_idle, what="the end of what is in flight", seconds=10, every=0.01)
        return child

    def releases(self) -> dict[str, Release]:
        """The records that exist."""
        found = {name: store.load(self.cluster, self.namespace, secret) for name, secret in self.records.items()}
        return {name: release for name, release in found.items() if release is not None}

    def objects(self) -> dict[str, Manifest]:
        """Everything that is in the namespace, records apart."""
        return {
            f"{kind}/{live['metadata']['name']}": {"kind": kind, "apiVersion": version, **live}
            for version, kind in KINDS
            for live in self.cluster.list(self.cluster.kind_of(version, kind), namespace=self.namespace)
            if live["metadata"]["name"] not in self.records.values()
        }

    def content(self) -> dict[str, Any]:
        """What is there, as it must be in any namespace and however it came to be."""
        return {name: self._comparable(live) for name, live in self.objects().items()}

    def _comparable(self, live: Manifest) -> Any:
        metadata = {key: live["metadata"][key] for key in _KEPT_METADATA if key in live["metadata"]}
        metadata["managers"] = sorted(
            {(entry["manager"], entry["operation"]) for entry in live["metadata"].get("managedFields", [])}
        )
        spec = {key: value for key, value in live.get("spec", {}).items() if not key.startswith("clusterIP")}
        found = {**live, "metadata": metadata, "spec": spec, "status": None}
        text = json.dumps(found).replace(self.namespace, "NAMESPACE").replace(self.fleet_id, "FLEET")
        return _without_digests(json.loads(text))


def check_rerun(scene: Scene, killed: dict[str, Release], known: dict[str, Release], intended: dict[str, Any]) -> None:
    """Check the end state after a killed deploy and its rerun.

    Args:
        scene: Where it happened.
        killed: The records as the kill left them.
        known: The records before the killed run.
        intended: What a deploy that nobody killed makes.
    """
    assert not any(release.damage for release in killed.values())
    assert scene.content() == intended
    releases = scene.releases()
    assert releases.keys() == scene.records.keys()
    for name, release in releases.items():
        _check_history(release, killed.get(name), known.get(name))
    _check_inventories(releases.values(), scene.objects())


def _check_history(release: Release, killed: Release | None, known: Release | None) -> None:
    """What was pending when the kill came is interrupted, and at most one revision came after it."""
    assert release.is_settled
    assert release.lock is None
    left = [INTERRUPTED if item is PENDING else item for item in _outcomes_since(known, killed)]
    assert _outcomes_since(known, release) in (left, [APPLIED, *left])


def _outcomes_since(known: Release | None, release: Release | None) -> list[RevisionOutcome]:
    first = record.next_number(known) if known else 1
    return [item.outcome for item in (release.revisions if release else ()) if item.number >= first]


def _check_inventories(releases: Collection[Release], objects: dict[str, Manifest]) -> None:
    """The inventories name exactly what is there, as it is there."""
    recorded = {
        f"{entry.ref.kind}/{entry.ref.name}": entry
        for release in releases
        for entry in release.inventory
        if not entry.skipped and entry.ref.kind != "Namespace"
    }
    ours = {name: live for name, live in objects.items() if is_ours(live)}
    assert recorded.keys() == ours.keys()
    for name, live in ours.items():
        assert (recorded[name].uid, recorded[name].owned) == (live["metadata"]["uid"], owned_digest(live))
        assert recorded[name].content


def is_ours(live: Manifest) -> bool:
    """Whether an object says that a deploy made it."""
    metadata = live["metadata"]
    has_label = metadata.get("labels", {}).get(LABEL_MANAGED_BY) == "kubecoder"
    return has_label and "kubecoder.dev/owner" in metadata.get("annotations", {})


def _without_digests(value: Any) -> Any:
    """Digests of content that names the namespace differ from one namespace to the other."""
    if isinstance(value, dict):
        return {key: _without_digests(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_digests(item) for item in value]
    return "DIGEST" if isinstance(value, str) and _DIGEST.fullmatch(value) else value


def foreign_config_map(scene: Scene) -> ObjectRef:
    """Make an object that carries our labels and was made by somebody else, as a copying controller would."""
    ref = ObjectRef("v1", "ConfigMap", scene.namespace, "copied-by-a-controller")
    labels = scene.cluster.get(ObjectRef("v1", "ConfigMap", scene.namespace, f"ws-{scene.users[0]}-agent"))["metadata"]
    metadata = {"name": ref.name, "namespace": ref.namespace, "labels": labels["labels"]}
    scene.cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"keep": "me"}})
    return ref
