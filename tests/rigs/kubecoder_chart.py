"""A small Helm chart in the shape of kube-coder's: the same kinds and names, without what runs in them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.rigs import binaries

NETWORKING = "networking.k8s.io/v1"
RBAC = "rbac.authorization.k8s.io"


def install(directory: Path, kubeconfig: Path, namespace: str, *, size: str = "50Gi", image: str = "old") -> None:
    """Run `helm install john-workspace` with the chart of john, whose pods run if the image is there."""
    templates = directory / "chart" / "templates"
    templates.mkdir(parents=True)
    chart = {"apiVersion": "v2", "name": "workspace", "version": "0.1.0"}
    (directory / "chart" / "Chart.yaml").write_text(yaml.safe_dump(chart))
    (templates / "all.yaml").write_text(yaml.safe_dump_all(objects(namespace, size, image)))
    helm(directory, kubeconfig, namespace, "install", "john-workspace", str(directory / "chart"))


def helm(directory: Path, kubeconfig: Path, namespace: str, *argv: str) -> str:
    """Run the real helm and return what it prints."""
    program = binaries.built(binaries.HELM) / "helm"
    home = {"HOME": str(directory), "HELM_CACHE_HOME": str(directory), "HELM_CONFIG_HOME": str(directory)}
    command = [str(program), *argv, "--namespace", namespace, "--kubeconfig", str(kubeconfig)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=home, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(namespace: str, size: str, image: str) -> list[dict[str, Any]]:
    """What the chart renders for john: workload, accounts, home, and some of its Ingresses."""
    build = f"ws-john-build-{namespace}"
    role_ref = {"apiGroup": RBAC, "kind": "ClusterRole", "name": build}
    account = {"kind": "ServiceAccount", "name": "ws-john", "namespace": namespace}
    return [
        _object("v1", "ServiceAccount", "ws-john", namespace),
        _object(f"{RBAC}/v1", "ClusterRole", build, rules=[]),
        _object(f"{RBAC}/v1", "ClusterRoleBinding", build, roleRef=role_ref, subjects=[account]),
        _object("v1", "ConfigMap", "browser-config-john", namespace, data={"server.py": "pass"}),
        _object("v1", "Secret", "oauth2-proxy-secrets-john", namespace, stringData={"client-id": "x"}),
        _object(
            *("v1", "PersistentVolumeClaim", "ws-john-home", namespace),
            spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
        ),
        *(_deployment(name, namespace, image) for name in ("ws-john", "oauth2-proxy-john")),
        *(_service(name, namespace) for name in ("ws-john", "oauth2-proxy-john")),
        *(_ingress(name, namespace) for name in ("ws-john", "ws-john-browser", "ws-john-oauth2", "ws-john-claude-api")),
    ]


def _object(api_version: str, kind: str, name: str, namespace: str = "", **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def _deployment(name: str, namespace: str, image: str) -> dict[str, Any]:
    has_home = name == "ws-john"
    home = {"name": "home", "persistentVolumeClaim": {"claimName": "ws-john-home"}}
    container = {
        "name": "ide",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "infinity"],
        "volumeMounts": [{"name": "home", "mountPath": "/home/dev"}] if has_home else [],
    }
    pod = {
        "securityContext": {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000},
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [home] if has_home else [],
    }
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return _object("apps/v1", "Deployment", name, namespace, spec=spec)


def _service(name: str, namespace: str) -> dict[str, Any]:
    return _object("v1", "Service", name, namespace, spec={"selector": {"app": name}, "ports": [{"port": 6080}]})


def _ingress(name: str, namespace: str) -> dict[str, Any]:
    backend = {"service": {"name": "ws-john", "port": {"number": 6080}}}
    paths = [{"path": f"/{name}", "pathType": "Prefix", "backend": backend}]
    rules = [{"host": "john.dev.example.com", "http": {"paths": paths}}]
    return _object(NETWORKING, "Ingress", name, namespace, spec={"rules": rules})
