"""Wait until workspaces are up, and stop waiting as soon as one can't come up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from kubecoder.cluster import Cluster
from kubecoder.errors import ClusterError, InterruptedRunError, KubecoderError, WaitTimeoutError
from kubecoder.models.manifest import LABEL_FLEET, LABEL_WORKSPACE
from kubecoder.rollout import explain
from kubecoder.rollout.following import Follower, Sightings
from kubecoder.rollout.readiness import Countdown, Phase, Verdict, judge

SELECTOR_NAMES = 30
"""More workspaces than this are followed by the fleet's label alone: a selector is part of the request's address."""
WAKE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class WaitTarget:
    """One workspace to wait for.

    Attributes:
        name: The workspace's name; its Deployment is `ws-<name>`.
        namespace: Where it is.
        generation: The Deployment's `metadata.generation` after the write that is awaited, so that nothing older
            is taken for its result.
    """

    name: str
    namespace: str
    generation: int = 0


@dataclass(frozen=True, slots=True)
class WaitResult:
    """How waiting for one workspace ended.

    Attributes:
        ready: The workspace is up; False also for a stopped one.
        stopped: It has zero replicas, so there is nothing to wait for.
        reason: One word: `Ready`, `Stopped`, or what is wrong, such as `ImagePullBackOff`.
        message: What a person reads, without the reason; its last event included.
        timed_out: It may still come up.
        pod: The pod that failed, or empty.
        container: The container that failed, or empty.
        log: Last lines of the failing container. They are shown, never stored: a program may print its secrets.
    """

    ready: bool
    stopped: bool = False
    reason: str = ""
    message: str = ""
    timed_out: bool = False
    pod: str = ""
    container: str = ""
    log: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the workspace is where it should be: up, or stopped."""
        return self.ready or self.stopped


OnEvent: TypeAlias = Callable[[str, Verdict], None]
"""Gets the name of a workspace and how it stands, at first and whenever that has changed."""


@dataclass(slots=True)
class _Awaited:
    target: WaitTarget
    seen: int = -1
    verdict: Verdict = field(default_factory=lambda: Verdict(Phase.WAITING, "Looking"))
    countdown: Countdown = field(default_factory=Countdown)


def wait_ready(
    cluster: Cluster,
    targets: Sequence[WaitTarget],
    *,
    fleet_id: str,
    timeout: float,
    on_event: OnEvent | None = None,
    stop: threading.Event | None = None,
) -> dict[str, WaitResult]:
    """Follow these workspaces until each is up, has failed, or the time is over.

    Args:
        cluster: Where they are.
        targets: What to wait for.
        fleet_id: The fleet that they belong to.
        timeout: Seconds for all of them together.
        on_event: Hears each change.
        stop: Once set, waiting ends; what isn't decided then has the reason `Interrupted`.

    Returns:
        A result for every target.

    Raises:
        ApiError: Nobody may list Deployments or Pods there.
    """
    if not targets:
        return {}
    names = sorted(target.name for target in targets)
    labels = f"{LABEL_FLEET}={fleet_id}"
    if len(names) <= SELECTOR_NAMES:
        labels += f",{LABEL_WORKSPACE} in ({','.join(names)})"
    with Follower(cluster, labels=labels, namespaces={target.namespace for target in targets}) as follower:
        return Waiter(cluster, follower.sightings).wait(targets, timeout=timeout, on_event=on_event, stop=stop)


