"""Local volumes: a StorageClass whose provisioner is one thread of the rig.

It acts as Kubernetes' own external provisioners do: a claim waits until the
scheduler has chosen a node for its first pod, then gets a volume of its own.
"""

from __future__ import annotations

import json
import logging
import threading
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tests.rigs.control_plane import ControlPlane
from tests.rigs.node.kubelet import NODE_NAME
from tests.rigs.processes import run

logger = logging.getLogger(__name__)

STORAGE_CLASS = "local"
PROVISIONER = "rigs.kubecoder.dev/local"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
SECONDS_BETWEEN_LOOKS = 0.3


class LocalStorage:
    """Makes and removes local volumes in a folder of the node."""

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        self.plane = plane
        self.directory = directory
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="local-storage", daemon=True)

    def start(self) -> None:
        """Make the StorageClass and begin to serve claims."""
        self.directory.mkdir(parents=True)
        self.plane.post("/apis/storage.k8s.io/v1/storageclasses", storage_class())
        self._thread.start()

    def stop(self) -> None:
        """End the thread; volumes stay for the caller to remove with the folder."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(SECONDS_BETWEEN_LOOKS):
            try:
                self._look()
            except (OSError, HTTPException) as error:
                # Somebody changed the object meanwhile, or the server is busy: the next look tells.
                logger.debug("local storage: %s", error)

    def _look(self) -> None:
        volumes = {item["metadata"]["name"]: item for item in self._items("/api/v1/persistentvolumes")}
        for claim in self._items("/api/v1/persistentvolumeclaims"):
            if is_waiting(claim) and volume_name(claim) not in volumes:
                (self.directory / volume_name(claim)).mkdir(exist_ok=True)
                self.plane.post("/api/v1/persistentvolumes", volume_for(claim, self.directory))
        for name, volume in volumes.items():
            if volume["status"].get("phase") == "Released" and volume["metadata"].get("deletionTimestamp") is None:
                run(["rm", "-rf", str(self.directory / name)])
                self.plane.request("DELETE", f"/api/v1/persistentvolumes/{name}")

    def _items(self, path: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(self.plane.get(path))["items"]
        return items


def storage_class() -> dict[str, Any]:
    """Return the StorageClass, which is the cluster's default."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def is_waiting(claim: dict[str, Any]) -> bool:
    """Say whether the claim is ours to serve and the scheduler has chosen a node."""
    metadata, spec = claim["metadata"], claim["spec"]
    return (
        spec.get("storageClassName") == STORAGE_CLASS
        and not spec.get("volumeName")
        and SELECTED_NODE in metadata.get("annotations", {})
    )


def volume_name(claim: dict[str, Any]) -> str:
    """Return the name of the volume for a claim: one for each UID, as provisioners do."""
    return f"pvc-{claim['metadata']['uid']}"


def volume_for(claim: dict[str, Any], directory: Path) -> dict[str, Any]:
    """Return a local volume bound to the claim; being local, its files get the pod's fsGroup."""
    metadata, spec = claim["metadata"], claim["spec"]
    name = volume_name(claim)
    terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE_NAME]}]}]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": STORAGE_CLASS,
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "local": {"path": str(directory / name)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
        },
    }
