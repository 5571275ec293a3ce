"""What a Pod's status says, in the words that kubectl uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kubecoder.models.manifest import Manifest

State = Literal["running", "waiting", "terminated", "unknown"]


@dataclass(frozen=True, slots=True)
class ContainerStatus:
    """One container as the kubelet reports it.

    Attributes:
        image: The image that the pod's spec asks for, not the resolved digest.
        reason: The kubelet's word for a waiting or terminated state, else empty.
        exit_code: Of the current state when terminated, else of the run before, else None.
        last_reason: Why the run before ended, such as `OOMKilled`, else empty.
        started_at: RFC 3339, empty when it doesn't run.
    """

    name: str
    image: str
    ready: bool
    restarts: int
    state: State
    reason: str
    message: str
    exit_code: int | None
    last_reason: str
    started_at: str
    init: bool = False


def containers(pod: Manifest) -> tuple[ContainerStatus, ...]:
    """Return the init containers and then the containers, in the order of the spec."""
    spec, status = pod.get("spec", {}), pod.get("status", {})
    init = _merge(spec.get("initContainers"), status.get("initContainerStatuses"), init=True)
    return init + _merge(spec.get("containers"), status.get("containerStatuses"), init=False)


def restarts(pod: Manifest) -> int:
    """Count the restarts of all containers."""
    return sum(container.restarts for container in containers(pod))


def is_ready(pod: Manifest) -> bool:
    """Tell whether the pod has the condition Ready and isn't on its way out."""
    return not is_terminating(pod) and condition(pod, "Ready").get("status") == "True"


def is_terminating(pod: Manifest) -> bool:
    """Tell whether somebody deleted the pod."""
    return "deletionTimestamp" in pod.get("metadata", {})


def is_finished(pod: Manifest) -> bool:
    """Tell whether the pod has ended for good: evicted, failed or completed."""
    return pod.get("status", {}).get("phase") in ("Failed", "Succeeded")


def condition(manifest: Manifest, kind: str) -> Mapping[str, Any]:
    """Return the condition of this type, of a Pod or any other kind; empty when there is none."""
    for entry in manifest.get("status", {}).get("conditions") or ():
        if entry.get("type") == kind:
            return dict(entry)
    return {}


def current(pods: Iterable[Manifest]) -> Manifest | None:
    """Choose the pod that is the workspace now.

    That is the newest one that neither ends nor has ended; failing that the newest that is terminating, then any.
    """
    return max(pods, key=_currency, default=None)


def status_word(pod: Manifest) -> str:
    """Sum the pod up in one word as kubectl's STATUS column does, for example `CrashLoopBackOff`."""
    status = pod.get("status", {})
    if is_terminating(pod):
        return "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    word = str(status.get("reason") or status.get("phase") or "Unknown")
    if condition(pod, "PodScheduled").get("status") == "False":
        # kubectl says only Pending here; the reason is what a person needs.
        return str(condition(pod, "PodScheduled").get("reason") or word)
    statuses = containers(pod)
    init = next((c for c in statuses if c.init and not _init_is_done(c)), None)
    if init is not None and init.state != "unknown":
        return _init_word(init, statuses)
    return _main_word(word, [c for c in statuses if not c.init])


def _merge(spec: Any, status: Any, *, init: bool) -> tuple[ContainerStatus, ...]:
    by_name = {entry["name"]: entry for entry in status or ()}
    return tuple(_container(entry, by_name.get(entry["name"], {}), init=init) for entry in spec or ())


def _container(spec: Mapping[str, Any], status: Mapping[str, Any], *, init: bool) -> ContainerStatus:
    state, details = _state(status.get("state"))
    _, last = _state(status.get("lastState"))
    return ContainerStatus(
        name=spec["name"],
        image=spec.get("image", ""),
        ready=bool(status.get("ready")),
        restarts=int(status.get("restartCount") or 0),
        state=state,
        reason=details.get("reason") or "",
        message=details.get("message") or "",
        exit_code=details.get("exitCode", last.get("exitCode")),
        last_reason=last.get("reason") or "",
        started_at=details.get("startedAt") or "" if state == "running" else "",
        init=init,
    )


def _state(state: Any) -> tuple[State, Mapping[str, Any]]:
    known: tuple[State, ...] = ("running", "waiting", "terminated")
    for name in known:
        if name in (state or {}):
            return name, state[name] or {}
    return "unknown", {}


def _currency(pod: Manifest) -> tuple[bool, bool, str, str]:
    metadata = pod.get("metadata", {})
    # RFC 3339 in UTC sorts as text; the name only makes the choice the same each time.
    age = metadata.get("creationTimestamp", ""), metadata.get("name", "")
    return not is_finished(pod), not is_terminating(pod), *age


def _init_is_done(container: ContainerStatus) -> bool:
    sidecar_runs = container.state == "running" and container.ready
    return sidecar_runs or (container.state == "terminated" and container.exit_code == 0)


def _init_word(init: ContainerStatus, statuses: tuple[ContainerStatus, ...]) -> str:
    if init.state == "terminated" or (init.state == "waiting" and init.reason not in ("", "PodInitializing")):
        return f"Init:{init.reason or f'ExitCode:{init.exit_code}'}"
    every = [c for c in statuses if c.init]
    return f"Init:{every.index(init)}/{len(every)}"


def _main_word(word: str, statuses: list[ContainerStatus]) -> str:
    for container in statuses:
        if container.state == "waiting" and container.reason:
            return container.reason
    for container in statuses:
        if container.state == "terminated" and (container.reason != "Completed" or container.exit_code):
            return container.reason or f"ExitCode:{container.exit_code}"
    return word
