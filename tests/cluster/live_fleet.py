"""A fleet on the test's API server, as the tests of one command after another need it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from kubecoder.models.manifest import ObjectRef
from tests.rigs.cli import Cli, CliResult
from tests.rigs.control_plane import PLAIN

if TYPE_CHECKING:
    from kubecoder.cluster import Cluster

VERSIONS = {"Deployment": "apps/v1", "Ingress": "networking.k8s.io/v1", "NetworkPolicy": "networking.k8s.io/v1"}
RBAC = "rbac.authorization.k8s.io/v1"
CLAUDE_KEY = "sk-ant-api03-abcdefghijklmnop"


class LiveFleet:
    """One fleet in the test's namespace, and the objects of its first user."""

    def __init__(self, cli: Cli, directory: Path, namespace: str, cluster: Cluster) -> None:
        self.cli = cli.in_fleet(directory)
        self.directory = directory
        self.namespace = namespace
        self.cluster = cluster

    def deploy(self, *options: str) -> CliResult:
        return self.cli("deploy", *(options or ("--all",)), "--no-wait", "-o", "json")

    def result(self, *options: str, exit_code: int = 0) -> dict[str, Any]:
        return {item["name"]: item for item in self.deploy(*options).expect(exit_code).json()["workspaces"]}

    def ref(self, kind: str, name: str = "ws-john") -> ObjectRef:
        return ObjectRef(VERSIONS.get(kind, "v1"), kind, self.namespace, name)

    def live(self, kind: str, name: str = "ws-john") -> Any:
        return self.cluster.get(self.ref(kind, name))

    def edit_user(self, name: str = "john", **values: Any) -> None:
        file = self.directory / "users" / f"{name}.yaml"
        document = yaml.safe_load(file.read_text())
        for key, value in values.items():
            document[key] = {**document.get(key, {}), **value} if isinstance(value, dict) else value
        file.write_text(yaml.safe_dump(document, sort_keys=False))

    def write_secret(self, name: str, file: str, text: str) -> Path:
        folder = self.directory / "secrets" / name
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / file
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def make_storage_class(self, name: str, *, expands: bool = True) -> None:
        made = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
        self.cluster.apply({**made, "provisioner": "example.com/none", "allowVolumeExpansion": expands})

    def bind_home(self, name: str = "ws-john-home") -> None:
        """Say what a storage provisioner would say."""
        ref = self.ref("PersistentVolumeClaim", name)
        self.cluster.merge_patch(ref, {"spec": {"volumeName": "pv-1"}}, manager="binder")
        self.cluster.merge_patch(ref, {"status": {"phase": "Bound"}}, manager="binder", subresource="status")

    def set_claude_key(self, key: str = CLAUDE_KEY) -> Path:
        return self.write_secret("john", "claude.yaml", f"claude:\n  apiKey: {key}\n")


def grant(cluster: Cluster, namespace: str, rules: list[dict[str, Any]]) -> None:
    """Give the user who has no right of its own these in one namespace."""
    metadata = {"name": "workspaces", "namespace": namespace}
    subject = {"kind": "User", "name": PLAIN, "apiGroup": "rbac.authorization.k8s.io"}
    role = {"kind": "Role", "name": "workspaces", "apiGroup": "rbac.authorization.k8s.io"}
    cluster.apply({"apiVersion": RBAC, "kind": "Role", "metadata": metadata, "rules": rules})
    cluster.apply(
        {"apiVersion": RBAC, "kind": "RoleBinding", "metadata": metadata, "subjects": [subject], "roleRef": role}
    )


def actions(workspace: dict[str, Any]) -> dict[str, str]:
    return {f"{item['kind']}/{item['name']}": item["action"] for item in workspace["objects"]}
