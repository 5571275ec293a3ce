"""Gather what plans are made from, in few requests: records, our objects, strangers of the same name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from kubecoder.cluster import Cluster, Kind, kinds
from kubecoder.errors import ApiError
from kubecoder.models.manifest import ObjectRef, ref_of
from kubecoder.rollout import snapshot
from kubecoder.rollout.plan import Findings, Target, kinds_of


def gather(cluster: Cluster, targets: Sequence[Target], names: Collection[str]) -> Findings:
    """Look at the cluster once for all targets.

    Args:
        cluster: Where to look.
        targets: The workspaces, rendered where that is needed.
        names: Workspaces to look at; empty means all of ours.
    """
    wanted, absent = _served_kinds(cluster, targets)
    # The base lives in one namespace and has objects in all of them.
    refs = (*_rendered_refs(targets), *_recorded_refs(targets))
    namespaces = {target.namespace for target in targets} | {ref.namespace for ref in refs if ref.namespace}
    ours = snapshot.take(cluster, wanted, namespaces=namespaces, names=names)
    others = _strangers(cluster, targets, wanted, ours)
    return Findings(ours, others, frozenset(absent))


def _served_kinds(cluster: Cluster, targets: Sequence[Target]) -> tuple[list[Kind], set[tuple[str, str]]]:
    wanted, absent = [], set()
    manifests = (manifest for target in targets if target.rendered for manifest in target.rendered.manifests)
    entries = (entry for target in targets if target.release for entry in target.release.inventory)
    for api_version, name in sorted(kinds_of(manifests, entries)):
        try:
            kind = cluster.kind_of(api_version, name)
        except ApiError as error:
            if error.status != 404:
                raise
            absent.add((api_version, name))
            continue
        if cluster.has_kind(kind):
            wanted.append(kind)
        else:
            absent.add((api_version, name))
    return wanted, absent


def _strangers(
    cluster: Cluster, targets: Sequence[Target], served: Sequence[Kind], ours: snapshot.Snapshot
) -> snapshot.Snapshot:
    """Find by name what no label tells of: our objects that have lost theirs, and what others made.

    Server-side apply would merge into somebody else's object silently.
    """
    looked_for = (*_rendered_refs(targets), *_recorded_refs(target for target in targets if target.rendered))
    missing = {ref for ref in looked_for if ref not in ours}
    by_kind = {(kind.api_version, kind.name): kind for kind in served}
    found = dict(_cluster_wide(cluster, (ref for ref in missing if not ref.namespace)))
    present = _existing_namespaces(cluster, {ref.namespace for ref in missing if ref.namespace}, ours)
    for namespace in sorted(present):
        wanted = {(ref.api_version, ref.kind) for ref in missing if ref.namespace == namespace}
        listed = [by_kind[key] for key in sorted(wanted) if key in by_kind]
        found.update(snapshot.take_unlabelled(cluster, listed, namespace))
    return found


def _rendered_refs(targets: Iterable[Target]) -> Iterator[ObjectRef]:
    for target in targets:
        yield from map(ref_of, target.rendered.manifests if target.rendered else ())


def _recorded_refs(targets: Iterable[Target]) -> Iterator[ObjectRef]:
    for target in targets:
        yield from (entry.ref for entry in (target.release.inventory if target.release else ()))


def _cluster_wide(cluster: Cluster, refs: Iterable[ObjectRef]) -> Iterable[tuple[ObjectRef, snapshot.Observed]]:
    for ref in refs:
        try:
            live = cluster.find(ref)
        except ApiError as error:
            if error.status != 403:
                raise
            yield ref, snapshot.INVISIBLE
            continue
        if live is not None:
            yield ref, snapshot.observe(live)


def _existing_namespaces(cluster: Cluster, names: Collection[str], ours: snapshot.Snapshot) -> set[str]:
    known = {ref.name for ref in ours if ref.kind == "Namespace"}
    refs = [ObjectRef("v1", kinds.NAMESPACE.name, "", name) for name in names]
    return {ref.name for ref in refs if ref.name in known or _may_exist(cluster, ref)}


def _may_exist(cluster: Cluster, ref: ObjectRef) -> bool:
    try:
        return cluster.find(ref) is not None
    except ApiError as error:
        if error.status == 403:
            return True
        raise
