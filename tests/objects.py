"""Deployments and Pods as a cluster would show them, for tests of what reads them."""

from __future__ import annotations

from typing import Any

from kubecoder.models.manifest import LABEL_FLEET, LABEL_WORKSPACE, Manifest

FLEET = "f1"


def labels(workspace: str = "john") -> dict[str, str]:
    """The labels by which the objects of one workspace are found."""
    return {LABEL_FLEET: FLEET, LABEL_WORKSPACE: workspace}


def deployment(
    workspace: str = "john",
    *,
    namespace: str = "coder",
    replicas: int | None = 1,
    generation: int = 2,
    observed: int | None = None,
    status: dict[str, Any] | None = None,
    conditions: list[dict[str, Any]] | None = None,
    **spec: Any,
) -> Manifest:
    """A Deployment whose status has been observed at its generation, unless `observed` says otherwise."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": f"ws-{workspace}",
            "namespace": namespace,
            "labels": labels(workspace),
            "generation": generation,
            "creationTimestamp": "2026-01-01T10:00:00Z",
        },
        "spec": {**({} if replicas is None else {"replicas": replicas}), **spec},
        "status": {
            "observedGeneration": generation if observed is None else observed,
            **(status or {}),
            **({"conditions": conditions} if conditions else {}),
        },
    }


READY_STATUS = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}


def ready_deployment(workspace: str = "john", **more: Any) -> Manifest:
    """A Deployment whose rollout is complete."""
    return deployment(workspace, status=READY_STATUS, **more)


def container_status(
    name: str = "ide", *, restarts: int = 0, ready: bool = False, last: dict[str, Any] | None = None, **state: Any
) -> dict[str, Any]:
    """One entry of `containerStatuses`; give one of `waiting`, `running`, `terminated`."""
    return {
        "name": name,
        "restartCount": restarts,
        "ready": ready,
        "state": state,
        "image": "resolved",
        "imageID": "",
        **({"lastState": {"terminated": last}} if last else {}),
    }


def pod(
    *statuses: dict[str, Any],
    workspace: str = "john",
    namespace: str = "coder",
    name: str = "",
    created: str = "2026-01-01T10:00:00Z",
    phase: str = "Running",
    ready: bool = False,
    conditions: list[dict[str, Any]] | None = None,
    containers: tuple[str, ...] = (),
    image: str = "kubecoder/workspace:1",
    deleted: bool = False,
    init: tuple[dict[str, Any], ...] = (),
    reason: str = "",
) -> Manifest:
    """A pod with these container statuses."""
    names = containers or tuple(status["name"] for status in statuses) or ("ide",)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name or f"ws-{workspace}-1",
            "namespace": namespace,
            "labels": labels(workspace),
            "creationTimestamp": created,
            **({"deletionTimestamp": created} if deleted else {}),
        },
        "spec": {
            "containers": [{"name": entry, "image": image} for entry in names],
            **({"initContainers": [{"name": status["name"], "image": image} for status in init]} if init else {}),
        },
        "status": {
            "phase": phase,
            "conditions": [*(conditions or ()), {"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": list(statuses),
            **({"initContainerStatuses": list(init)} if init else {}),
            **({"reason": reason} if reason else {}),
        },
    }


def waiting(reason: str, message: str = "", name: str = "ide", **more: Any) -> dict[str, Any]:
    """A container that waits for this reason."""
    return container_status(name, waiting={"reason": reason, "message": message}, **more)


def running(name: str = "ide", *, ready: bool = True, **more: Any) -> dict[str, Any]:
    """A container that runs."""
    return container_status(name, ready=ready, running={"startedAt": "2026-01-01T10:00:05Z"}, **more)


def terminated(name: str = "ide", *, code: int = 1, reason: str = "Error", **more: Any) -> dict[str, Any]:
    """A container that has ended."""
    return container_status(name, terminated={"exitCode": code, "reason": reason}, **more)


def unschedulable(message: str = "0/3 nodes are available: 3 Insufficient cpu.") -> Manifest:
    """A pod that no node takes."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return pod(phase="Pending", conditions=[condition])