class Waiter:
    """Decides from sightings; several threads may wait on the same ones, each for its own workspaces.

    Args:
        cluster: Where events and logs are read, for explanations.
        sightings: What a running `Follower` keeps current.
        clock: Monotonic seconds.
    """

    def __init__(self, cluster: Cluster, sightings: Sightings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._sightings = sightings
        self._clock = clock

    def wait(
        self,
        targets: Sequence[WaitTarget],
        *,
        timeout: float,
        on_event: OnEvent | None = None,
        stop: threading.Event | None = None,
    ) -> dict[str, WaitResult]:
        """Wait as `wait_ready` does."""
        deadline = self._clock() + timeout
        pending = {target.name: _Awaited(target) for target in targets}
        results: dict[str, WaitResult] = {}
        while pending:
            for name, awaited in list(pending.items()):
                result = self._step(awaited, on_event)
                if result is not None:
                    results[name] = result
                    del pending[name]
            if stop is not None and stop.is_set():
                return results | {name: _interrupted(awaited) for name, awaited in pending.items()}
            if self._clock() >= deadline:
                explained = self._cluster.map(lambda awaited: self._timed_out(awaited, timeout), pending.values())
                return results | dict(zip(pending, explained, strict=True))
            if pending:
                self._sleep(pending, deadline)
        return results

    def _step(self, awaited: _Awaited, on_event: OnEvent | None) -> WaitResult | None:
        """Look at one workspace; give its result once there is one."""
        name = awaited.target.name
        if not self._sightings.covers(awaited.target.namespace):
            return None
        version = self._sightings.version(name)
        if version != awaited.seen:
            awaited.seen = version
            deployment, pods = self._sightings.look(name)
            verdict = judge(deployment, pods, generation=awaited.target.generation)
            awaited.countdown.step(verdict, self._clock())
            if verdict != awaited.verdict and on_event is not None:
                on_event(name, verdict)
            awaited.verdict = verdict
        if awaited.verdict.phase in (Phase.READY, Phase.STOPPED):
            stopped = awaited.verdict.phase is Phase.STOPPED
            return WaitResult(ready=not stopped, stopped=stopped, reason=awaited.verdict.reason)
        failure = awaited.countdown.failure(self._clock())
        return None if failure is None else self._explained(awaited.target, failure)

    def _sleep(self, pending: dict[str, _Awaited], deadline: float) -> None:
        """Sleep until something changed, a countdown ends, or it is time to look at `stop` again."""
        moments = [deadline, self._clock() + WAKE_SECONDS]
        moments += [
            awaited.countdown.deadline for awaited in pending.values() if awaited.countdown.deadline is not None
        ]
        with self._sightings.changed:
            if self._sightings.failure is not None:
                raise self._sightings.failure
            if not any(self._is_news(awaited) for awaited in pending.values()):
                self._sightings.changed.wait(max(0.0, min(moments) - self._clock()))

    def _is_news(self, awaited: _Awaited) -> bool:
        name, namespace = awaited.target.name, awaited.target.namespace
        return self._sightings.covers(namespace) and self._sightings.version(name) != awaited.seen

    def _explained(self, target: WaitTarget, verdict: Verdict) -> WaitResult:
        found = explain.explain(self._cluster, target.namespace, target.name, verdict)
        parts = [verdict.message, f"last event: {found.event}" if found.event else ""]
        return WaitResult(
            ready=False,
            reason=verdict.reason,
            message="; ".join(part for part in parts if part),
            pod=verdict.pod,
            container=verdict.container,
            log=found.log,
        )

    def _timed_out(self, awaited: _Awaited, timeout: float) -> WaitResult:
        trouble = self._sightings.trouble
        if trouble:
            message = f"not seen ready within {timeout:g} s; the cluster can't be followed: {trouble}"
            return WaitResult(ready=False, reason=awaited.verdict.reason, message=message, timed_out=True)
        result = self._explained(awaited.target, awaited.verdict)
        message = f"not ready within {timeout:g} s" + (f"; {result.message}" if result.message else "")
        return replace(result, message=message, timed_out=True)


def _interrupted(awaited: _Awaited) -> WaitResult:
    return WaitResult(ready=False, reason="Interrupted", message=str(awaited.verdict))


def waiting_error(name: str, waited: WaitResult) -> KubecoderError:
    """Turn a wait that didn't end well into the error that the user reads."""
    if waited.reason == "Interrupted":
        return InterruptedRunError(f"{name}: applied, not waited for", hint=f"kubecoder status {name}")
    lines = [f"{name}: {waited.reason}: {waited.message}" if waited.reason else f"{name}: {waited.message}"]
    lines += [f"  {line}" for line in waited.log]
    kind = WaitTimeoutError if waited.timed_out else ClusterError
    return kind("\n".join(lines), hint=f"kubecoder status {name}; kubecoder logs {name}")
