"""The kinds that kubecoder works with and where the API serves them; no discovery is needed for these."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object and the place of its collection.

    Attributes:
        api_version: `apps/v1`, or `v1` for the core group.
        name: The kind's name in manifests, such as `Deployment`.
        plural: The last segment of its path, such as `deployments`.
        namespaced: Whether its objects live in namespaces.
    """

    api_version: str
    name: str
    plural: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def path_prefix(self) -> str:
        """`/api/v1` or `/apis/GROUP/VERSION`."""
        return group_version_path(self.api_version)

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Give the path of the collection, of one object, or of its subresource.

        Args:
            namespace: Empty means all namespaces (or a kind without them).
            name: Empty means the collection.
            subresource: Such as `scale` or `log`.
        """
        parts = [self.path_prefix]
        if namespace and self.namespaced:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        if name:
            parts.append(quote(name, safe=""))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


def group_version_path(api_version: str) -> str:
    """Give the path of a group version, which is also its discovery document."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


NAMESPACE = Kind("v1", "Namespace", "namespaces", namespaced=False)
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
SECRET = Kind("v1", "Secret", "secrets")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
PERSISTENT_VOLUME_CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
PERSISTENT_VOLUME = Kind("v1", "PersistentVolume", "persistentvolumes", namespaced=False)
SERVICE = Kind("v1", "Service", "services")
RESOURCE_QUOTA = Kind("v1", "ResourceQuota", "resourcequotas")
POD = Kind("v1", "Pod", "pods")
NODE = Kind("v1", "Node", "nodes", namespaced=False)
EVENT = Kind("v1", "Event", "events")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
REPLICA_SET = Kind("apps/v1", "ReplicaSet", "replicasets")
STATEFUL_SET = Kind("apps/v1", "StatefulSet", "statefulsets")
JOB = Kind("batch/v1", "Job", "jobs")
NETWORK_POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
INGRESS = Kind("networking.k8s.io/v1", "Ingress", "ingresses")
INGRESS_CLASS = Kind("networking.k8s.io/v1", "IngressClass", "ingressclasses", namespaced=False)
STORAGE_CLASS = Kind("storage.k8s.io/v1", "StorageClass", "storageclasses", namespaced=False)
ROLE = Kind("rbac.authorization.k8s.io/v1", "Role", "roles")
ROLE_BINDING = Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings")
SELF_SUBJECT_ACCESS_REVIEW = Kind(
    "authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False
)
HTTP_ROUTE = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes")
GATEWAY = Kind("gateway.networking.k8s.io/v1", "Gateway", "gateways")
CLUSTER_ISSUER = Kind("cert-manager.io/v1", "ClusterIssuer", "clusterissuers", namespaced=False)
CERTIFICATE = Kind("cert-manager.io/v1", "Certificate", "certificates")

KINDS: dict[tuple[str, str], Kind] = {
    (kind.api_version, kind.name): kind
    for kind in (
        NAMESPACE,
        SERVICE_ACCOUNT,
        SECRET,
        CONFIG_MAP,
        PERSISTENT_VOLUME_CLAIM,
        PERSISTENT_VOLUME,
        SERVICE,
        RESOURCE_QUOTA,
        POD,
        NODE,
        EVENT,
        DEPLOYMENT,
        REPLICA_SET,
        STATEFUL_SET,
        JOB,
        NETWORK_POLICY,
        INGRESS,
        INGRESS_CLASS,
        STORAGE_CLASS,
        ROLE,
        ROLE_BINDING,
        SELF_SUBJECT_ACCESS_REVIEW,
        HTTP_ROUTE,
        GATEWAY,
        CLUSTER_ISSUER,
        CERTIFICATE,
    )
}
"""Every kind above by (apiVersion, kind)."""

ALWAYS_SERVED = frozenset(
    {
        "v1",
        "apps/v1",
        "batch/v1",
        "networking.k8s.io/v1",
        "storage.k8s.io/v1",
        "rbac.authorization.k8s.io/v1",
        "authorization.k8s.io/v1",
    }
)
"""Group versions that every API server has: nobody needs to ask for them."""
