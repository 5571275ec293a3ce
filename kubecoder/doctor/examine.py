"""All checks of `kubecoder doctor`, in the order in which they make sense."""

from __future__ import annotations

from kubecoder.cluster import Cluster
from kubecoder.doctor import features, permissions, policies
from kubecoder.errors import ApiError, ClusterError
from kubecoder.fleet import Fleet
from kubecoder.models.check import Check, failed, passed


def examine(cluster: Cluster, fleet: Fleet | None) -> list[Check]:
    """Examine the cluster; sends no write that stores anything.

    Args:
        cluster: Where the fleet is to be deployed.
        fleet: Whose needs are looked at; None means what any fleet needs in the context's namespace.
    """
    kubeconfig = passed("kubeconfig", f"context {cluster.context}, user {cluster.user}")
    try:
        version = cluster.request("GET", "/version")
    except ClusterError as error:
        hint = error.hint or "kubectl cluster-info shows what kubectl gets"
        return [kubeconfig, failed("server", f"{cluster.server}: {error.message}", hint)]
    reached = [kubeconfig, passed("server", cluster.server), features.server_version(version)]
    users = [workspace.user for workspace in fleet.workspaces] if fleet else []
    namespaces = {user.namespace for user in users} | {fleet.namespace if fleet else cluster.namespace}
    try:
        return [
            *reached,
            features.api_versions(cluster.request("GET", "/apis")),
            *permissions.examine(cluster, users, namespaces),
            *features.routes(cluster, users),
            features.certificates(cluster, users),
            features.storage(cluster, users),
            policies.examine(cluster),
            *features.namespaces(cluster, users, namespaces, fleet.fleet_id if fleet else ""),
            features.hosts(users),
        ]
    except ApiError as error:
        return [*reached, failed("credentials", error.message, error.hint or "log in again, then kubecoder doctor")]
