from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kubecoder.cli import status as cli_status
from kubecoder.cli.ages import age, span
from kubecoder.cli.statusdetail import show
from kubecoder.models.pod import ContainerStatus
from kubecoder.output import Format, Printer
from kubecoder.status.certificate import Certificate
from kubecoder.status.detail import Condition, Detail, Event
from kubecoder.status.workspace import Disk, WorkspaceStatus

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def status(**more: Any) -> WorkspaceStatus:
    facts: dict[str, Any] = {
        "name": "john",
        "namespace": "coder",
        "in_fleet": True,
        "host": "john.dev.example.com",
        "status": "Running",
        "ready": True,
        "ready_containers": 2,
        "containers": 2,
        "restarts": 1,
        "pod": "ws-john-1",
        "node": "node-1",
        "image": "kubecoder/workspace:1",
        "wanted_image": "kubecoder/workspace:1",
        "revision": 3,
        "revision_outcome": "ready",
        "deployed_at": NOW - timedelta(days=2),
        "since": NOW - timedelta(hours=3),
        "certificate": Certificate(NOW + timedelta(days=60), ready=True),
        "disk": Disk("50Gi", "50Gi", "Bound"),
    }
    return WorkspaceStatus(**(facts | more))


def row(found: WorkspaceStatus) -> dict[str, str]:
    return {column.title: column.value(found) for column in cli_status.columns(NOW)}


def test_a_row_of_a_workspace_that_is_up() -> None:
    assert row(status()) == {
        "NAME": "john",
        "NAMESPACE": "coder",
        "VERSION": "1",
        "REVISION": "3",
        "STATUS": "Running",
        "READY": "2/2",
        "RESTARTS": "1",
        "DRIFT": "",
        "CERTIFICATE": "60d",
        "DISK": "50Gi",
        "AGE": "3h",
        "HOST": "john.dev.example.com",
        "POD": "ws-john-1",
        "NODE": "node-1",
        "IMAGE": "kubecoder/workspace:1",
    }


@pytest.mark.parametrize(
    ("more", "title", "cell"),
    [
        ({"pod": ""}, "READY", ""),
        ({"pod": ""}, "RESTARTS", ""),
        ({"revision": None}, "REVISION", ""),
        ({"revision_outcome": "failed"}, "REVISION", "3 (failed)"),
        ({"revision_outcome": "applied"}, "REVISION", "3"),
        ({"wanted_image": "kubecoder/workspace:2"}, "DRIFT", "wants 2"),
        ({"wanted_image": "other/workspace:1"}, "DRIFT", "wants other/workspace:1"),
        ({"in_fleet": False, "wanted_image": ""}, "DRIFT", "no user file"),
        ({"certificate": None}, "CERTIFICATE", ""),
        ({"certificate": Certificate(None, ready=False)}, "CERTIFICATE", "not issued"),
        ({"certificate": Certificate(NOW - timedelta(days=1), ready=False)}, "CERTIFICATE", "expired"),
        ({"disk": None}, "DISK", ""),
        ({"disk": Disk("60Gi", "50Gi", "Bound", "Resizing")}, "DISK", "50Gi (Resizing)"),
        ({"disk": Disk("60Gi", "", "Pending")}, "DISK", "60Gi (Pending)"),
        ({"since": None}, "AGE", ""),
    ],
)
def test_a_cell_says_what_is_unusual(more: dict[str, Any], title: str, cell: str) -> None:
    assert row(status(**more))[title] == cell


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (150, "2m30s"),
        (600, "10m"),
        (7199, "119m"),
        (7200, "2h"),
        (11400, "3h10m"),
        (8 * 3600 + 600, "8h"),
        (2 * 86400, "2d"),
        (2 * 86400 + 7200, "2d2h"),
        (200 * 86400 + 7200, "200d"),
    ],
)
def test_spans_are_written_as_kubectl_does(seconds: float, text: str) -> None:
    assert span(seconds) == text
    assert age(NOW - timedelta(seconds=seconds), NOW) == text


def test_the_age_of_nothing_is_empty() -> None:
    assert age(None, NOW) == ""


DETAIL = Detail(
    containers=(
        ContainerStatus("ide", "kubecoder/workspace:1", True, 1, "running", "", "", 137, "OOMKilled", ""),
        ContainerStatus("oauth2-proxy", "proxy:1", False, 0, "waiting", "CrashLoopBackOff", "back-off", None, "", ""),
    ),
    conditions=(Condition("Ready", "False", "ContainersNotReady", "containers with unready status"),),
    events=(Event("Warning", "BackOff", "Back-off restarting", "Pod/ws-john-1", 4, NOW),),
    urls={"dashboard": "https://john.dev.example.com/oauth/"},
)


def test_one_workspace_in_detail(capsys: pytest.CaptureFixture[str]) -> None:
    found = status(message="oauth2-proxy: back-off", wanted_image="kubecoder/workspace:2")

    show(Printer(), found, DETAIL)

    text = capsys.readouterr().out
    assert "Status:      Running: oauth2-proxy: back-off\n" in text
    assert "Image:       kubecoder/workspace:1 (the user file says kubecoder/workspace:2)\n" in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "ide running true 1 137 OOMKilled kubecoder/workspace:1" in lines
    assert "oauth2-proxy CrashLoopBackOff false 0 <none> proxy:1" in lines
    assert "dashboard https://john.dev.example.com/oauth/" in lines


def test_the_detail_of_a_workspace_that_is_not_deployed(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = WorkspaceStatus("john", "coder", in_fleet=True, host="h", status="NotDeployed")

    show(Printer(), nothing, Detail((), (), (), {}))

    assert "Status:      NotDeployed\nRevision:    <none>\n" in capsys.readouterr().out


def test_the_details_document_extends_the_row(capsys: pytest.CaptureFixture[str]) -> None:
    show(Printer(Format.yaml), status(), DETAIL)

    text = capsys.readouterr().out
    assert text.startswith("workspaces:\n- name: john\n")
    assert "\n  container_statuses:\n" in text
    assert "reason: BackOff" in text
