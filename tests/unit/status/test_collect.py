"""Reading a fleet's state from a cluster that holds a few objects."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kubecoder.cluster.kinds import DEPLOYMENT, POD
from kubecoder.cluster.pods import NoPodError, Place, StoppedError, find, find_running
from kubecoder.cluster.reach import list_reachable
from kubecoder.errors import ApiError, NotFoundError
from kubecoder.models.manifest import Manifest
from kubecoder.status.collect import collect
from kubecoder.status.detail import detail
from tests.fleets import fleet, user
from tests.objects import deployment, pod, running, waiting
from tests.objects import labels as labels_of
from tests.unit.shelf import holding

TEMPLATE = {"spec": {"containers": [{"name": "ide", "image": "kubecoder/workspace:1"}]}}
JOHN = Place("f1", "john", "coder")


def deployed(workspace: str = "john", **more: Any) -> Manifest:
    return deployment(workspace, template=TEMPLATE, **more)


def certificate(workspace: str) -> Manifest:
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": f"ws-{workspace}-tls", "namespace": "coder", "labels": labels_of(workspace)},
        "status": {"notAfter": "2026-03-01T00:00:00Z", "conditions": [{"type": "Ready", "status": "True"}]},
    }


def claim(workspace: str, namespace: str = "coder") -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": f"ws-{workspace}-home", "namespace": namespace, "labels": labels_of(workspace)},
        "spec": {"resources": {"requests": {"storage": "50Gi"}}},
        "status": {"phase": "Bound", "capacity": {"storage": "50Gi"}},
    }


def test_every_part_of_a_workspace_is_found() -> None:
    shelf = holding(deployed(), pod(running(), ready=True), claim("john"), certificate("john"))
    shelf.served = {"Certificate"}

    [john] = collect(fleet(user("john")), shelf)

    assert (john.status, john.ready, john.version) == ("Running", True, "1")
    assert john.disk is not None
    assert john.certificate is not None
    assert john.certificate.ready


def test_a_home_that_is_left_shows_where_it_is() -> None:
    [gone] = collect(fleet(user("john"), namespace="other"), holding(claim("gone", "elsewhere")), ["gone"])

    assert (gone.name, gone.namespace, gone.status, gone.in_fleet) == ("gone", "elsewhere", "NotDeployed", False)


def test_only_the_named_are_read() -> None:
    shelf = holding(deployed("john"), deployed("jane"))

    assert [status.name for status in collect(fleet(user("john"), user("jane")), shelf, ["jane"])] == ["jane"]
    with pytest.raises(NotFoundError, match="there is no workspace nobody"):
        collect(fleet(user("john")), shelf, ["nobody"])


def test_shared_tls_secrets_are_read_once_each() -> None:
    tls: dict[str, Any] = {"ingress": {"tls": {"secretName": "wildcard"}}}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "wildcard", "namespace": "coder"},
        "data": {"tls.crt": base64.b64encode(b"broken").decode()},
    }
    users = [user("john", **tls), user("jane", **tls)]

    statuses = collect(fleet(*users), holding(secret))

    messages = [status.certificate.message for status in statuses if status.certificate]
    assert messages == ["tls.crt in the Secret isn't a certificate"] * 2


def test_what_may_not_be_read_is_left_out_but_pods_must_be() -> None:
    shelf = holding(deployed(), claim("john"))
    shelf.refused = {("PersistentVolumeClaim", "coder"), ("Secret", "*"), ("Secret", "coder")}

    [john] = collect(fleet(user("john")), shelf)
    assert (john.status, john.disk, john.revision) == ("NoPod", None, None)

    shelf.refused.add(("Pod", "coder"))
    with pytest.raises(ApiError, match="Pod is forbidden"):
        collect(fleet(user("john")), shelf)


def test_namespaces_are_listed_one_by_one_where_all_at_once_is_forbidden() -> None:
    shelf = holding(deployed("john"), deployed("jane", namespace="other"))
    places = ["coder", "other"]
    assert len(list_reachable(shelf, DEPLOYMENT, places, labels="")) == 2
    assert shelf.lists == 1

    shelf.refused = {("Deployment", "*")}
    assert len(list_reachable(shelf, DEPLOYMENT, places, labels="")) == 2
    assert shelf.lists == 3

    shelf.refused = {("Deployment", "*"), ("Deployment", "other")}
    with pytest.raises(ApiError):
        list_reachable(shelf, DEPLOYMENT, places, labels="")


def test_one_workspace_in_detail() -> None:
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "coder", "creationTimestamp": "2026-01-01T10:00:00Z"},
        "involvedObject": {"kind": "Pod", "name": "ws-john-1"},
        "reason": "BackOff",
    }
    shelf = holding(deployed(), pod(running()), event)
    [john] = collect(fleet(user("john")), shelf)

    found = detail(shelf, john, user("john"))
    assert [container.name for container in found.containers] == ["ide"]
    assert [entry.type for entry in found.conditions] == ["Ready"]
    assert [entry.reason for entry in found.events] == ["BackOff"]

    shelf.refused = {("Event", "coder")}
    assert detail(shelf, john, None).events == ()
    assert detail(shelf, john, None).urls == {}


def test_the_pod_of_a_workspace_or_the_next_step() -> None:
    with pytest.raises(NotFoundError, match="john isn't deployed"):
        find(holding(), JOHN)
    with pytest.raises(StoppedError, match="john is stopped"):
        find(holding(deployed(replicas=0)), JOHN)
    with pytest.raises(NoPodError, match="john has no pod yet"):
        find(holding(deployed(), pod(phase="Failed")), JOHN)
    assert find(holding(pod(running())), JOHN)["kind"] == POD.name


def test_a_container_that_runs_or_the_reason_why_it_does_not() -> None:
    live = pod(running("ide"), waiting("CrashLoopBackOff", name="dind"))

    assert find_running(holding(live), JOHN)[1] == "ide"
    assert find_running(holding(pod(running("other"))), JOHN)[1] == "other"
    with pytest.raises(NoPodError, match="container dind isn't running: CrashLoopBackOff"):
        find_running(holding(live), JOHN, "dind")
    with pytest.raises(NotFoundError, match="has no container nope"):
        find_running(holding(live), JOHN, "nope")
    with pytest.raises(NoPodError, match="its pod is ending"):
        find_running(holding(pod(running(), deleted=True)), JOHN)
