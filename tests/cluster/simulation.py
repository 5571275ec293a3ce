"""Plays the controllers and the kubelet on an API server that has none: real objects, real watches, told facts."""

from __future__ import annotations

from typing import Any

from kubecoder.cluster import Cluster
from kubecoder.models.manifest import Manifest, ObjectRef
from tests.objects import FLEET, READY_STATUS, labels

IMAGE = "kubecoder/workspace:1"


class Simulation:
    """The workspaces of one namespace, moved by the test.

    Args:
        fleet: The fleet id that the objects are labelled with.
    """

    def __init__(self, cluster: Cluster, namespace: str, fleet: str = FLEET) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.fleet = fleet

    def deployment_ref(self, workspace: str) -> ObjectRef:
        return ObjectRef("apps/v1", "Deployment", self.namespace, f"ws-{workspace}")

    def pod_ref(self, name: str) -> ObjectRef:
        return ObjectRef("v1", "Pod", self.namespace, name)

    def labels(self, workspace: str) -> dict[str, str]:
        return {**labels(workspace), "kubecoder.dev/fleet": self.fleet}

    def deploy(self, workspace: str, *, replicas: int = 1) -> Manifest:
        """Create the Deployment; nobody has observed it yet."""
        return self.cluster.create(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {
                    "name": f"ws-{workspace}",
                    "namespace": self.namespace,
                    "labels": self.labels(workspace),
                },
                "spec": {
                    "replicas": replicas,
                    "strategy": {"type": "Recreate"},
                    "selector": {"matchLabels": self.labels(workspace)},
                    "template": {
                        "metadata": {"labels": self.labels(workspace)},
                        "spec": {"containers": [{"name": "ide", "image": IMAGE}]},
                    },
                },
            }
        )

    def observe(self, workspace: str, **status: Any) -> Manifest:
        """Write the Deployment's status as its controller would, for the generation that is there now."""
        ref = self.deployment_ref(workspace)
        generation = self.cluster.get(ref)["metadata"]["generation"]
        body = {"status": {"observedGeneration": generation, **status}}
        return self.cluster.merge_patch(ref, body, subresource="status")

    def create_pod(self, workspace: str, name: str = "", *, image: str = IMAGE, node: str = "node-1") -> str:
        """Create a pod on a node, as the ReplicaSet's controller and the scheduler would."""
        name = name or f"ws-{workspace}-1"
        self.cluster.create(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": self.namespace, "labels": self.labels(workspace)},
                "spec": {
                    **({"nodeName": node} if node else {}),
                    "containers": [{"name": "ide", "image": image}],
                    "terminationGracePeriodSeconds": 0,
                },
            }
        )
        return name

    def report(self, pod: str, *statuses: dict[str, Any], ready: bool = False, phase: str = "Running") -> Manifest:
        """Write the pod's status as the kubelet would."""
        return self.report_conditions(
            pod, [{"type": "Ready", "status": str(ready)}], phase=phase, containerStatuses=list(statuses)
        )

    def report_conditions(self, pod: str, conditions: list[dict[str, Any]], **status: Any) -> Manifest:
        """Write the pod's conditions as the scheduler or the kubelet would."""
        body = {"status": {"conditions": conditions, **status}}
        return self.cluster.merge_patch(self.pod_ref(pod), body, subresource="status")

    def bring_up(self, workspace: str, status: dict[str, Any]) -> str:
        """Let everything go well at once; give the pod's name."""
        pod = self.create_pod(workspace)
        self.report(pod, status, ready=True)
        self.observe(workspace, **READY_STATUS)
        return pod

    def event(self, kind: str, name: str, reason: str, message: str, *, type: str = "Warning") -> None:
        """Record an event as the kubelet would."""
        self.cluster.create(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": f"{name}.{reason.lower()}", "namespace": self.namespace},
                "involvedObject": {"kind": kind, "name": name, "namespace": self.namespace},
                "reason": reason,
                "message": message,
                "type": type,
                "count": 1,
                "lastTimestamp": "2026-01-01T10:00:00Z",
            }
        )
