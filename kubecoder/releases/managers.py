"""Who a field manager is: a tool in a person's hand, one of ours, or a controller."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from kubecoder.models.manifest import MANAGER, RESTART_MANAGER, SCALE_MANAGER


class ManagerClass(StrEnum):
    """Whose decisions a field manager's writes are."""

    OURS = "ours"
    HUMAN = "human"
    CONTROLLER = "controller"


OURS = frozenset({MANAGER, SCALE_MANAGER, RESTART_MANAGER})

HELM_MANAGERS = frozenset({"helm", "Go-http-client"})
"""Helm's names on objects that bear Helm's marks; the second is what it was called before 3.7, and many others are."""

# A client that names no field manager gets what stands before the "/" of its User-Agent
# (https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers), so most names here are program names.
HUMAN_TOOLS = {
    "kubectl": "kubectl apply --server-side (kubernetes/kubernetes#88885)",
    "oc": "OpenShift's kubectl",
    "helm": "Helm 3.7 and newer (helm/helm#9870); also what the predecessor was installed with",
    "k9s": "k9s, by its User-Agent",
    "node-fetch": "Lens (lensapp/lens#8284, fluxcd/kustomize-controller#982)",
    "rancher": "Rancher's server, on behalf of its web page",
    "Mozilla": "a browser through the proxy of Rancher, the OpenShift console or another web page",
    "dashboard": "Kubernetes Dashboard, by its User-Agent",
    "OpenAPI-Generator": "a script with the official Python client",
    "python-requests": "a script",
    "curl": "a script",
}
"""Exact names of tools that do what a person told them, with the source of each."""

HUMAN_TOOL_PREFIXES = {
    "kubectl-": "kubectl's other commands: -edit, -patch, -client-side-apply, … (kubernetes/kubernetes#88885)",
    "Lens": "Lens and Lens Desktop, which put their version behind the name",
    "OpenLens": "OpenLens, likewise",
    "Freelens": "Freelens, likewise",
    "Headlamp": "Headlamp 0.37 and newer, `Headlamp VERSION (OS/ARCH)`",
    f"{MANAGER}-": "managers of earlier versions of this tool",
}
"""Beginnings of such names."""


@lru_cache(maxsize=1024)
def classify(manager: str) -> ManagerClass:
    """Say who a field manager is; a name that nobody knows is a controller's, which we never overrule by ourselves."""
    if manager in OURS:
        return ManagerClass.OURS
    if manager in HUMAN_TOOLS or manager.startswith(tuple(HUMAN_TOOL_PREFIXES)):
        return ManagerClass.HUMAN
    return ManagerClass.CONTROLLER
