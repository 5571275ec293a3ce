"""Read a fleet's state with one LIST per kind, however many workspaces there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from kubecoder.cluster import Cluster, Kind
from kubecoder.cluster.kinds import CERTIFICATE, DEPLOYMENT, PERSISTENT_VOLUME_CLAIM, POD
from kubecoder.cluster.reach import list_reachable
from kubecoder.errors import ApiError, NotFoundError
from kubecoder.fleet import Fleet, Workspace
from kubecoder.models.manifest import LABEL_FLEET, LABEL_WORKSPACE, Manifest, ObjectRef
from kubecoder.models.user import UserFile
from kubecoder.releases import store
from kubecoder.releases.record import Release
from kubecoder.status.certificate import Certificate, from_certificate, from_secret
from kubecoder.status.image import wanted_image
from kubecoder.status.workspace import Objects, WorkspaceStatus, describe

SELECTOR_NAMES = 30
"""More workspaces than this are selected by the fleet's label alone: a selector is part of the request's address."""
SHARED_SECRETS = 20
"""A TLS Secret that somebody else made has no label of ours, so each costs a request: no more than these."""

NEEDED = (DEPLOYMENT, POD)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Found:
    """What the cluster holds, by workspace."""

    deployments: Mapping[str, Manifest]
    pods: Mapping[str, Sequence[Manifest]]
    claims: Mapping[str, Manifest]
    certificates: Mapping[str, Manifest]
    releases: Mapping[str, Release]

    def names(self) -> set[str]:
        return {*self.deployments, *self.claims, *self.releases}


def collect(fleet: Fleet, cluster: Cluster, names: Collection[str] = ()) -> list[WorkspaceStatus]:
    """Describe workspaces, sorted by name.

    Args:
        fleet: The files.
        cluster: Where it is deployed.
        names: Which workspaces; empty means all, with those of which only objects or a record are left.

    Raises:
        NotFoundError: A name has neither a user file nor anything in the cluster.
        ApiError: Deployments or Pods can't be read.
    """
    workspaces = {workspace.name: workspace for workspace in fleet.workspaces}
    users = {name: workspace.user for name, workspace in workspaces.items()}
    namespaces = sorted({user.namespace for user in users.values()} | {fleet.namespace})
    found = _find(cluster, fleet.fleet_id, namespaces, names)
    chosen = sorted(set(names) or {*users, *found.names()})
    for name in chosen:
        if name not in users and name not in found.names():
            raise NotFoundError(f"there is no workspace {name}", hint=f"users: {', '.join(sorted(users)) or 'none'}")
    certificates = _certificates(cluster, found, [users[name] for name in chosen if name in users])
    return [_describe(name, fleet, workspaces.get(name), found, certificates.get(name)) for name in chosen]


def _describe(
    name: str, fleet: Fleet, workspace: Workspace | None, found: _Found, certificate: Certificate | None
) -> WorkspaceStatus:
    release = found.releases.get(name)
    user = workspace.user if workspace else None
    live = found.deployments.get(name) or found.claims.get(name)
    namespace = user.namespace if user else release.namespace if release else fleet.namespace
    objects = Objects(found.deployments.get(name), found.pods.get(name, ()), found.claims.get(name), certificate)
    return describe(
        name,
        live["metadata"]["namespace"] if live else namespace,
        objects,
        user=user,
        wanted_image=wanted_image(fleet, workspace) if workspace else "",
        release=release,
    )


def _find(cluster: Cluster, fleet_id: str, namespaces: Sequence[str], names: Collection[str]) -> _Found:
    labels = f"{LABEL_FLEET}={fleet_id}"
    if names and len(names) <= SELECTOR_NAMES:
        labels += f",{LABEL_WORKSPACE} in ({','.join(sorted(names))})"

    def read(kind: Kind) -> list[Manifest]:
        if kind in NEEDED:
            return list_reachable(cluster, kind, namespaces, labels=labels)
        return _unless_forbidden(
            lambda: list_reachable(cluster, kind, namespaces, labels=labels) if cluster.has_kind(kind) else [],
            default=[],
        )

    unknown: dict[str, Release] = {}
    releases = _unless_forbidden(lambda: _releases(cluster, fleet_id, namespaces), default=unknown)
    releases.pop("base", None)
    deployments, pods, claims, certificates = cluster.map(read, [*NEEDED, PERSISTENT_VOLUME_CLAIM, CERTIFICATE])
    pods_of: dict[str, list[Manifest]] = defaultdict(list)
    for pod in pods:
        pods_of[_workspace(pod)].append(pod)
    return _Found(_by_workspace(deployments), pods_of, _by_workspace(claims), _by_workspace(certificates), releases)


def _releases(cluster: Cluster, fleet_id: str, namespaces: Sequence[str]) -> dict[str, Release]:
    try:
        return store.load_all(cluster, fleet_id)
    except ApiError as error:
        if error.status != 403:
            raise
        return store.load_all(cluster, fleet_id, namespaces)


def _certificates(cluster: Cluster, found: _Found, users: Iterable[UserFile]) -> dict[str, Certificate]:
    """Prefer cert-manager's own word; read shared TLS Secrets for those without."""
    certificates = {name: from_certificate(live) for name, live in found.certificates.items()}
    secrets = {
        user.name: ObjectRef("v1", "Secret", user.namespace, user.ingress.tls.secret_name)
        for user in users
        if user.name not in certificates and user.ingress.tls.enabled and user.ingress.tls.secret_name
    }
    wanted = sorted(set(secrets.values()))[:SHARED_SECRETS]
    read = cluster.map(lambda ref: _unless_forbidden(lambda: cluster.find(ref), default=None), wanted)
    live = {ref: secret for ref, secret in zip(wanted, read, strict=True) if secret is not None}
    now = datetime.now(UTC)
    for name, ref in secrets.items():
        if ref in live:
            certificates[name] = from_secret(live[ref], now)
    return certificates


def _unless_forbidden(read: Callable[[], Value], *, default: Value) -> Value:
    """Read what is good to have; who may not read it still gets the rest."""
    try:
        return read()
    except ApiError as error:
        if error.status not in (401, 403):
            raise
        return default


def _by_workspace(manifests: Iterable[Manifest]) -> dict[str, Manifest]:
    return {_workspace(live): live for live in manifests}


def _workspace(live: Manifest) -> str:
    return str(live["metadata"]["labels"].get(LABEL_WORKSPACE, ""))
