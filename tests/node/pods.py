"""Pods and claims by which tests prove the node itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kubecoder.cluster import Cluster
from kubecoder.cluster.kinds import EVENT, POD
from kubecoder.models import events
from kubecoder.models.manifest import Manifest, ObjectRef
from tests.rigs.images import BASE_IMAGE
from tests.rigs.node import Node
from tests.rigs.waiting import wait_until


def hardened_pod(namespace: str, name: str, script: str, *, volume: Mapping[str, Any] | None = None) -> Manifest:
    """Return a pod that Pod Security's `restricted` admits, running a shell script with a volume at /data."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"name": name}},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "restartPolicy": "Never",
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "runAsGroup": 1000,
                "fsGroup": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [_container(["sh", "-c", script])],
            "volumes": [{"name": "data", **(volume or {"emptyDir": {}})}],
        },
    }


def _container(command: Sequence[str]) -> dict[str, Any]:
    return {
        "name": "main",
        "image": BASE_IMAGE,
        "imagePullPolicy": "Never",
        "command": list(command),
        # Without requests the limits would be reserved, and four pods would fill a node of two processors.
        "resources": {"limits": {"memory": "64Mi", "cpu": "500m"}, "requests": {"memory": "16Mi", "cpu": "10m"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }


def claim(namespace: str, name: str) -> Manifest:
    """Return a claim for a volume of the default class."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


def claimed(name: str) -> dict[str, Any]:
    """Return the volume that uses a claim."""
    return {"persistentVolumeClaim": {"claimName": name}}


def wait_for(
    cluster: Cluster, ref: ObjectRef, condition: Callable[[Manifest], bool], *, seconds: float = 120
) -> Manifest:
    """Wait until an object fulfils a condition and return it as it is then.

    Raises:
        TimeoutError: It didn't; with its status and its events.
    """
    seen: list[Manifest] = []

    def look() -> bool:
        seen[:] = [cluster.get(ref)]
        return condition(seen[0])

    try:
        wait_until(look, what=f"{condition.__name__} of {ref}", seconds=seconds)
    except TimeoutError as error:
        message = f"{error}\nstatus: {json.dumps(seen[0].get('status'), indent=2)}\n{_events(cluster, ref)}"
        raise TimeoutError(message) from None
    return seen[0]


def _events(cluster: Cluster, ref: ObjectRef) -> str:
    found = cluster.list(EVENT, namespace=ref.namespace or None, fields=f"involvedObject.name={ref.name}")
    lines = (f"{events.last_seen(item)} {item.get('reason')}: {events.message(item)}" for item in found)
    return "\n".join(["events:", *sorted(lines)])


def is_ready(pod: Manifest) -> bool:
    return any(item["type"] == "Ready" and item["status"] == "True" for item in pod["status"].get("conditions", []))


def has_succeeded(pod: Manifest) -> bool:
    return bool(pod["status"].get("phase") == "Succeeded")


def has_begun(pod: Manifest) -> bool:
    """Tell whether its container runs, or has run to its end before anybody looked."""
    return pod["status"].get("phase") in {"Running", "Succeeded"}


def is_bound(claim: Manifest) -> bool:
    return bool(claim["status"].get("phase") == "Bound")


def log_of(node: Node, pod: Manifest) -> str:
    """Return what a pod has printed."""
    metadata = pod["metadata"]
    return node.plane.get(POD.path(metadata["namespace"], metadata["name"], "log")).decode()
