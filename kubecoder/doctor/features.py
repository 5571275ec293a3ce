"""What a fleet asks of its cluster beside permissions: routes, certificates, disks, namespaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from kubecoder.cluster import Cluster, Kind
from kubecoder.cluster.kinds import (
    ALWAYS_SERVED,
    CLUSTER_ISSUER,
    GATEWAY,
    HTTP_ROUTE,
    INGRESS_CLASS,
    NAMESPACE,
    STORAGE_CLASS,
)
from kubecoder.errors import ApiError
from kubecoder.models.check import Check, failed, judged, passed, skipped, warned
from kubecoder.models.manifest import ANNOTATION_OWNER, Manifest, ObjectRef
from kubecoder.models.pod import condition
from kubecoder.models.user import UserFile
from kubecoder.render.routes import ISSUER, cluster_issuer

DEFAULT_INGRESS_CLASS = "ingressclass.kubernetes.io/is-default-class"
DEFAULT_STORAGE_CLASS = "storageclass.kubernetes.io/is-default-class"
ENFORCE = "pod-security.kubernetes.io/enforce"
OLDEST_MINOR = 30
HOSTS_PER_DOMAIN = 40
"""Let's Encrypt issues 50 certificates per registered domain and week; renewals don't count."""

_SECOND_LEVEL = frozenset({"ac", "co", "com", "edu", "gov", "net", "or", "org"})


def server_version(document: Mapping[str, str]) -> Check:
    """Judge the answer of `/version`."""
    version = document.get("gitVersion", "unknown")
    minor = "".join(filter(str.isdigit, document.get("minor", "")))
    is_new = document.get("major") == "1" and int(minor or 0) >= OLDEST_MINOR
    return judged("server-version", is_new, f"Kubernetes {version}", f"kubecoder needs 1.{OLDEST_MINOR} or newer")


def api_versions(document: Mapping[str, Any]) -> Check:
    """Judge the answer of `/apis`: every version of the API that manifests are written in."""
    served = {entry["groupVersion"] for group in document.get("groups") or () for entry in group.get("versions") or ()}
    missing = sorted(version for version in ALWAYS_SERVED if "/" in version and version not in served)
    if missing:
        return failed("api-versions", f"not served: {', '.join(missing)}", "look for API services that are down")
    return passed("api-versions", f"{len(served)} are served, all that manifests are written in")


def routes(cluster: Cluster, users: Sequence[UserFile]) -> list[Check]:
    """Look for the ingress classes and gateways that the users name."""
    checks = []
    if any(user.ingress.gateway is None for user in users) or not users:
        listed = _listed(cluster, INGRESS_CLASS)
        wanted = {user.ingress.class_name for user in users if user.ingress.gateway is None} or {None}
        checks.append(_unreadable("ingress-class") if listed is None else ingress_classes(listed, wanted))
    gateways = {
        (user.ingress.gateway.namespace or user.namespace, user.ingress.gateway.name)
        for user in users
        if user.ingress.gateway
    }
    if gateways:
        checks.append(gateway_api(cluster, gateways))
    return checks


def ingress_classes(listed: Sequence[Manifest], wanted: Collection[str | None]) -> Check:
    """Judge whether each wanted ingress class is there; None means the cluster's default one."""
    names = sorted(entry["metadata"]["name"] for entry in listed)
    missing = sorted(name for name in wanted if name is not None and name not in names)
    known = f"the cluster has {', '.join(names) or 'none'}"
    if missing:
        return failed("ingress-class", f"no ingress class {', '.join(missing)}; {known}", "set ingress.className")
    if None in wanted and not any(_is_default(entry, DEFAULT_INGRESS_CLASS) for entry in listed):
        return warned("ingress-class", f"no default ingress class; {known}", "set ingress.className")
    return passed("ingress-class", known)


def gateway_api(cluster: Cluster, gateways: Collection[tuple[str, str]]) -> Check:
    """Judge whether HTTPRoutes are served and the Gateways are there and programmed."""
    if not cluster.has_kind(HTTP_ROUTE):
        return failed(
            "gateway", "the cluster has no Gateway API", "install it, or use an Ingress: leave out ingress.gateway"
        )
    missing, unready = [], []
    for namespace, name in sorted(gateways):
        live = _found(cluster, ObjectRef(GATEWAY.api_version, GATEWAY.name, namespace, name))
        if live is None:
            missing.append(f"{namespace}/{name}")
        elif condition(live, "Programmed").get("status") != "True":
            unready.append(f"{namespace}/{name}")
    if missing:
        return failed("gateway", f"no Gateway {', '.join(missing)}", "set ingress.gateway.name and .namespace")
    if unready:
        return warned("gateway", f"not programmed: {', '.join(unready)}", "kubectl describe gateway")
    return passed("gateway", ", ".join(f"{namespace}/{name}" for namespace, name in sorted(gateways)))


def certificates(cluster: Cluster, users: Sequence[UserFile]) -> Check:
    """Look for cert-manager and for the issuers that the users name."""
    wanted = {issuer for issuer in map(cluster_issuer, users) if issuer}
    if not cluster.has_kind(CLUSTER_ISSUER):
        if wanted:
            hint = "install cert-manager, or set ingress.tls.secretName"
            return failed("certificates", "the cluster has no cert-manager", hint)
        return passed("certificates", "cert-manager isn't there and nobody asks for it")
    return issuers(
        {name: _found(cluster, ObjectRef(CLUSTER_ISSUER.api_version, CLUSTER_ISSUER.name, "", name)) for name in wanted}
    )


