"""Reads long lists in pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from kubecoder.cluster.exchange import Exchange
from kubecoder.cluster.failures import status_document
from kubecoder.cluster.kinds import Kind
from kubecoder.cluster.transport import Request, with_query
from kubecoder.models.manifest import Manifest

PAGE = 500
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class Listing(Iterator[Manifest]):
    """The objects of a kind, one page in memory at a time.

    Attributes:
        resource_version: Where a watch goes on from; set by the first page.
    """

    def __init__(
        self,
        exchange: Exchange,
        kind: Kind,
        *,
        namespace: str | None = None,
        labels: str = "",
        fields: str = "",
        metadata_only: bool = False,
    ) -> None:
        self.resource_version = ""
        self._exchange = exchange
        self._kind = kind
        self._path = kind.path(namespace or "")
        self._query = {"limit": str(PAGE), "labelSelector": labels, "fieldSelector": fields}
        self._accept = METADATA_LIST if metadata_only else "application/json"
        self._objects = self._read()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Manifest:
        return next(self._objects)

    def _read(self) -> Iterator[Manifest]:
        token = ""
        while True:
            page = self._page(token)
            self.resource_version = self.resource_version or page["metadata"]["resourceVersion"]
            for found in page["items"] or ():
                # Items of a list don't say what they are.
                yield {**found, "apiVersion": self._kind.api_version, "kind": self._kind.name}
            token = page["metadata"].get("continue") or ""
            if not token:
                return

    def _page(self, token: str) -> Any:
        request = Request(
            "GET", with_query(self._path, {**self._query, "continue": token}), accept=self._accept, compressed=True
        )
        outcome = self._exchange.send(request, subject=self._path)
        if outcome.answer.status == 410:
            # The list took longer than the server keeps its state (5 minutes); it offers to go on with a newer one.
            onward = ((status_document(outcome.answer.body) or {}).get("metadata") or {}).get("continue")
            if onward and onward != token:
                return self._page(onward)
        return outcome.document
