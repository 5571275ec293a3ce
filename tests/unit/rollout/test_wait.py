"""Deciding from sightings, on the test's own clock; the watches themselves are tested on a real API server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from kubecoder.cluster.kinds import DEPLOYMENT, POD
from kubecoder.errors import ApiError, UnreachableError
from kubecoder.models.manifest import Manifest
from kubecoder.rollout import explain
from kubecoder.rollout.explain import Explanation
from kubecoder.rollout.following import Follower, Sightings
from kubecoder.rollout.readiness import Phase, Verdict
from kubecoder.rollout.wait import Waiter, WaitResult, WaitTarget, wait_ready
from tests.objects import deployment, pod, ready_deployment, running, unschedulable, waiting

JOHN = WaitTarget("john", "coder")
UPDATED = {"replicas": 1, "updatedReplicas": 1}


class Clock:
    """Moves on only when somebody sleeps, and lets something happen then."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.script: list[Callable[[], None]] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float | None = None) -> None:
        assert seconds is not None
        self.now += max(seconds, 0.001)
        if self.script:
            self.script.pop(0)()


class Threads:
    """What waiting itself needs of a cluster."""

    def map(self, function: Callable[[Any], Any], items: Any) -> list[Any]:
        return [function(item) for item in items]


def sighted(manifest: Manifest) -> Manifest:
    manifest["metadata"].setdefault("uid", manifest["metadata"]["name"])
    return manifest


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sightings(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Sightings:
    found = Sightings()
    found.replace(DEPLOYMENT, None, [])
    found.replace(POD, None, [])
    monkeypatch.setattr(found.changed, "wait", clock.sleep)
    return found


@pytest.fixture
def waiter(sightings: Sightings, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Waiter:
    found = Explanation("Failed: no such image", ("last line",))
    monkeypatch.setattr(explain, "explain", lambda *_: found)
    return Waiter(Threads(), sightings, clock=clock)  # type: ignore[arg-type]


def see(sightings: Sightings, *manifests: Manifest) -> None:
    for manifest in manifests:
        sightings.put(DEPLOYMENT if manifest["kind"] == "Deployment" else POD, sighted(manifest))


def test_nothing_is_said_before_everything_was_listed(clock: Clock) -> None:
    sightings = Sightings()
    sightings.put(DEPLOYMENT, sighted(ready_deployment()))

    result = Waiter(None, sightings, clock=clock).wait([], timeout=1.0)  # type: ignore[arg-type]

    assert result == {}
    assert not sightings.covers("coder")
    sightings.replace(DEPLOYMENT, "coder", [])
    sightings.replace(POD, None, [])
    assert sightings.covers("coder")
    assert not sightings.covers("other")


def test_ready_and_stopped_are_both_fine(waiter: Waiter, sightings: Sightings) -> None:
    see(sightings, ready_deployment("john"), deployment("jane", replicas=0))

    results = waiter.wait([JOHN, WaitTarget("jane", "coder")], timeout=10.0)

    assert results == {
        "john": WaitResult(ready=True, reason="Ready"),
        "jane": WaitResult(ready=False, stopped=True, reason="Stopped"),
    }
    assert all(result.ok for result in results.values())


def test_a_failure_is_explained_once_its_patience_is_over(waiter: Waiter, sightings: Sightings, clock: Clock) -> None:
    see(sightings, deployment(status=UPDATED), pod(waiting("ErrImagePull", "x: not found")))
    started = clock.now

    result = waiter.wait([JOHN], timeout=100.0)["john"]

    assert 2.0 <= clock.now - started < 3.0
    assert result == WaitResult(
        ready=False,
        reason="ErrImagePull",
        message="x: not found; last event: Failed: no such image",
        pod="ws-john-1",
        container="ide",
        log=("last line",),
    )


class Reader:
    """A cluster with these events."""

    def __init__(self, *events: Manifest) -> None:
        self.events = events

    def list(self, kind: Any, *, namespace: str, fields: str) -> list[Manifest]:
        return [entry for entry in self.events if fields == f"involvedObject.name={entry['involvedObject']['name']}"]


def event(name: str, reason: str, message: str) -> Manifest:
    return {
        "metadata": {"creationTimestamp": "2026-01-01T10:00:00Z"},
        "involvedObject": {"name": name},
        "type": "Warning",
        "reason": reason,
        "message": message,
    }


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        (Verdict(Phase.FAILING, "ErrImagePull", "x: not found", pod="p", container="ide"), "Failed: no such image"),
        (Verdict(Phase.FAILING, "ErrImagePull", "no such image", pod="p", container="ide"), ""),
        (Verdict(Phase.FAILING, "Unschedulable", "no volume", pod="q"), "ProvisioningFailed: no class"),
        (Verdict(Phase.FAILING, "QuotaExceeded", "exceeded quota"), "Scaled: to 1"),
        (Verdict(Phase.WAITING, "ContainerCreating", pod="none"), ""),
    ],
)
def test_the_event_that_explains(verdict: Verdict, told: str) -> None:
    reader = Reader(
        event("p", "Failed", "no such\nimage"),
        event("ws-john-home", "ProvisioningFailed", "no class"),
        event("ws-john", "Scaled", "to 1"),
    )

    found = explain.explain(reader, "coder", "john", verdict)  # type: ignore[arg-type]

    assert found == Explanation(told)


