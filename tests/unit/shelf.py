"""A cluster that only holds what a test puts into it: the seam below everything that reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kubecoder.cluster import Kind
from kubecoder.cluster.kinds import ALWAYS_SERVED
from kubecoder.errors import ApiError
from kubecoder.models.manifest import Manifest, ObjectRef, ref_of


class Shelf:
    """Objects by name, with the selectors and refusals that our reading code meets.

    Attributes:
        context: As a real cluster's.
        refused: (kind, namespace) that may not be listed or read; the namespace `*` means a cluster-wide list.
        permissions: Answers a SelfSubjectAccessReview's attributes.
        served: Kinds of optional APIs that are there.
    """

    context, server, user, namespace = "test", "https://test", "ann", "default"

    def __init__(self, *manifests: Manifest) -> None:
        self.objects = {ref_of(manifest): manifest for manifest in manifests}
        self.refused: set[tuple[str, str]] = set()
        self.permissions: Callable[[dict[str, str]], bool] = lambda _: True
        self.served: set[str] = set()
        self.version: dict[str, str] | Exception = {"major": "1", "minor": "37", "gitVersion": "v1.37.2"}
        self.lists = 0

    def has_kind(self, kind: Kind) -> bool:
        return kind.api_version in ALWAYS_SERVED or kind.name in self.served

    def list(
        self, kind: Kind, *, namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> Iterable[Manifest]:
        self._refuse(kind.name, namespace or "*")
        self.lists += 1
        return iter(
            [
                manifest
                for ref, manifest in self.objects.items()
                if ref.kind == kind.name
                and namespace in (None, ref.namespace)
                and _is_selected(manifest, labels)
                and _is_about(manifest, fields)
            ]
        )

    def find(self, ref: ObjectRef) -> Manifest | None:
        self._refuse(ref.kind, ref.namespace or "*")
        return self.objects.get(ref)

    def request(self, method: str, path: str, *, body: Any = None) -> Any:
        if path == "/version":
            if isinstance(self.version, Exception):
                raise self.version
            return self.version
        if path == "/apis":
            versions = [{"groupVersion": version} for version in ALWAYS_SERVED]
            return {"groups": [{"versions": versions}]}
        assert path.endswith("selfsubjectaccessreviews")
        return {"status": {"allowed": self.permissions(body["spec"]["resourceAttributes"])}}

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Sequence[Any]:
        return [function(item) for item in items]

    def close(self) -> None:
        """Nothing is open."""

    def _refuse(self, kind: str, namespace: str) -> None:
        if (kind, namespace) in self.refused:
            raise ApiError(f"{kind} is forbidden", status=403, reason="Forbidden")


def holding(*manifests: Manifest) -> Any:
    """Return a shelf of these objects, to be used as a `Cluster`."""
    return Shelf(*manifests)


def _is_selected(manifest: Manifest, selector: str) -> bool:
    """Understand `key=value` and `key in (a,b)`."""
    labels = manifest["metadata"].get("labels") or {}
    for part in filter(
        None, selector.replace(" in (", "=").replace(")", "").replace(",kubecoder", "\nkubecoder").split("\n")
    ):
        key, _, values = part.partition("=")
        if labels.get(key) not in values.split(","):
            return False
    return True


def _is_about(event: Manifest, fields: str) -> bool:
    return not fields or fields == f"involvedObject.name={event['involvedObject']['name']}"
