"""A real ingress controller on the node: Traefik, for Ingresses and for the HTTPRoutes of one Gateway."""

from __future__ import annotations

import base64
import contextlib
import socket
from pathlib import Path
from typing import Any

from kubecoder.cluster import Cluster
from tests.rigs.binaries import TRAEFIK, built
from tests.rigs.definitions import GATEWAY_API, GATEWAY_CONTROLLERS_API, install
from tests.rigs.node.node import Node
from tests.rigs.waiting import wait_until

INGRESS_CLASS = "traefik"
GATEWAY = "public"
GATEWAY_NAMESPACE = "gateway"
CERTIFICATE = "wildcard"
PORT = 443


def start(node: Node, cluster: Cluster, domain: str, certificate: tuple[Path, Path]) -> None:
    """Run Traefik in the node's network, where it ends with the node, and return when it listens.

    Args:
        node: Its address is where the hosts' names have to lead.
        cluster: Gets the class, the Gateway and its certificate.
        domain: Of all hosts.
        certificate: For `*.domain`: its file and that of its key.
    """
    program = built(TRAEFIK) / "traefik"
    install(cluster, [*GATEWAY_API.manifests(), *GATEWAY_CONTROLLERS_API.manifests()])
    node.plane.create_namespace(GATEWAY_NAMESPACE)
    secret = certificate_secret(GATEWAY_NAMESPACE, certificate)
    for manifest in (secret, _ingress_class(), _gateway_class(), _gateway(domain)):
        cluster.apply(manifest)
    process = node.sandbox.processes.start(
        "traefik",
        [
            *node.sandbox.prefix,
            *("env", f"KUBECONFIG={node.plane.kubeconfig}", str(program)),
            *("--global.checknewversion=false", "--global.sendanonymoususage=false"),
            *("--log.level=INFO", "--ping=false", "--api=false"),
            # As Traefik's own chart has it.
            *(f"--entrypoints.websecure.address=:{PORT}", "--entrypoints.websecure.http.tls=true"),
            *("--providers.kubernetesingress=true", f"--providers.kubernetesingress.ingressclass={INGRESS_CLASS}"),
            "--providers.kubernetesgateway=true",
        ],
    )

    def listens() -> bool:
        process.check()
        with contextlib.suppress(OSError), socket.create_connection((node.sandbox.address, PORT), timeout=5):
            return True
        return False

    wait_until(listens, what="Traefik listens", seconds=60)


def certificate_secret(namespace: str, certificate: tuple[Path, Path]) -> dict[str, Any]:
    """Return the Secret of a certificate, as cert-manager makes it."""
    data = {
        key: base64.b64encode(file.read_bytes()).decode()
        for key, file in zip(("tls.crt", "tls.key"), certificate, strict=True)
    }
    metadata = {"name": CERTIFICATE, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata, "data": data}


def _ingress_class() -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": INGRESS_CLASS},
        "spec": {"controller": "traefik.io/ingress-controller"},
    }


def _gateway_class() -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "traefik"},
        "spec": {"controllerName": "traefik.io/gateway-controller"},
    }


def _gateway(domain: str) -> dict[str, Any]:
    listener = {
        "name": "https",
        "protocol": "HTTPS",
        "port": PORT,
        "hostname": f"*.{domain}",
        "tls": {"mode": "Terminate", "certificateRefs": [{"kind": "Secret", "name": CERTIFICATE}]},
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": GATEWAY, "namespace": GATEWAY_NAMESPACE},
        "spec": {"gatewayClassName": "traefik", "listeners": [listener]},
    }
