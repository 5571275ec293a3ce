"""Follow the Deployments and Pods of a fleet by one watch per kind, and keep what was seen last."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterable
from types import TracebackType
from typing import Self

from kubecoder.cluster import Cluster, Kind, Watch
from kubecoder.cluster.kinds import DEPLOYMENT, POD
from kubecoder.errors import ApiError, ClusterError
from kubecoder.models.manifest import LABEL_WORKSPACE, Manifest

KINDS = (DEPLOYMENT, POD)
POLL_SECONDS = 5.0
RETRY_SECONDS = 1.0
RETRY_CAP_SECONDS = 15.0
PAUSE_SECONDS = 0.2  # between two watches, so that a server that ends them at once isn't flooded
JOIN_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Sightings:
    """The last seen Deployment and pods of each workspace; all methods may be called from any thread."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._objects: dict[str, dict[tuple[str, str], Manifest]] = {}
        self._versions: dict[str, int] = {}
        self._listed: set[tuple[str, str | None]] = set()
        self.failure: ClusterError | None = None
        self.trouble = ""

    def put(self, kind: Kind, manifest: Manifest) -> None:
        """Remember an object as it is now."""
        with self.changed:
            self._put(kind, manifest)
            self.changed.notify_all()

    def remove(self, kind: Kind, manifest: Manifest) -> None:
        """Forget a deleted object."""
        with self.changed:
            workspace = _workspace(manifest)
            self._objects.get(workspace, {}).pop(_key(kind, manifest), None)
            self._touch(workspace)
            self.changed.notify_all()

    def replace(self, kind: Kind, namespace: str | None, manifests: Iterable[Manifest]) -> None:
        """Take the complete list of a kind, in one namespace or in all."""
        with self.changed:
            for workspace, objects in self._objects.items():
                gone = [key for key, live in objects.items() if key[0] == kind.name and _is_in(live, namespace)]
                for key in gone:
                    del objects[key]
                if gone:
                    self._touch(workspace)
            for manifest in manifests:
                self._put(kind, manifest)
            self._listed.add((kind.name, namespace))
            self.trouble = ""
            self.changed.notify_all()

    def fail(self, error: ClusterError) -> None:
        """Note that following is impossible; whoever waits raises it."""
        with self.changed:
            self.failure = error
            self.changed.notify_all()

    def covers(self, namespace: str) -> bool:
        """Tell whether every followed kind has been listed in this namespace, so that absence means something."""
        with self.changed:
            return all({(kind.name, None), (kind.name, namespace)} & self._listed for kind in KINDS)

    def version(self, workspace: str) -> int:
        """Return a number that grows with each change of one of the workspace's objects."""
        with self.changed:
            return self._versions.get(workspace, 0)

    def look(self, workspace: str) -> tuple[Manifest | None, list[Manifest]]:
        """Return the workspace's Deployment, if there is one, and its pods."""
        with self.changed:
            objects = self._objects.get(workspace, {})
            deployments = [live for (kind, _), live in objects.items() if kind == DEPLOYMENT.name]
            pods = [live for (kind, _), live in objects.items() if kind == POD.name]
            return (deployments[0] if deployments else None), pods

    def _put(self, kind: Kind, manifest: Manifest) -> None:
        workspace = _workspace(manifest)
        self._objects.setdefault(workspace, {})[_key(kind, manifest)] = _slim(manifest)
        self._touch(workspace)

    def _touch(self, workspace: str) -> None:
        self._versions[workspace] = self._versions.get(workspace, 0) + 1


