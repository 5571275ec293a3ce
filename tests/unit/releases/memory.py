"""Secrets of an API server in memory: the few verbs that records need, with its compare-and-swap."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

from kubecoder.cluster import Cluster, Kind
from kubecoder.errors import ApiError
from kubecoder.models.manifest import Manifest, ObjectRef, ref_of

_T = TypeVar("_T")


class MemoryCluster:
    """Stands for `Cluster`; `as_cluster` says so to the type checker.

    Args:
        shared: Another client's view of the same server.

    Attributes:
        objects: What is stored.
        sent: The verbs of all requests so far.
        before: Called before each request acts; raising there means that it never arrived.
        after: Called after each request acted; raising there means that its answer was lost.
    """

    def __init__(self, shared: MemoryCluster | None = None) -> None:
        self.objects: dict[ObjectRef, Manifest] = shared.objects if shared else {}
        self.sent: list[str] = []
        self.before: Callable[[str], None] = lambda _verb: None
        self.after: Callable[[str], None] = lambda _verb: None
        self._versions: Iterator[int] = shared._versions if shared else itertools.count(1)

    @property
    def as_cluster(self) -> Cluster:
        return cast("Cluster", self)

    def find(self, ref: ObjectRef) -> Manifest | None:
        return self._request("get", lambda: copy.deepcopy(self.objects.get(ref)))

    def create(self, manifest: Manifest) -> Manifest:
        return self._request("create", lambda: self._create(manifest))

    def replace(self, manifest: Manifest) -> Manifest:
        return self._request("replace", lambda: self._replace(manifest))

    def merge_patch(self, ref: ObjectRef, body: dict[str, Any]) -> Manifest:
        return self._request("patch", lambda: self._patch(ref, body))

    def delete(self, ref: ObjectRef, *, uid: str | None = None) -> None:
        self._request("delete", lambda: self._delete(ref, uid))

    def list(self, kind: Kind, *, namespace: str | None = None, labels: str = "") -> Iterator[Manifest]:
        wanted = dict(item.split("=") for item in labels.split(","))
        found = [
            copy.deepcopy(stored)
            for ref, stored in self.objects.items()
            if namespace in (None, ref.namespace) and wanted.items() <= stored["metadata"].get("labels", {}).items()
        ]
        yield from self._request("list", lambda: found)

    def _request(self, verb: str, act: Callable[[], _T]) -> _T:
        self.before(verb)
        self.sent.append(verb)
        answer = act()
        self.after(verb)
        return answer

    def _create(self, manifest: Manifest) -> Manifest:
        ref = ref_of(manifest)
        if ref in self.objects:
            raise refusal(409, "AlreadyExists")
        return self._store(ref, manifest, uid=f"uid-{next(self._versions)}")

    def _replace(self, manifest: Manifest) -> Manifest:
        ref = ref_of(manifest)
        live = self._live(ref, manifest["metadata"].get("resourceVersion"))
        if live["type"] != manifest["type"] or (live.get("immutable") and live["data"] != manifest["data"]):
            raise refusal(422, "Invalid")
        return self._store(ref, manifest, uid=live["metadata"]["uid"])

    def _patch(self, ref: ObjectRef, body: dict[str, Any]) -> Manifest:
        live = self._live(ref, body["metadata"].get("resourceVersion"))
        merged = {**live, "data": {**live.get("data", {}), **body["data"]}}
        return self._store(ref, merged, uid=live["metadata"]["uid"])

    def _delete(self, ref: ObjectRef, uid: str | None) -> None:
        live = self._live(ref, None)
        if uid not in (None, live["metadata"]["uid"]):
            raise refusal(409, "Conflict")
        del self.objects[ref]

    def _live(self, ref: ObjectRef, version: str | None) -> Manifest:
        if ref not in self.objects:
            raise refusal(404, "NotFound")
        live = self.objects[ref]
        if version not in (None, live["metadata"]["resourceVersion"]):
            raise refusal(409, "Conflict")
        return live

    def _store(self, ref: ObjectRef, manifest: Manifest, *, uid: str) -> Manifest:
        stored = copy.deepcopy(manifest)
        stored["metadata"] |= {"uid": uid, "resourceVersion": str(next(self._versions))}
        self.objects[ref] = stored
        return copy.deepcopy(stored)


def refusal(status: int, reason: str) -> ApiError:
    return ApiError(f"refused: {reason}", status=status, reason=reason)