def test_a_failure_that_passes_is_forgotten(waiter: Waiter, sightings: Sightings, clock: Clock) -> None:
    see(sightings, deployment(status=UPDATED), unschedulable())
    clock.script = [lambda: None] * 20
    clock.script.append(lambda: see(sightings, ready_deployment(), pod(running(), ready=True)))

    assert waiter.wait([JOHN], timeout=100.0)["john"].ready


def test_a_time_out_names_the_last_status(waiter: Waiter, sightings: Sightings, clock: Clock) -> None:
    see(sightings, deployment(status=UPDATED), pod(running(ready=False)))

    result = waiter.wait([JOHN], timeout=5.0)["john"]

    assert clock.now == pytest.approx(1005.0)
    assert (result.timed_out, result.reason, result.log) == (True, "NotReady", ("last line",))
    assert result.message == (
        "not ready within 5 s; it runs, its readiness probe hasn't passed yet; last event: Failed: no such image"
    )


def test_a_time_out_while_the_cluster_is_out_of_reach_says_so(waiter: Waiter, sightings: Sightings) -> None:
    see(sightings, deployment())
    sightings.trouble = "no route to host"

    result = waiter.wait([JOHN], timeout=5.0)["john"]

    assert result.message == "not seen ready within 5 s; the cluster can't be followed: no route to host"


def test_a_failure_to_follow_is_raised(waiter: Waiter, sightings: Sightings) -> None:
    see(sightings, deployment())
    sightings.fail(ApiError("forbidden", status=403))

    with pytest.raises(ApiError, match="forbidden"):
        waiter.wait([JOHN], timeout=5.0)


def test_changes_are_told_as_they_are_seen(waiter: Waiter, sightings: Sightings, clock: Clock) -> None:
    heard: list[tuple[str, str]] = []
    see(sightings, deployment(observed=1))
    clock.script = [
        lambda: see(sightings, deployment(observed=1)),
        lambda: see(sightings, deployment(status=UPDATED), pod(running(ready=False))),
        lambda: see(sightings, ready_deployment()),
    ]

    waiter.wait([JOHN], timeout=100.0, on_event=lambda name, verdict: heard.append((name, verdict.reason)))

    assert heard == [("john", "Observing"), ("john", "NotReady"), ("john", "Ready")]


def test_stop_ends_the_wait_for_what_is_not_decided(waiter: Waiter, sightings: Sightings) -> None:
    see(sightings, ready_deployment("jane"), deployment("john", status=UPDATED))
    stop = threading.Event()
    stop.set()

    results = waiter.wait([JOHN, WaitTarget("jane", "coder")], timeout=10.0, stop=stop)

    assert results["jane"].ready
    assert (results["john"].reason, results["john"].message) == ("Interrupted", "Creating: the pod is being created")


def test_a_new_list_forgets_what_has_gone_only_where_it_looked(sightings: Sightings) -> None:
    see(sightings, ready_deployment("john"), pod(running()))
    elsewhere = sighted(pod(running(), workspace="jane", namespace="other"))
    sightings.put(POD, elsewhere)

    sightings.replace(POD, "coder", [])

    assert sightings.look("john")[1] == []
    assert len(sightings.look("jane")[1]) == 1
    sightings.remove(POD, elsewhere)
    assert sightings.look("jane") == (None, [])


