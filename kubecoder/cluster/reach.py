"""Lists across namespaces for those who may not look everywhere."""

from __future__ import annotations

from collections.abc import Collection

from kubecoder.cluster.api import Cluster
from kubecoder.cluster.kinds import Kind
from kubecoder.errors import ApiError
from kubecoder.models.manifest import Manifest


def list_reachable(cluster: Cluster, kind: Kind, namespaces: Collection[str], *, labels: str) -> list[Manifest]:
    """List a kind in all of these namespaces: by one request where that is allowed, else one by one.

    Args:
        cluster: Where to look.
        kind: A namespaced kind.
        namespaces: Where the objects are; the only one is listed by itself.
        labels: Selects the objects; with it a cluster-wide list holds no more than the namespaces' own.

    Raises:
        ApiError: The kind may not be listed in a namespace either.
    """
    if len(namespaces) != 1:
        try:
            return list(cluster.list(kind, labels=labels))
        except ApiError as error:
            if error.status != 403:
                raise
    listed = cluster.map(lambda name: list(cluster.list(kind, namespace=name, labels=labels)), sorted(namespaces))
    return [live for part in listed for live in part]
