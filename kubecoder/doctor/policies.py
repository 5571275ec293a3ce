"""Guess from its DaemonSets whether a cluster enforces network policies; says so when it can't know."""

from __future__ import annotations

from collections.abc import Iterable

from kubecoder.cluster import Cluster, Kind
from kubecoder.errors import ApiError
from kubecoder.models.check import Check, passed, skipped, warned
from kubecoder.models.manifest import Manifest

DAEMON_SET = Kind("apps/v1", "DaemonSet", "daemonsets")
NAME = "network-policies"
HINT = "install one that does, such as Cilium or Calico; until then only the sockets' design isolates workspaces"

ENFORCING = {
    "anetd": "GKE Dataplane V2",
    "antrea-agent": "Antrea",
    "azure-npm": "Azure NPM",
    "calico-node": "Calico",
    "canal": "Canal",
    "cilium": "Cilium",
    "kube-network-policies": "kube-network-policies",
    "kube-router": "kube-router",
    "ovnkube-node": "OVN-Kubernetes",
    "weave-net": "Weave Net",
}
NOT_ENFORCING = {"kube-flannel": "Flannel", "kube-flannel-ds": "Flannel"}


def examine(cluster: Cluster) -> Check:
    """List the DaemonSets and judge them."""
    try:
        daemon_sets = list(cluster.list(DAEMON_SET))
    except ApiError as error:
        if error.status != 403:
            raise
        return skipped(
            NAME, "unknown: DaemonSets may not be listed", "kubecoder test tries whether workspaces reach others"
        )
    return judge(daemon_sets)


def judge(daemon_sets: Iterable[Manifest]) -> Check:
    """Judge a cluster's DaemonSets: the names of CNI plugins that are known, and their settings where those decide."""
    by_name = {entry["metadata"]["name"]: entry for entry in daemon_sets}
    for name, product in ENFORCING.items():
        if name in by_name:
            return passed(NAME, f"{product} enforces them (DaemonSet {name})")
    if "aws-node" in by_name:
        if _has_argument(by_name["aws-node"], "--enable-network-policy=true"):
            return passed(NAME, "the Amazon VPC CNI enforces them (DaemonSet aws-node)")
        return warned(
            NAME, "the Amazon VPC CNI doesn't enforce them as it is set", "set enableNetworkPolicy of its add-on"
        )
    for name, product in NOT_ENFORCING.items():
        if name in by_name:
            return warned(NAME, f"{product} doesn't enforce them (DaemonSet {name})", HINT)
    known = ", ".join(sorted(by_name)) or "none"
    hint = "kubecoder test tries whether workspaces reach others"
    return skipped(NAME, f"unknown: no known CNI plugin among the DaemonSets ({known})", hint)


def _has_argument(daemon_set: Manifest, argument: str) -> bool:
    containers = daemon_set["spec"]["template"]["spec"].get("containers") or ()
    return any(argument in (container.get("args") or ()) for container in containers)