class Follower:
    """Keeps the sightings current, one thread per kind and scope; a context manager.

    Args:
        cluster: Where to look.
        labels: Selects the fleet's objects.
        namespaces: Where they are. More than one are followed together, or one by one where that is forbidden.
    """

    def __init__(self, cluster: Cluster, *, labels: str, namespaces: Collection[str]) -> None:
        self.sightings = Sightings()
        self._cluster = cluster
        self._labels = labels
        self._namespaces = sorted(set(namespaces))
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._watches: set[Watch] = set()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        scopes: list[str | None] = [None] if len(self._namespaces) != 1 else [self._namespaces[0]]
        for kind in KINDS:
            self._start(kind, scopes)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        with self._lock:
            watches, threads = list(self._watches), list(self._threads)
        for watch in watches:
            watch.close()
        # A thread that is connecting right now ends by itself, later.
        deadline = time.monotonic() + JOIN_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _start(self, kind: Kind, scopes: Iterable[str | None]) -> None:
        for namespace in scopes:
            name = f"watch-{kind.plural}-{namespace or 'all'}"
            thread = threading.Thread(target=self._follow, args=(kind, namespace), name=name, daemon=True)
            with self._lock:
                self._threads.append(thread)
            thread.start()

    def _follow(self, kind: Kind, namespace: str | None) -> None:
        version, pause, can_watch = "", RETRY_SECONDS, True
        while not self._stopped.is_set():
            try:
                if not version or not can_watch:
                    version = self._list(kind, namespace)
                if can_watch:
                    version = self._watch(kind, namespace, version)
                self._stopped.wait(PAUSE_SECONDS if can_watch else POLL_SECONDS)
                pause = RETRY_SECONDS
            except ApiError as error:
                if error.status == 410:
                    version = ""
                elif error.status == 403 and version:
                    can_watch = False
                elif error.status == 403 and namespace is None and self._namespaces:
                    self._start(kind, self._namespaces)
                    return
                elif error.status in (401, 403):
                    self.sightings.fail(error)
                    return
                else:
                    pause = self._back_off(error, pause)
            except ClusterError as error:
                pause = self._back_off(error, pause)

    def _list(self, kind: Kind, namespace: str | None) -> str:
        listing = self._cluster.list(kind, namespace=namespace, labels=self._labels)
        self.sightings.replace(kind, namespace, list(listing))
        return listing.resource_version

    def _watch(self, kind: Kind, namespace: str | None, version: str) -> str:
        watch = self._cluster.watch(kind, namespace=namespace, labels=self._labels, resource_version=version)
        with self._lock:
            self._watches.add(watch)
        try:
            if self._stopped.is_set():
                watch.close()
            for event in watch:
                if event.type == "DELETED":
                    self.sightings.remove(kind, event.object)
                else:
                    self.sightings.put(kind, event.object)
        finally:
            with self._lock:
                self._watches.discard(watch)
        return watch.resource_version

    def _back_off(self, error: ClusterError, pause: float) -> float:
        _log.info("watch broke, trying again in %.0f s: %s", pause, error.message)
        with self.sightings.changed:
            self.sightings.trouble = error.message
        self._stopped.wait(pause)
        return min(pause * 2, RETRY_CAP_SECONDS)


def _workspace(manifest: Manifest) -> str:
    return str((manifest["metadata"].get("labels") or {}).get(LABEL_WORKSPACE, ""))


def _key(kind: Kind, manifest: Manifest) -> tuple[str, str]:
    return kind.name, manifest["metadata"]["uid"]


def _is_in(manifest: Manifest, namespace: str | None) -> bool:
    return namespace is None or manifest["metadata"].get("namespace") == namespace


def _slim(manifest: Manifest) -> Manifest:
    """Keep what is judged; managedFields and the pod template are most of an object, and a fleet has thousands."""
    metadata, spec = dict(manifest["metadata"]), manifest.get("spec", {})
    metadata.pop("managedFields", None)
    metadata.pop("annotations", None)
    kept = {name: spec[name] for name in ("replicas", "paused") if name in spec}
    for name in ("initContainers", "containers"):
        if name in spec:
            kept[name] = [{"name": entry["name"], "image": entry.get("image", "")} for entry in spec[name]]
    return {"metadata": metadata, "spec": kept, "status": manifest.get("status", {})}
