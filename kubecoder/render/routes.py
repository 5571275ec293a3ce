"""What ingress controllers need to be told, and where they run."""

from __future__ import annotations

from typing import Any

from kubecoder.models.sections import Ingress
from kubecoder.models.user import UserFile

OPTIONAL = "kubecoder.dev/optional"
ISSUER = "kubecoder-letsencrypt"
DEFAULT_CLASS = "nginx"

# By a word in the class's name: an open terminal or event stream may be silent for a while, uploads may be large, and
# a session cookie is longer than nginx's default buffer. Traefik needs nothing of this on an Ingress.
_BY_CLASS: dict[str, dict[str, str]] = {
    "nginx": {
        "nginx.ingress.kubernetes.io/proxy-body-size": "0",
        "nginx.ingress.kubernetes.io/proxy-buffer-size": "16k",
        "nginx.ingress.kubernetes.io/proxy-read-timeout": "3600",
        "nginx.ingress.kubernetes.io/proxy-send-timeout": "3600",
        # The controller of the nginx company has the same class name and its own annotations.
        "nginx.org/client-max-body-size": "0",
        "nginx.org/proxy-buffering": "False",
        "nginx.org/proxy-read-timeout": "3600s",
        "nginx.org/proxy-send-timeout": "3600s",
        "nginx.org/websocket-services": "{service}",
    },
    "haproxy": {
        "haproxy.org/timeout-server": "1h",
        "haproxy.org/timeout-tunnel": "1h",
        "haproxy-ingress.github.io/timeout-server": "1h",
        "haproxy-ingress.github.io/timeout-tunnel": "1h",
    },
    "contour": {
        "projectcontour.io/response-timeout": "infinity",
        "projectcontour.io/websocket-routes": "/",
    },
    "alb": {
        "alb.ingress.kubernetes.io/healthcheck-path": "/ready",
        "alb.ingress.kubernetes.io/load-balancer-attributes": "idle_timeout.timeout_seconds=3600",
        "alb.ingress.kubernetes.io/target-type": "ip",
    },
    "azure-application-gateway": {"appgw.ingress.kubernetes.io/request-timeout": "3600"},
}

# Where the manifests and charts of the known controllers put them.
_CONTROLLER_NAMESPACES = (
    "envoy-gateway-system",
    "haproxy-controller",
    "haproxy-ingress",
    "ingress",
    "ingress-controller",
    "ingress-nginx",
    "istio-ingress",
    "istio-system",
    "kong",
    "kube-system",
    "nginx-gateway",
    "nginx-ingress",
    "projectcontour",
    "traefik",
)


def cluster_issuer(user: UserFile) -> str | None:
    """Name the issuer of the host's certificate; None where TLS is off or the certificate comes from elsewhere."""
    tls = user.ingress.tls
    if not tls.enabled or user.ingress.gateway:
        return None
    if tls.cluster_issuer:
        return tls.cluster_issuer
    return ISSUER if user.lets_encrypt and not tls.secret_name else None


def route_annotations(user: UserFile, service: str) -> dict[str, str]:
    """Return the annotations of the Ingress or HTTPRoute; what the user file says wins."""
    if user.ingress.gateway:
        return {OPTIONAL: "true", **user.ingress.annotations}
    issuer = cluster_issuer(user)
    issued = {"cert-manager.io/cluster-issuer": issuer} if issuer else {}
    return {**_class_annotations(user.ingress, service), **issued, **user.ingress.annotations}


def ingress_peers(user: UserFile) -> list[dict[str, Any]]:
    """Return the peers that may reach the pod's two ports: the user file's, else the usual ingress controllers."""
    if user.network_policy.ingress_from:
        return list(user.network_policy.ingress_from)
    namespaces = set(_CONTROLLER_NAMESPACES)
    if user.ingress.gateway:
        # Some controllers run the proxies of a Gateway beside it.
        namespaces.add(user.ingress.gateway.namespace or user.namespace)
    expression = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": sorted(namespaces)}
    return [{"namespaceSelector": {"matchExpressions": [expression]}}]


def _class_annotations(ingress: Ingress, service: str) -> dict[str, str]:
    name = ingress.class_name or DEFAULT_CLASS
    known = next((values for word, values in _BY_CLASS.items() if word in name), {})
    return {key: value.format(service=service) for key, value in known.items()}
