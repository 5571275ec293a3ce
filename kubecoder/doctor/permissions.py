"""What kubecoder's commands need to be allowed to do, and whether we are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kubecoder.cluster import Cluster
from kubecoder.cluster.kinds import SELF_SUBJECT_ACCESS_REVIEW
from kubecoder.models.check import Check, failed, passed, warned
from kubecoder.models.user import UserFile

APPLY = ("get", "list", "create", "patch", "delete")
STREAM = ("get", "create")
"""Servers differ in which of the two verbs a WebSocket needs (decision D10)."""


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """One thing that somebody may or may not do; an empty namespace means cluster-wide."""

    verb: str
    group: str
    resource: str
    subresource: str = ""
    namespace: str = ""

    def __str__(self) -> str:
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{self.verb} {resource}{'.' if self.group else ''}{self.group}"


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a group of permissions is for; without an optional one something smaller is missing."""

    name: str
    permissions: tuple[Permission, ...]
    missing: str = ""

    @property
    def is_optional(self) -> bool:
        """Whether the fleet works without it."""
        return bool(self.missing)


def purposes(users: Sequence[UserFile], namespaces: Iterable[str]) -> list[Purpose]:
    """Return what is needed for these users, in each of their namespaces."""
    places = sorted(namespaces)
    deploy = [
        *_each(APPLY, "", "serviceaccounts", "configmaps", "persistentvolumeclaims", "services"),
        *_each((*APPLY, "update"), "", "secrets"),
        *_each((*APPLY, "watch"), "apps", "deployments"),
        *_each(("list", "watch"), "", "pods"),
        *_each(("list",), "", "events"),
        *_each(APPLY, "networking.k8s.io", "networkpolicies"),
    ]
    if any(user.ingress.gateway is None for user in users) or not users:
        deploy += _each(APPLY, "networking.k8s.io", "ingresses")
    if any(user.ingress.gateway for user in users):
        deploy += _each(APPLY, "gateway.networking.k8s.io", "httproutes")
    if any(user.quota for user in users):
        deploy += _each(APPLY, "", "resourcequotas")
    base = _each(("get", "create", "patch"), "", "namespaces")
    if any(user.lets_encrypt for user in users):
        base += _each(("get", "create", "patch"), "cert-manager.io", "clusterissuers")
    return [
        Purpose("may-deploy", _in(places, deploy)),
        Purpose("may-read-logs", _in(places, [Permission("get", "", "pods", "log"), *_each(("get",), "", "pods")])),
        Purpose("may-shell", _in(places, [Permission(verb, "", "pods", "exec") for verb in STREAM])),
        Purpose("may-forward", _in(places, [Permission(verb, "", "pods", "portforward") for verb in STREAM])),
        Purpose(
            "may-hasten",
            _in(places, _each(("list", "patch"), "", "pods")),
            "a changed allow-list or door secret reaches a running pod only after a minute or more",
        ),
        Purpose("may-base", tuple(base), "base can't make namespaces (or the ClusterIssuer): make them by hand"),
        Purpose(
            "may-list-all",
            tuple(_each(("list",), "", "pods", "secrets")),
            "each namespace is read by itself, which takes more requests",
        ),
    ]


def examine(cluster: Cluster, users: Sequence[UserFile], namespaces: Iterable[str]) -> list[Check]:
    """Ask the API server about every permission, many at once."""
    wanted = purposes(users, namespaces)
    every = sorted({permission for purpose in wanted for permission in purpose.permissions})
    allowed = dict(zip(every, cluster.map(lambda permission: is_allowed(cluster, permission), every), strict=True))
    return [judge(purpose, [entry for entry in purpose.permissions if not allowed[entry]]) for purpose in wanted]


def is_allowed(cluster: Cluster, permission: Permission) -> bool:
    """Ask the API server about one permission."""
    attributes = {
        "verb": permission.verb,
        "group": permission.group,
        "resource": permission.resource,
        "subresource": permission.subresource,
        "namespace": permission.namespace,
    }
    review = {
        "apiVersion": SELF_SUBJECT_ACCESS_REVIEW.api_version,
        "kind": SELF_SUBJECT_ACCESS_REVIEW.name,
        "spec": {"resourceAttributes": {name: value for name, value in attributes.items() if value}},
    }
    answer = cluster.request("POST", SELF_SUBJECT_ACCESS_REVIEW.path(), body=review)
    return bool(answer["status"].get("allowed"))


def judge(purpose: Purpose, refused: Sequence[Permission]) -> Check:
    """Judge one purpose by what is refused of it."""
    if not refused:
        return passed(purpose.name, f"all {len(purpose.permissions)} permissions")
    places = sorted({entry.namespace for entry in refused if entry.namespace})
    where = f" in {', '.join(places)}" if places else ""
    evidence = f"not allowed{where}: {', '.join(sorted({str(entry) for entry in refused}))}"
    if purpose.is_optional:
        return warned(purpose.name, evidence, purpose.missing)
    return failed(purpose.name, evidence, "ask the cluster's admin for a Role with these verbs")


def _each(verbs: Iterable[str], group: str, *resources: str) -> list[Permission]:
    return [Permission(verb, group, resource) for resource in resources for verb in verbs]


def _in(namespaces: Iterable[str], permissions: Sequence[Permission]) -> tuple[Permission, ...]:
    return tuple(
        Permission(entry.verb, entry.group, entry.resource, entry.subresource, namespace)
        for namespace in namespaces
        for entry in permissions
    )
