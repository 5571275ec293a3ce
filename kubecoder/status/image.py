"""The image that a deploy would give a workspace, next to which the one that runs is looked at."""

from __future__ import annotations

from collections.abc import Iterable

from kubecoder import render
from kubecoder.cluster.pods import MAIN_CONTAINER
from kubecoder.errors import ConfigError
from kubecoder.fleet import Fleet, Workspace
from kubecoder.models.manifest import Manifest


def wanted_image(fleet: Fleet, workspace: Workspace) -> str:
    """Return the image that the fleet's files ask for.

    Only a patch of the Deployment or a template of the fleet's own can make it another one than the user file's
    `image`, so that nothing else is rendered.
    """
    stated = workspace.user.image.reference
    is_patched = any(patch.kind == "Deployment" for patch in workspace.user.patches)
    if fleet.template_dir is None and not is_patched:
        return stated
    try:
        rendered = render.workspace(fleet, workspace, with_secrets=False)
    except ConfigError:
        return stated  # a status is wanted most when something is wrong; `validate` says what
    name = render.object_name(workspace.name)
    own = (item for item in rendered.manifests if (item["kind"], item["metadata"]["name"]) == ("Deployment", name))
    return next(map(main_image, own), stated)


def main_image(deployment: Manifest) -> str:
    """Return the image of the main container that a Deployment asks for."""
    return image_of(deployment["spec"]["template"]["spec"]["containers"])


def image_of(containers: Iterable[Manifest]) -> str:
    """Return the main container's image; the first one's where none has its name."""
    listed = list(containers)
    chosen = next((entry for entry in listed if entry["name"] == MAIN_CONTAINER), listed[0])
    return str(chosen.get("image", ""))