def test_only_what_is_judged_is_kept(sightings: Sightings) -> None:
    full = sighted(deployment(template={"spec": {"containers": []}}, paused=True))
    full["metadata"]["managedFields"] = [{"manager": "x"}]
    see(sightings, full)

    kept = sightings.look("john")[0]

    assert kept is not None
    assert kept["spec"] == {"replicas": 1, "paused": True}
    assert "managedFields" not in kept["metadata"]


class Script:
    """A cluster whose lists and watches do what the test says, in order; at the end it says that nobody may look."""

    def __init__(self, *answers: Any) -> None:
        self.answers = {DEPLOYMENT: list(answers), POD: []}
        self.listed = 0

    def list(self, kind: Any, **_: Any) -> Any:
        if kind is POD:
            return Listing([])
        self.listed += 1
        return Listing(self._next(kind))

    def watch(self, kind: Any, **_: Any) -> Any:
        if kind is POD:
            raise ApiError("no watch", status=403)
        return Watched(self._next(kind))

    def _next(self, kind: Any) -> Any:
        answer = self.answers[kind].pop(0) if self.answers[kind] else ApiError("that was all", status=401)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Listing(list[Manifest]):
    resource_version = "7"


class Watched:
    resource_version = "8"

    def __init__(self, events: list[tuple[str, Manifest]]) -> None:
        self._events = events

    def __iter__(self) -> Any:
        for kind, manifest in self._events:
            yield type("Event", (), {"type": kind, "object": manifest})

    def close(self) -> None:
        """Nothing is open."""


def test_following_goes_on_after_breaks_and_lists_again_after_410(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubecoder.rollout.following.RETRY_SECONDS", 0.01)
    monkeypatch.setattr("kubecoder.rollout.following.PAUSE_SECONDS", 0.0)
    john, jane = sighted(ready_deployment("john")), sighted(ready_deployment("jane"))
    script = Script(
        UnreachableError("no route"),
        [john],
        [("ADDED", jane)],
        [("DELETED", john)],
        ApiError("too old", status=410, reason="Expired"),
        [john],
        ApiError("busy", status=503),
        [("MODIFIED", john)],
    )
    with Follower(script, labels="", namespaces=["coder"]) as follower:  # type: ignore[arg-type]
        sightings = follower.sightings
        with sightings.changed:
            assert sightings.changed.wait_for(lambda: sightings.failure is not None, timeout=10)

    assert script.listed == 3
    assert sightings.look("john")[0] is not None
    assert sightings.look("jane") == (None, [])


def test_verdicts_read_as_reason_and_message() -> None:
    assert str(Verdict(Phase.WAITING, "Creating")) == "Creating"
    assert str(Verdict(Phase.WAITING, "Creating", "soon")) == "Creating: soon"


def test_waiting_for_nothing_asks_nothing() -> None:
    script = Script()

    assert wait_ready(script, [], fleet_id="f1", timeout=1.0) == {}  # type: ignore[arg-type]
    assert script.listed == 0


def test_where_nothing_may_be_watched_the_fleet_is_polled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubecoder.rollout.following.POLL_SECONDS", 0.01)
    forbidden = ApiError("no watch", status=403)
    script = Script([sighted(deployment())], forbidden, [sighted(deployment())], [sighted(ready_deployment())])

    result = wait_ready(script, [JOHN], fleet_id="f1", timeout=30.0)["john"]  # type: ignore[arg-type]

    assert result.ready
    assert script.listed >= 3


def test_the_last_lines_of_a_container_that_ran_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubecoder.cluster.logs.tail", lambda *_, **__: ["one", "two"])
    crashed = Verdict(Phase.FAILING, "CrashLoopBackOff", "exited", pod="p", container="ide")
    never_ran = Verdict(Phase.FAILING, "ErrImagePull", "not found", pod="p", container="ide")

    assert explain.explain(Reader(), "coder", "john", crashed).log == ("one", "two")  # type: ignore[arg-type]
    assert explain.explain(Reader(), "coder", "john", never_ran).log == ()  # type: ignore[arg-type]


def test_an_explanation_that_may_not_be_read_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ApiError("forbidden", status=403)

    reader = Reader()
    monkeypatch.setattr(reader, "list", refuse)
    monkeypatch.setattr("kubecoder.cluster.logs.tail", refuse)
    crashed = Verdict(Phase.FAILING, "CrashLoopBackOff", "exited", pod="p", container="ide")

    assert explain.explain(reader, "coder", "john", crashed) == Explanation()  # type: ignore[arg-type]
