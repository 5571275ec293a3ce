"""The pod that runs kaniko for a workspace, and the policy that holds it: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from kubecoder.errors import ConfigError, UsageError
from kubecoder.models.manifest import LABEL_FLEET, LABEL_MANAGED_BY, Manifest
from kubecoder.models.user import UserFile
from kubecoder.render import images

HOME = PurePosixPath("/home/dev")
LABEL_BUILD = "kubecoder.dev/build"
"""On the pod of a build, in place of the workspace's label: no Service may take it for a workspace."""
_CONTEXT = PurePosixPath("/workspace")
# To unpack other people's layers: owners, modes and file capabilities; Pod Security `baseline` allows them.
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETFCAP", "SETGID", "SETUID")


@dataclass(frozen=True, slots=True)
class Build:
    """What to build.

    Attributes:
        context: The folder, relative to the home.
        dockerfile: Relative to the context.
        destinations: Whole references to push to; none means that the result is thrown away.
        build_arguments: `NAME=VALUE` each.
        target: A stage of the Dockerfile; empty means the last.
    """

    context: PurePosixPath
    dockerfile: PurePosixPath
    destinations: tuple[str, ...] = ()
    build_arguments: tuple[str, ...] = ()
    target: str = ""


def check_mode(user: UserFile) -> None:
    """Refuse where kaniko isn't the workspace's builder.

    Raises:
        ConfigError: With the way to build there, or to allow it.
    """
    mode, name = user.build.mode, user.name
    if mode == "none":
        raise ConfigError(
            f"{name} has no container builds: build.mode is none",
            hint=f"write `build: {{mode: kaniko}}` into users/{name}.yaml and run kubecoder deploy {name}; "
            "docs/builds.md compares the modes",
        )
    if mode != "kaniko":
        raise ConfigError(
            f"{name} builds in the workspace itself: build.mode is {mode}",
            hint=f"kubecoder shell {name} -- docker build …",
        )


def inside(path: str, folder: PurePosixPath, what: str) -> PurePosixPath:
    """Make a path relative to a folder that it must not leave.

    Raises:
        UsageError: It does.
    """
    relative = PurePosixPath(path)
    if relative.is_absolute():
        if not relative.is_relative_to(folder):
            raise UsageError(f"the {what} {path} isn't in {folder}", hint=f"name a path below {folder}")
        relative = relative.relative_to(folder)
    if ".." in relative.parts:
        raise UsageError(f"the {what} {path} has '..' in it", hint=f"name a path below {folder}")
    return relative


def destinations(tags: Sequence[str], user: UserFile) -> tuple[str, ...]:
    """Complete tags to references, by `build.defaultDestinationRepo` where one names no repository.

    Raises:
        UsageError: It names none and there is no default.
    """
    default = user.build.default_destination_repo
    for tag in tags:
        if "/" not in tag and not default:
            raise UsageError(
                f"{tag} names no repository", hint=f"write REGISTRY/NAME:{tag}, or set build.defaultDestinationRepo"
            )
    return tuple(tag if "/" in tag else f"{default}:{tag}" for tag in tags)


def pod(user: UserFile, build: Build, *, seconds: float, node: str = "") -> Manifest:
    """Return the pod.

    Args:
        user: Whose home is built from.
        build: What to build.
        seconds: After so long Kubernetes ends the pod, whatever became of us.
        node: Where the home is mounted already (it may be on one node only); empty means anywhere.
    """
    registry = user.build.push_secret_name
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": max(1, round(seconds)),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(user, build)],
        "volumes": [_home(user), *([_registry(registry)] if registry else [])],
    }
    if user.image.pull_secret_name:
        spec["imagePullSecrets"] = [{"name": user.image.pull_secret_name}]
    if node:
        terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
        spec["affinity"] = {"nodeAffinity": required}
    if user.tolerations:
        spec["tolerations"] = list(user.tolerations)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": _metadata(user), "spec": spec}


def policy(user: UserFile, egress: Sequence[Any]) -> Manifest:
    """Return the NetworkPolicy of the build's pod: nothing comes in, and out goes what the workspace may reach."""
    spec = {
        "podSelector": {"matchLabels": _labels(user)},
        "policyTypes": ["Ingress", "Egress"],
        "egress": list(egress),
    }
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": _metadata(user), "spec": spec}


def _metadata(user: UserFile) -> dict[str, Any]:
    labels = {**_labels(user), LABEL_MANAGED_BY: "kubecoder"}
    return {"name": f"ws-{user.name}-build", "namespace": user.namespace, "labels": labels}


def _labels(user: UserFile) -> dict[str, str]:
    return {LABEL_FLEET: user.fleet_id, LABEL_BUILD: user.name}


def _container(user: UserFile, build: Build) -> dict[str, Any]:
    context = _CONTEXT / build.context
    arguments = [f"--context=dir://{context}", f"--dockerfile={context / build.dockerfile}", "--log-format=text"]
    arguments += [f"--destination={name}" for name in build.destinations] or ["--no-push"]
    arguments += [f"--build-arg={argument}" for argument in build.build_arguments]
    arguments += [f"--target={build.target}"] if build.target else []
    mounts = [{"name": "home", "mountPath": str(_CONTEXT), "readOnly": True}]
    if user.build.push_secret_name:
        mounts.append({"name": "registry", "mountPath": "/kaniko/.docker", "readOnly": True})
    return {
        "name": "kaniko",
        "image": user.build.kaniko_image or images.PINNED["kaniko"],
        # `$(NAME)` in an argument would be replaced by Kubernetes; `$$` keeps it.
        "args": [argument.replace("$(", "$$(") for argument in arguments],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "4Gi"}},
        "securityContext": {
            "runAsUser": 0,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"], "add": list(_CAPABILITIES)},
        },
        "volumeMounts": mounts,
    }


def _home(user: UserFile) -> dict[str, Any]:
    # The claim is mounted for writing, as a second pod of the node must where one writes already.
    return {"name": "home", "persistentVolumeClaim": {"claimName": f"ws-{user.name}-home"}}


def _registry(secret: str) -> dict[str, Any]:
    items = [{"key": ".dockerconfigjson", "path": "config.json"}]
    return {"name": "registry", "secret": {"secretName": secret, "items": items}}
