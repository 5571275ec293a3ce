from datetime import UTC, datetime
from typing import Any

import pytest

from kubecoder.models.manifest import Manifest
from kubecoder.releases.record import Release, Revision, RevisionOutcome
from kubecoder.status.workspace import Disk, Objects, describe, image_version, moment
from tests import objects
from tests.fleets import user
from tests.objects import READY_STATUS, pod, running, unschedulable, waiting

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def deployment(**more: Any) -> Manifest:
    template = {"spec": {"containers": [{"name": "ide", "image": "kubecoder/workspace:1"}]}}
    return objects.deployment(template=template, **more)


def claim(**status: Any) -> Manifest:
    return {
        "metadata": {"name": "ws-john-home"},
        "spec": {"resources": {"requests": {"storage": "50Gi"}}},
        "status": {"phase": "Bound", "capacity": {"storage": "50Gi"}, **status},
    }


def release(outcome: RevisionOutcome = RevisionOutcome.READY) -> Release:
    revision = Revision(3, outcome, "ann@laptop", NOW, "0.1.0", "digest", "deploy", "content")
    return Release("f1", "john", "coder", "ws-john-release", revisions=(revision,))


def test_a_running_workspace() -> None:
    live = pod(running("ide", restarts=2), running("oauth2-proxy"), ready=True)
    live["spec"]["nodeName"] = "node-1"

    status = describe(
        "john", "coder", Objects(deployment(status=READY_STATUS), [live], claim()), user=user("john"), release=release()
    )

    assert (status.status, status.ready, status.restarts) == ("Running", True, 2)
    assert (status.ready_containers, status.containers) == (2, 2)
    assert (status.pod, status.node) == ("ws-john-1", "node-1")
    assert (status.revision, status.revision_outcome, status.deployed_at) == (3, "ready", NOW)
    assert (status.version, status.has_image_drift) == ("1", False)
    assert status.since == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert status.disk == Disk("50Gi", "50Gi", "Bound")


def test_a_workspace_that_was_never_deployed() -> None:
    status = describe("john", "coder", Objects(), user=user("john"))

    assert (status.status, status.is_deployed, status.revision, status.disk) == ("NotDeployed", False, None, None)
    assert not status.has_image_drift


def test_a_stopped_workspace_shows_the_version_that_would_run() -> None:
    status = describe("john", "coder", Objects(deployment(replicas=0), [], claim()), user=user("john"))

    assert (status.status, status.stopped, status.version, status.since) == ("Stopped", True, "1", None)


def test_a_deployment_whose_pod_is_refused_says_why() -> None:
    refused = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": "exceeded quota: ws-john",
    }

    status = describe("john", "coder", Objects(deployment(conditions=[refused])), user=user("john"))

    assert (status.status, status.message) == ("NoPod", "exceeded quota: ws-john")


@pytest.mark.parametrize(
    ("live", "status", "message"),
    [
        (pod(waiting("ImagePullBackOff", "no such tag")), "ImagePullBackOff", "ide: no such tag"),
        (unschedulable("0/3 nodes"), "Unschedulable", "0/3 nodes"),
        (pod(running(), deleted=True), "Terminating", ""),
        (pod(phase="Failed", reason="Evicted"), "Evicted", ""),
    ],
)
def test_a_pod_that_is_not_up_says_why(live: Manifest, status: str, message: str) -> None:
    found = describe("john", "coder", Objects(deployment(), [live]), user=user("john"))

    assert (found.status, found.message, found.ready) == (status, message, False)


def test_a_finished_pod_is_shown_only_when_there_is_no_other() -> None:
    evicted = pod(name="evicted", phase="Failed", reason="Evicted", created="2026-01-01T11:00:00Z")

    assert describe("john", "coder", Objects(deployment(), [evicted, pod(running(), name="new")])).pod == "new"


def test_image_drift_is_what_runs_against_what_the_file_says() -> None:
    found = describe(
        "john",
        "coder",
        Objects(deployment(), [pod(running())]),
        user=user("john"),
        wanted_image="kubecoder/workspace:2",
    )

    assert (found.has_image_drift, found.image, found.wanted_image) == (
        True,
        "kubecoder/workspace:1",
        "kubecoder/workspace:2",
    )


def test_a_workspace_without_a_user_file_has_no_drift() -> None:
    found = describe("john", "coder", Objects(deployment(), [pod(running())]), release=release())

    assert (found.in_fleet, found.has_image_drift, found.host) == (False, False, "")


@pytest.mark.parametrize(
    ("status", "disk"),
    [
        ({"phase": "Pending", "capacity": None}, Disk("50Gi", "", "Pending")),
        (
            {"conditions": [{"type": "FileSystemResizePending", "status": "True"}]},
            Disk("50Gi", "50Gi", "Bound", "FileSystemResizePending"),
        ),
        ({"conditions": [{"type": "Resizing", "status": "False"}]}, Disk("50Gi", "50Gi", "Bound")),
    ],
)
def test_the_disk_says_what_is_unusual(status: dict[str, Any], disk: Disk) -> None:
    assert describe("john", "coder", Objects(claim=claim(**status))).disk == disk


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("kubecoder/workspace:0.1.0", "0.1.0"),
        ("registry.example.com:5000/team/workspace:2026-01", "2026-01"),
        ("registry.example.com:5000/team/workspace", "latest"),
        ("kubecoder/workspace@sha256:0123456789abcdef0123", "sha256:0123456789ab"),
        ("kubecoder/workspace:1@sha256:0123456789abcdef0123", "sha256:0123456789ab"),
        ("", ""),
    ],
)
def test_the_version_is_the_tag_or_the_beginning_of_the_digest(image: str, version: str) -> None:
    assert image_version(image) == version


def test_times_are_read_with_and_without_fractions() -> None:
    assert moment("2026-01-01T12:00:00Z") == NOW
    assert moment("2026-01-01T13:00:00.000000+01:00") == NOW
    assert moment("") is None
