"""What the API server would refuse, or accept and break on, found before anything is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from kubecoder.models import names
from kubecoder.models.faults import InvalidValueError
from kubecoder.models.manifest import Manifest, ObjectRef, canonical_json, ref_of
from kubecoder.render.templates import Sourced

MAX_BYTES = 2**20  # a Secret's or ConfigMap's limit; etcd refuses requests from 1.5 MiB on
MAX_ANNOTATION_BYTES = 256 * 2**10

# Kinds that a template may want and that live in a namespace; others are left to the API server.
_NAMESPACED = frozenset(
    {
        "Certificate",
        "ConfigMap",
        "CronJob",
        "Deployment",
        "HTTPRoute",
        "Ingress",
        "Job",
        "LimitRange",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "PodDisruptionBudget",
        "ResourceQuota",
        "Role",
        "RoleBinding",
        "Secret",
        "Service",
        "ServiceAccount",
        "StatefulSet",
    }
)


def faults(rendered: Sequence[Sourced], namespaces: Collection[str]) -> Iterator[tuple[ObjectRef, str]]:
    """Yield what is wrong with rendered objects, each with the object that it is about.

    Args:
        rendered: All objects that will be applied together.
        namespaces: Where they may live.
    """
    count = Counter(ref_of(entry.manifest) for entry in rendered)
    for ref in (ref for ref, times in count.items() if times > 1):
        files = sorted({entry.file for entry in rendered if ref_of(entry.manifest) == ref})
        yield ref, f"is rendered {count[ref]} times, from {', '.join(files)}"
    for _, manifest in rendered:
        ref = ref_of(manifest)
        for fault in (*_place_faults(ref, namespaces), *_object_faults(manifest)):
            yield ref, fault


def _place_faults(ref: ObjectRef, namespaces: Collection[str]) -> Iterator[str]:
    if ref.namespace and ref.namespace not in namespaces:
        yield f"isn't in {' or '.join(sorted(namespaces))}, where it would be looked for later"
    if not ref.namespace and ref.kind in _NAMESPACED:
        yield "has no metadata.namespace"


def _object_faults(manifest: Manifest) -> Iterator[str]:
    # Encoding every object takes longer than all else here, so only what is long as Python text already is encoded.
    size = len(canonical_json(manifest)) if len(repr(manifest)) > MAX_BYTES // 4 else 0
    if size > MAX_BYTES:
        yield f"is {size / 2**20:.1f} MiB large; Kubernetes takes 1 MiB"
    yield from _metadata_faults(manifest["metadata"])
    if manifest["kind"] == "Secret" and "stringData" in manifest:
        yield "has stringData, of which server-side apply never removes a key; use data"
    if manifest["kind"] == "Deployment":
        yield from _deployment_faults(manifest.get("spec") or {})


def _metadata_faults(metadata: Mapping[str, Any], where: str = "") -> Iterator[str]:
    for field in ("labels", "annotations"):
        for key, value in (metadata.get(field) or {}).items():
            try:
                names.check_qualified_name(key)
                if not isinstance(value, str):
                    raise InvalidValueError.of("isn't text")
                if field == "labels":
                    names.check_label_value(value)
            except InvalidValueError as error:
                yield f"{where}{field}.{key}: {error}"
    annotations = metadata.get("annotations") or {}
    size = sum(len(key) + len(str(value).encode()) for key, value in annotations.items())
    if size > MAX_ANNOTATION_BYTES:
        yield f"{where}annotations are {size // 1024} KiB large; Kubernetes takes 256 KiB"


def _deployment_faults(spec: Mapping[str, Any]) -> Iterator[str]:
    if "replicas" in spec:
        yield "has spec.replicas, which belong to start and stop"
    template = spec.get("template") or {}
    yield from _metadata_faults(template.get("metadata") or {}, "spec.template.")
    pod = template.get("spec") or {}
    yield from _twice("volume", (volume.get("name") for volume in pod.get("volumes") or ()))
    containers = [*(pod.get("initContainers") or ()), *(pod.get("containers") or ())]
    yield from _twice("container", (container.get("name") for container in containers))
    volumes = {volume.get("name") for volume in pod.get("volumes") or ()}
    for container in containers:
        yield from _container_faults(container, volumes)


def _container_faults(container: Mapping[str, Any], volumes: set[Any]) -> Iterator[str]:
    where = f"container {container.get('name')}: "
    ports = container.get("ports") or ()
    mounts = container.get("volumeMounts") or ()
    # Server-side apply answers a doubled list key with a 500, not with the reason (kubernetes#113482).
    yield from _twice("environment variable", (entry.get("name") for entry in container.get("env") or ()), where)
    yield from _twice("port name", (port.get("name") for port in ports if "name" in port), where)
    yield from _twice("port", ((port.get("containerPort"), port.get("protocol", "TCP")) for port in ports), where)
    yield from _twice("mount path", (mount.get("mountPath") for mount in mounts), where)
    for name in sorted({str(mount.get("name")) for mount in mounts if mount.get("name") not in volumes}):
        yield f"{where}mounts the volume {name}, which isn't there"


def _twice(noun: str, values: Iterable[Any], where: str = "") -> Iterator[str]:
    for value in (value for value, times in Counter(values).items() if times > 1):
        shown = "/".join(map(str, value)) if isinstance(value, tuple) else value
        yield f"{where}the {noun} {shown} is there twice"