def issuers(states: Mapping[str, Manifest | None]) -> Check:
    """Judge whether each wanted ClusterIssuer is ready; our own is made by the base deploy."""
    missing = sorted(name for name, live in states.items() if live is None and name != ISSUER)
    if missing:
        return failed("certificates", f"no ClusterIssuer {', '.join(missing)}", "set ingress.tls.clusterIssuer")
    unready = sorted(name for name, live in states.items() if live and condition(live, "Ready").get("status") != "True")
    if unready:
        return warned(
            "certificates", f"not ready: ClusterIssuer {', '.join(unready)}", "kubectl describe clusterissuer"
        )
    return passed("certificates", f"cert-manager, {', '.join(sorted(states)) or 'no issuer wanted'}")


def storage(cluster: Cluster, users: Sequence[UserFile]) -> Check:
    """Look for the storage classes that the users name."""
    listed = _listed(cluster, STORAGE_CLASS)
    wanted = {user.user.storage_class_name for user in users} or {None}
    return _unreadable("storage-class") if listed is None else storage_classes(listed, wanted)


def storage_classes(listed: Sequence[Manifest], wanted: Collection[str | None]) -> Check:
    """Judge the wanted storage classes: there, and able to grow; None means the cluster's default one."""
    by_name: dict[str | None, Manifest] = {entry["metadata"]["name"]: entry for entry in listed}
    default = next((entry for entry in listed if _is_default(entry, DEFAULT_STORAGE_CLASS)), None)
    if default is not None:
        by_name[None] = default
    known = ", ".join(sorted(entry["metadata"]["name"] for entry in listed)) or "none"
    missing = [name or "by default" for name in sorted(wanted, key=str) if name not in by_name]
    if missing:
        evidence = f"no storage class {', '.join(missing)}; the cluster has {known}"
        return failed("storage-class", evidence, "set user.storageClassName, or mark a class as the default")
    chosen = {by_name[name]["metadata"]["name"]: by_name[name] for name in wanted}
    fixed = sorted(name for name, entry in chosen.items() if not entry.get("allowVolumeExpansion"))
    if fixed:
        evidence = f"{', '.join(fixed)} doesn't allow volumes to grow"
        return warned("storage-class", evidence, "set allowVolumeExpansion, or choose user.pvcSize with room to spare")
    return passed("storage-class", f"{', '.join(sorted(chosen))}, homes can grow")


def namespaces(cluster: Cluster, users: Sequence[UserFile], names: Iterable[str], fleet_id: str) -> list[Check]:
    """Look at the Pod Security labels of namespaces that the base deploy doesn't own."""
    checks = []
    for name in sorted(names):
        needs_privileged = any(user.build.mode in ("buildkit", "dind") for user in users if user.namespace == name)
        try:
            live = cluster.find(ObjectRef(NAMESPACE.api_version, NAMESPACE.name, "", name))
        except ApiError as error:
            if error.status != 403:
                raise
            checks.append(skipped(f"namespace-{name}", "may not be read"))
            continue
        checks.append(namespace(name, live, fleet_id, needs_privileged=needs_privileged))
    return checks


def namespace(name: str, live: Manifest | None, fleet_id: str, *, needs_privileged: bool) -> Check:
    """Judge one namespace; one that the base deploy makes gets its labels there."""
    check = f"namespace-{name}"
    if live is None:
        return passed(check, "isn't there yet; the base deploy makes it")
    metadata = live["metadata"]
    if (metadata.get("annotations") or {}).get(ANNOTATION_OWNER, "").startswith(f"{fleet_id}/"):
        return passed(check, "ours, labelled by the base deploy")
    level = (metadata.get("labels") or {}).get(ENFORCE)
    if needs_privileged and level in ("restricted", "baseline"):
        hint = "give the user a namespace of their own, or relabel this one"
        return failed(check, f"Pod Security level {level} refuses container builds in the pod", hint)
    if level is None or (level != "restricted" and not needs_privileged):
        evidence = f"Pod Security level {level or 'not set'}: pods that others make here aren't held to restricted"
        return warned(check, evidence, f"kubectl label namespace {name} {ENFORCE}=restricted")
    return passed(check, f"Pod Security level {level}")


def hosts(users: Iterable[UserFile]) -> Check:
    """Warn where so many hosts share a domain that Let's Encrypt's weekly limit comes near (decision D19)."""
    counts = Counter(registered_domain(user.user.host) for user in users if cluster_issuer(user))
    crowded = [f"{count} hosts under {domain}" for domain, count in counts.most_common() if count > HOSTS_PER_DOMAIN]
    if crowded:
        evidence = f"{', '.join(crowded)}; Let's Encrypt issues 50 certificates a week for each"
        return warned("hosts", evidence, "use a wildcard certificate: ingress.tls.secretName")
    return passed("hosts", f"{sum(counts.values())} hosts with certificates of their own")


def registered_domain(host: str) -> str:
    """Guess the registered domain of a host: two labels, or three under names such as `co.uk`."""
    labels = host.split(".")
    is_deep = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3 if is_deep else -2 :])


def _listed(cluster: Cluster, kind: Kind) -> list[Manifest] | None:
    try:
        return list(cluster.list(kind))
    except ApiError as error:
        if error.status != 403:
            raise
        return None


def _found(cluster: Cluster, ref: ObjectRef) -> Manifest | None:
    try:
        return cluster.find(ref)
    except ApiError as error:
        if error.status != 403:
            raise
        return None


def _unreadable(name: str) -> Check:
    return skipped(name, "may not be listed")


def _is_default(entry: Manifest, annotation: str) -> bool:
    return (entry["metadata"].get("annotations") or {}).get(annotation) == "true"
