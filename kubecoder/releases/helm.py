"""Reads the release Secrets of Helm 3: what a chart has put into the cluster."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from kubecoder.cluster import Cluster, kinds
from kubecoder.errors import BlockedError
from kubecoder.models.manifest import Manifest, ObjectRef, ref_of

RELEASE_TYPE = "helm.sh/release.v1"
ANNOTATION_NAME = "meta.helm.sh/release-name"
ANNOTATION_NAMESPACE = "meta.helm.sh/release-namespace"
MANAGED_BY = "Helm"


@dataclass(frozen=True, slots=True)
class HelmRelease:
    """One release with all its stored revisions.

    Attributes:
        secrets: Its Secrets with their UIDs, oldest revision first.
        manifests: What its revisions have rendered; namespaces may be missing.
    """

    name: str
    namespace: str
    secrets: tuple[tuple[ObjectRef, str], ...]
    manifests: tuple[Manifest, ...]


def read_release(cluster: Cluster, name: str, namespace: str) -> HelmRelease:
    """Read all revisions that Helm stores of one release; there may be none.

    Raises:
        BlockedError: A Secret isn't in the form that Helm 3 writes.
    """
    labels = f"owner=helm,name={name}"
    found = [
        live
        for live in cluster.list(kinds.SECRET, namespace=namespace, labels=labels)
        if live.get("type") == RELEASE_TYPE
    ]
    found.sort(key=_revision)
    manifests = [manifest for live in found for manifest in _manifests(live)]
    secrets = tuple((ref_of(live), str(live["metadata"]["uid"])) for live in found)
    return HelmRelease(name, namespace, secrets, tuple(manifests))


def is_of_release(live: Manifest, name: str, namespace: str) -> bool:
    """Tell whether a live object bears Helm's marks of this release."""
    annotations = live["metadata"].get("annotations", {})
    return bool(annotations.get(ANNOTATION_NAME) == name and annotations.get(ANNOTATION_NAMESPACE) == namespace)


def _revision(secret: Manifest) -> int:
    version = secret["metadata"]["labels"].get("version", "")
    return int(version) if version.isascii() and version.isdigit() else 0


def _manifests(secret: Manifest) -> Iterator[Manifest]:
    """Yield what one revision has rendered, in the order of its documents; the members of a List by themselves."""
    try:
        # Helm encodes once, the Secret's data once more.
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        release: Any = json.loads(gzip.decompress(packed))
        documents = [document for document in yaml.safe_load_all(release["manifest"]) if document]
        manifests = [manifest for document in documents for manifest in _members(document)]
        for manifest in manifests:
            ref_of(manifest)
    except (AttributeError, KeyError, TypeError, ValueError, OSError, EOFError, zlib.error, yaml.YAMLError) as error:
        raise BlockedError(
            f"{ref_of(secret)} isn't a release of Helm 3 that can be read",
            hint="helm history shows what Helm makes of it",
        ) from error
    yield from manifests


def _members(document: Manifest) -> list[Manifest]:
    return document["items"] if document["kind"] == "List" else [document]
