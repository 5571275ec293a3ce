"""Turn a fleet into manifests: everything that is applied, and the digests that tell whether anything changed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubecoder import __version__
from kubecoder.errors import ConfigError, Problem
from kubecoder.models.manifest import ANNOTATION_OWNER, Manifest, digest, ref_of
from kubecoder.render import preflight, variables
from kubecoder.render.images import PINNED
from kubecoder.render.patches import patched
from kubecoder.render.templates import Sourced, Templates
from kubecoder.render.variables import BASE, BASE_RECORD, object_name, record_name

if TYPE_CHECKING:
    from kubecoder.fleet import Fleet, Workspace

__all__ = [
    "BASE",
    "BASE_RECORD",
    "Rendered",
    "base",
    "base_input_digest",
    "input_digest",
    "object_name",
    "record_name",
    "template_digest",
    "workspace",
]

# Namespaces first, the way traffic comes in last; `kubectl apply` takes objects in the order of the file.
_KINDS = (
    "Namespace",
    "ServiceAccount",
    "NetworkPolicy",
    "ResourceQuota",
    "Secret",
    "ConfigMap",
    "PersistentVolumeClaim",
    "Service",
    "Deployment",
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """All objects of one workspace, or of `base`, ready for server-side apply.

    Attributes:
        name: The user's name, or `base`.
        namespace: Where the release record lives.
        record_name: The Secret that records the releases.
        manifests: In an order in which they can be applied one by one.
        input_digest: What the release records, to find later that nothing changed.
        notices: What the user should know.
    """

    name: str
    namespace: str
    record_name: str
    manifests: tuple[Manifest, ...]
    input_digest: str
    notices: tuple[str, ...] = ()


def template_digest(fleet: Fleet) -> str:
    """Return the digest of what turns values into manifests: the templates, the pinned images and this version."""
    return digest([_templates(fleet).digest, dict(PINNED), __version__])


def input_digest(fleet: Fleet, workspace: Workspace) -> str:
    """Return the digest of everything that a workspace's manifests are made from, without rendering them."""
    return digest([template_digest(fleet), workspace.input_digest])


def base_input_digest(fleet: Fleet) -> str:
    """Return the digest of everything that the base manifests are made from, without rendering them."""
    return digest([template_digest(fleet), _base_variables(fleet)])


def workspace(fleet: Fleet, workspace: Workspace, *, with_secrets: bool = True) -> Rendered:
    """Render one workspace.

    Args:
        fleet: The fleet that it belongs to.
        workspace: The user's values and secrets.
        with_secrets: False leaves the values out of all Secrets, and the fleet may lack them.

    Raises:
        TemplateError: A template is wrong, with its file and line.
        ConfigError: A patch matches nothing, or the result can't be applied.
    """
    user, secrets = workspace.user, workspace.secrets
    if with_secrets and secrets.oauth2 is None:
        raise ConfigError(
            f"{user.name}: the door has no OAuth client",
            hint=f"write secrets/{user.name}/oauth2.yaml, or use --no-secrets",
        )
    name = object_name(user.name)
    sourced = _templates(fleet).render("workspace", variables.of_workspace(user, secrets))
    objects = patched(sourced, user.patches, name=name, file=workspace.file)
    _refuse_faults(objects, (user.namespace,), workspace.file)
    manifests = _finished(objects, user.fleet_id, user.name)
    if not with_secrets:
        manifests = tuple(_without_values(manifest) for manifest in manifests)
    no_client = f"{user.name}: no OAuth client in secrets/, so clientID in ConfigMap {name}-door is empty"
    return Rendered(
        name=user.name,
        namespace=user.namespace,
        record_name=record_name(user.name),
        manifests=manifests,
        input_digest=input_digest(fleet, workspace),
        notices=() if secrets.oauth2 else (no_client,),
    )


def base(fleet: Fleet) -> Rendered:
    """Render what all workspaces of the whole fleet share.

    Raises:
        TemplateError: A template is wrong, with its file and line.
        ConfigError: The result can't be applied.
    """
    values = _base_variables(fleet)
    objects = list(_templates(fleet).render("base", values))
    _refuse_faults(objects, values["namespaces"], fleet.directory)
    return Rendered(
        name=BASE,
        namespace=fleet.namespace,
        record_name=BASE_RECORD,
        manifests=_finished(objects, fleet.fleet_id, BASE),
        input_digest=base_input_digest(fleet),
    )


def _base_variables(fleet: Fleet) -> dict[str, Any]:
    return variables.of_base(fleet.fleet_id, fleet.namespace, (entry.user for entry in fleet.workspaces))


class _Latest:
    """The fleet with templates of its own that was rendered last: they are read and compiled once per fleet."""

    fleet: Fleet | None = None
    templates: Templates | None = None


def _templates(fleet: Fleet) -> Templates:
    if fleet.template_dir is None:
        return _built_in()
    if _Latest.fleet is not fleet or _Latest.templates is None:
        _Latest.templates = Templates(fleet.template_dir)
        _Latest.fleet = fleet
    return _Latest.templates


@cache
def _built_in() -> Templates:
    return Templates()


def _refuse_faults(objects: Sequence[Sourced], namespaces: Collection[str], path: Path) -> None:
    problems = [Problem(path, f"{ref} {fault}") for ref, fault in preflight.faults(objects, namespaces)]
    if problems:
        raise ConfigError.from_problems(problems)


def _finished(objects: Sequence[Sourced], fleet_id: str, owner: str) -> tuple[Manifest, ...]:
    manifests = (_owned(entry.manifest, fleet_id, owner) for entry in objects)
    return tuple(sorted(manifests, key=lambda manifest: (_rank(manifest["kind"]), ref_of(manifest))))


def _owned(manifest: Manifest, fleet_id: str, owner: str) -> Manifest:
    """Add the labels that find an object and the annotation that proves whose it is, whatever a template says."""
    metadata = manifest["metadata"]
    marked = {
        **metadata,
        "labels": {**(metadata.get("labels") or {}), **variables.labels(fleet_id, owner)},
        "annotations": {**(metadata.get("annotations") or {}), ANNOTATION_OWNER: f"{fleet_id}/{owner}"},
    }
    return {**manifest, "metadata": marked}


def _rank(kind: str) -> int:
    return _KINDS.index(kind) if kind in _KINDS else len(_KINDS)


def _without_values(manifest: Manifest) -> Manifest:
    if manifest["kind"] != "Secret":
        return manifest
    return {key: value for key, value in manifest.items() if key not in ("data", "stringData")}
