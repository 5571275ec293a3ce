"""All checks of one workspace, in the order in which they make sense."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from kubecoder.checks import inside, outside, verdicts
from kubecoder.cluster import Cluster, pods
from kubecoder.cluster.exec import Target, capture
from kubecoder.cluster.kinds import POD
from kubecoder.cluster.pods import NoPodError, Place, StoppedError
from kubecoder.cluster.reach import list_reachable
from kubecoder.errors import KubecoderError, NotFoundError
from kubecoder.models import pod as pod_status
from kubecoder.models.check import Check, failed, skipped
from kubecoder.models.manifest import LABEL_FLEET, LABEL_WORKSPACE, Manifest
from kubecoder.models.user import UserFile

HOME = "/home/dev"
NEIGHBOURS_TRIED = 10
"""Enough to see whether policies are enforced; each unreachable port takes two seconds."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another workspace's running pod.

    Attributes:
        name: The workspace's.
        address: The pod's.
        target: Its container for commands.
    """

    name: str
    address: str
    target: Target


def neighbours(cluster: Cluster, fleet_id: str, namespaces: Sequence[str]) -> list[Neighbour]:
    """Find the running pods of the fleet by one LIST."""
    listed = list_reachable(cluster, POD, namespaces, labels=f"{LABEL_FLEET}={fleet_id}")
    return [
        Neighbour(pod["metadata"]["labels"].get(LABEL_WORKSPACE, ""), pod["status"]["podIP"], _target(pod))
        for pod in listed
        if pod_status.is_ready(pod) and pod["status"].get("podIP")
    ]


def check(cluster: Cluster, fleet_id: str, user: UserFile, running: Sequence[Neighbour]) -> list[Check]:
    """Check one workspace.

    Args:
        cluster: Where it is.
        fleet_id: Its fleet.
        user: Its user file.
        running: The fleet's running pods, its own among them.
    """
    place = Place(fleet_id, user.name, user.namespace)
    try:
        pod = pods.find(cluster, place)
    except StoppedError as error:
        return [skipped("pod-ready", error.message, error.hint or "")]
    except (NoPodError, NotFoundError) as error:
        return [failed("pod-ready", error.message, error.hint or "")]
    ready = verdicts.pod_ready(pod)
    others = [entry for entry in running if entry.name != user.name]
    name = pod["metadata"]["name"]
    return [
        ready,
        *_inside(cluster, pod, others),
        from_another_pod(cluster, pod["status"].get("podIP", ""), others),
        outside.door(cluster, user.namespace, name, user.user.host),
        *outside.api(cluster, user.namespace, name, user.user.host),
        outside.certificate(user),
    ]


def from_another_pod(cluster: Cluster, address: str, others: Sequence[Neighbour]) -> Check:
    """Try a workspace's ports from the pod of another one.

    Args:
        cluster: Where both are.
        address: Of the workspace's pod.
        others: The other running workspaces; the first of them is used.
    """
    if not others:
        return skipped("from-another-pod", "no other workspace is running, from which to try")
    first = others[0]
    hosts = [[str(port), address, port] for port in sorted(verdicts.PUBLIC_PORTS | verdicts.PART_PORTS.keys())]
    try:
        seen = _ask(cluster, first.target, {"tools": {}, "hosts": hosts, "home": HOME})
    except KubecoderError as error:
        return skipped("from-another-pod", f"can't look from {first.name}: {error.message}", error.hint or "")
    return verdicts.from_another_pod(first.name, seen["hosts"])


def _target(pod: Manifest) -> Target:
    return Target(pod["metadata"]["namespace"], pod["metadata"]["name"], pods.choose_container(pod))


def _inside(cluster: Cluster, pod: Manifest, others: Sequence[Neighbour]) -> list[Check]:
    try:
        seen = look(cluster, _target(pod), others[:NEIGHBOURS_TRIED])
    except KubecoderError as error:
        return [failed("inside", f"can't look inside: {error.message}", error.hint or "")]
    return judge(seen, total=len(others))


def look(cluster: Cluster, target: Target, others: Sequence[Neighbour]) -> dict[str, Any]:
    """Run the script of `inside` in the workspace.

    Raises:
        KubecoderError: It can't be run, or prints something else than its answer.
    """
    hosts = [[address, *place] for address, place in verdicts.METADATA_ADDRESSES.items()]
    hosts += [
        [f"{other.name}:{port}", other.address, port] for other in others for port in sorted(verdicts.PUBLIC_PORTS)
    ]
    return _ask(cluster, target, {"tools": verdicts.TOOLS, "hosts": hosts, "home": HOME})


def _ask(cluster: Cluster, target: Target, request: dict[str, Any]) -> dict[str, Any]:
    done = capture(cluster, target, ["python3", "-I", "-", json.dumps(request)], stdin=_script())
    if done.code:
        stderr = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.code}"]
        raise KubecoderError(f"python3 in the workspace: {stderr[-1]}")
    try:
        seen: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise KubecoderError("python3 in the workspace printed something else than the answer") from error
    return seen


def judge(seen: dict[str, Any], *, total: int) -> list[Check]:
    """Judge what the script saw; `total` is how many other workspaces run."""
    addresses = {label: result for label, result in seen["hosts"].items() if label in verdicts.METADATA_ADDRESSES}
    reached = {label: result for label, result in seen["hosts"].items() if label not in addresses}
    return [
        *verdicts.tools(seen["tools"]),
        verdicts.disk(seen["disk"]),
        verdicts.git_identity(seen["git"]),
        *verdicts.identity(seen["identity"]),
        verdicts.service_account_token(seen["tokens"]),
        verdicts.listening(seen["listeners"]),
        verdicts.metadata_address(addresses),
        verdicts.other_workspaces(reached, total=total),
    ]


@cache
def _script() -> bytes:
    return Path(inside.__file__).read_bytes()
