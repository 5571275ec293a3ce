"""`Cluster`: the verbs of the Kubernetes API on manifests as plain dicts."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from kubecoder.cluster import config
from kubecoder.cluster.exchange import Exchange, Outcome
from kubecoder.cluster.failures import api_error
from kubecoder.cluster.kinds import ALWAYS_SERVED, KINDS, Kind, group_version_path
from kubecoder.cluster.listing import Listing
from kubecoder.cluster.pool import Pool
from kubecoder.cluster.transport import ANSWER_SECONDS, Request, encode, with_query
from kubecoder.cluster.watch import IDLE_SECONDS, Watch
from kubecoder.errors import ApiError
from kubecoder.models.manifest import MANAGER, Manifest, ObjectRef, ref_of

APPLY_PATCH = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
WORKERS = 16
MAX_WORKERS = 32
"""A person's kubeconfig shares about 49 seats of the API server's fair queues with others."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Cluster:
    """One cluster, as one user; safe to use from many threads.

    Args:
        exchange: Sends the requests; its `access` has the server and the credentials.
        workers: Threads of `map`.

    Attributes:
        context: Name of the context.
        server: URL of the API server.
        user: Who we are, as the kubeconfig calls it.
        namespace: The context's namespace.
    """

    def __init__(self, exchange: Exchange, *, workers: int = WORKERS) -> None:
        self.context = exchange.access.context
        self.server = exchange.access.server
        self.user = exchange.access.user
        self.namespace = exchange.access.namespace
        self.exchange = exchange
        self._pool = Pool(workers)
        self._discovered: dict[str, dict[str, Kind]] = {}

    @classmethod
    def connect(cls, kubeconfig: str | None = None, context: str | None = None, *, workers: int = WORKERS) -> Cluster:
        """Read the kubeconfig; nothing is sent yet.

        Args:
            kubeconfig: Paths separated as in `PATH`; None means `KUBECONFIG`, else `~/.kube/config`, else, in a pod,
                its service account.
            context: None means the current one.
            workers: Threads of `map`, and the most requests in flight; at most 32.

        Raises:
            ConfigError: There is no usable kubeconfig.
        """
        workers = max(1, min(workers, MAX_WORKERS))
        return cls(Exchange(config.load(kubeconfig, context), workers), workers=workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def requests(self) -> int:
        """How many HTTP requests were sent, tries and streams included."""
        return self.exchange.transport.requests

    def request(  # noqa: PLR0913 - HTTP has that many
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        retry: bool = True,
        timeout: float | None = None,
        compressed: bool = False,
        subject: str = "",
    ) -> Any:
        """Send one request and parse the answer.

        Args:
            method: The HTTP method.
            path: Without query.
            query: Parameters; those with an empty value are left out.
            body: A JSON value.
            content_type: Of the body.
            accept: The media type wanted.
            retry: Try again after failures that may pass.
            timeout: Seconds of silence after which a try is given up.
            compressed: Ask for gzip.
            subject: What errors call the thing; the path when empty.

        Raises:
            ApiError: The server refused.
            UnreachableError: There was no answer.
        """
        made = Request(
            method,
            with_query(path, query or {}),
            None if body is None else encode(body),
            content_type,
            accept,
            compressed,
            timeout=timeout or ANSWER_SECONDS,
        )
        return self.exchange.send(made, subject=subject or path, retry=retry).document

    def kind_of(self, api_version: str, kind: str) -> Kind:
        """Find a kind: in the static table, else by one GET for its group version (once per run).

        Raises:
            ApiError: The cluster doesn't serve it (404, reason `NoKindMatch`).
        """
        known = KINDS.get((api_version, kind))
        if known is not None:
            return known
        found = self._discover(api_version).get(kind)
        if found is None:
            document = {"reason": "NoKindMatch", "message": f"the cluster has no kind {kind} in {api_version}"}
            raise api_error(404, document, subject=f"{kind} {api_version}")
        return found

    def has_kind(self, kind: Kind) -> bool:
        """Tell whether the cluster serves a kind; asks only for APIs that a cluster may lack."""
        return kind.api_version in ALWAYS_SERVED or kind.name in self._discover(kind.api_version)

    def _discover(self, api_version: str) -> dict[str, Kind]:
        if api_version not in self._discovered:
            try:
                document = self.request("GET", group_version_path(api_version))
            except ApiError as error:
                if error.status != 404:
                    raise
                document = {}
            self._discovered[api_version] = {
                found["kind"]: Kind(api_version, found["kind"], found["name"], found["namespaced"])
                for found in document.get("resources", ())
                if "/" not in found["name"]
            }
        return self._discovered[api_version]

    def path_of(self, ref: ObjectRef, *, collection: bool = False, subresource: str = "") -> str:
        """Give the path of an object, of its subresource, or of the collection that it is created in."""
        kind = self.kind_of(ref.api_version, ref.kind)
        return kind.path(ref.namespace or self.namespace, "" if collection else ref.name, subresource)

    def get(self, ref: ObjectRef) -> Manifest:
        """Read one object.

        Raises:
            ApiError: It isn't there (404), or the server refused otherwise.
        """
        return self.exchange.send(Request("GET", self.path_of(ref)), subject=str(ref)).manifest

    def find(self, ref: ObjectRef) -> Manifest | None:
        """Read one object; None when it, its namespace or its API isn't there."""
        try:
            return self.get(ref)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, kind: Kind, *, namespace: str | None = None, labels: str = "", fields: str = "") -> Listing:
        """Read all objects of a kind, page by page while they are used.

        Args:
            kind: The kind.
            namespace: None means all namespaces.
            labels: A label selector.
            fields: A field selector.
        """
        return Listing(self.exchange, kind, namespace=namespace, labels=labels, fields=fields)

    def list_metadata(self, kind: Kind, *, namespace: str | None = None, labels: str = "") -> Listing:
        """Read only the metadata of all objects of a kind: a tenth of the bytes, compressed."""
        return Listing(self.exchange, kind, namespace=namespace, labels=labels, metadata_only=True)

    def apply(
        self, manifest: Manifest, *, manager: str = MANAGER, force: bool = False, dry_run: bool = False
    ) -> Manifest:
        """Apply on the server's side; unknown and doubled fields are refused.

        Args:
            manifest: The whole intent of this manager.
            manager: The field manager.
            force: Take fields over from other managers instead of failing with 409.
            dry_run: Go through admission and validation, and store nothing.

        Raises:
            ApiError: The server refused; of a 409, `causes` names each field and its owner.
        """
        ref = ref_of(manifest)
        query = {"force": "true" if force else "", "dryRun": "All" if dry_run else ""}
        return self._write("PATCH", self.path_of(ref), ref, manifest, manager, APPLY_PATCH, query).manifest

    def json_patch(
        self, ref: ObjectRef, operations: Sequence[Mapping[str, Any]], *, manager: str = MANAGER
    ) -> Manifest:
        """Change one object by JSON Patch operations (RFC 6902)."""
        return self._write("PATCH", self.path_of(ref), ref, operations, manager, JSON_PATCH).manifest

    def merge_patch(
        self, ref: ObjectRef, body: Mapping[str, Any], *, manager: str = MANAGER, subresource: str = ""
    ) -> Manifest:
        """Change one object, or its subresource, by a JSON Merge Patch (RFC 7386)."""
        path = self.path_of(ref, subresource=subresource)
        return self._write("PATCH", path, ref, body, manager, MERGE_PATCH).manifest

    def create(self, manifest: Manifest, *, manager: str = MANAGER) -> Manifest:
        """Create an object.

        Raises:
            ApiError: It is there already (409, reason `AlreadyExists`), or the server refused otherwise.
        """
        ref = ref_of(manifest)
        outcome = self._write("POST", self.path_of(ref, collection=True), ref, manifest, manager)
        return self._settle(outcome, ref, manifest)

    def replace(self, manifest: Manifest, *, manager: str = MANAGER) -> Manifest:
        """Replace an object, if it still has the manifest's `metadata.resourceVersion` (compare and swap).

        Raises:
            ApiError: It has changed since (409, reason `Conflict`), or the server refused otherwise.
        """
        ref = ref_of(manifest)
        return self._settle(self._write("PUT", self.path_of(ref), ref, manifest, manager), ref, manifest)

    def delete(
        self, ref: ObjectRef, *, uid: str | None = None, propagation: str = "Background", dry_run: bool = False
    ) -> None:
        """Delete an object; returns when the server has accepted, which may be before it is gone.

        Args:
            ref: The object.
            uid: Delete only if it has this UID.
            propagation: `Background`, `Foreground` or `Orphan`.
            dry_run: Only check.

        Raises:
            ApiError: It isn't there (404), has another UID (409), or the server refused otherwise.
        """
        body: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if uid:
            body["preconditions"] = {"uid": uid}
        if dry_run:
            body["dryRun"] = ["All"]
        outcome = self.exchange.send(Request("DELETE", self.path_of(ref), encode(body)), subject=str(ref))
        if not (outcome.uncertain and outcome.answer.status == 404):  # an earlier try has deleted it, unheard
            outcome.check()

    def watch(
        self,
        kind: Kind,
        *,
        namespace: str | None = None,
        labels: str = "",
        fields: str = "",
        resource_version: str = "",
        timeout_seconds: int = 300,
    ) -> Watch:
        """Begin to watch a kind.

        Args:
            kind: The kind.
            namespace: None means all namespaces.
            labels: A label selector.
            fields: A field selector.
            resource_version: Of a list, or of an earlier watch. Empty: what is there comes first, as `ADDED`.
            timeout_seconds: After these the server ends the watch.

        Raises:
            ApiError: The server refused; 410 when the version is older than what it keeps.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "labelSelector": labels,
            "fieldSelector": fields,
            "resourceVersion": resource_version,
            "timeoutSeconds": str(timeout_seconds),
        }
        path = kind.path(namespace or "")
        request = Request("GET", with_query(path, query), timeout=IDLE_SECONDS)
        return Watch(self.exchange.open(request, subject=path), resource_version=resource_version, subject=path)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> builtins.list[Result]:
        """Call a function for each item in the cluster's threads; may be nested.

        When a call raises, no further item is begun, those in progress end, and the error is raised.
        """
        return self._pool.map(function, items)

    def close(self) -> None:
        """Close idle connections and let the threads end."""
        self._pool.close()
        self.exchange.transport.close()

    def _write(
        self,
        method: str,
        path: str,
        ref: ObjectRef,
        body: object,
        manager: str,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Outcome:
        parameters = {"fieldManager": manager, "fieldValidation": "Strict", **(query or {})}
        request = Request(method, with_query(path, parameters), encode(body), content_type)
        return self.exchange.send(request, subject=str(ref))

    def _settle(self, outcome: Outcome, ref: ObjectRef, sent: Manifest) -> Manifest:
        """Take a 409 for a success when an earlier try, whose answer was lost, has written just what was sent."""
        if outcome.uncertain and outcome.answer.status == 409:
            live = self.find(ref)
            if live is not None and holds(live, {**sent, "metadata": {"name": ref.name}}):
                return live
        return outcome.manifest


def holds(live: object, sent: object) -> bool:
    """Tell whether a live value holds all that was sent; servers add defaults, but take nothing away."""
    if isinstance(sent, dict) and isinstance(live, dict):
        return all(key in live and holds(live[key], value) for key, value in sent.items())
    return live == sent
