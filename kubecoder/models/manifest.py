"""One Kubernetes object as a plain dict, and how it is named and compared."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, TypeAlias

Manifest: TypeAlias = dict[str, Any]

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_FLEET = "kubecoder.dev/fleet"
LABEL_WORKSPACE = "kubecoder.dev/workspace"
LABEL_RECORD = "kubecoder.dev/record"
ANNOTATION_OWNER = "kubecoder.dev/owner"
MANAGER = "kubecoder"
SCALE_MANAGER = "kubecoder-scale"
RESTART_MANAGER = "kubecoder-restart"


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """What names one object in a cluster; `namespace` is empty for cluster-wide kinds."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {place}{self.name}"


def ref_of(manifest: Manifest) -> ObjectRef:
    """Name the object that a manifest describes."""
    metadata = manifest["metadata"]
    return ObjectRef(manifest["apiVersion"], manifest["kind"], metadata.get("namespace", ""), metadata["name"])


def canonical_json(value: object) -> bytes:
    """Encode a JSON value so that equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(value: object) -> str:
    """Return the first 32 hex digits of the SHA-256 of a JSON value's canonical form."""
    return hashlib.sha256(canonical_json(value)).hexdigest()[:32]
