"""The rig itself: what the other tests in this folder take for granted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.rigs import StartError
from tests.rigs.control_plane import PLAIN, ControlPlane, Options, RefusedError
from tests.rigs.processes import start_time
from tests.rigs.waiting import wait_until


def test_the_api_server_is_the_kubernetes_that_the_module_names(control_plane: ControlPlane) -> None:
    assert json.loads(control_plane.get("/version"))["gitVersion"].startswith("v1.37.")


def test_the_plain_user_may_do_nothing(control_plane: ControlPlane) -> None:
    rejected = ControlPlane(control_plane.directory, control_plane.options)
    rejected.port = control_plane.port
    rejected.tokens = {**control_plane.tokens, "admin": control_plane.tokens[PLAIN]}

    with pytest.raises(RefusedError) as error:
        rejected.get("/api/v1/namespaces")

    assert error.value.status == 403


def test_two_control_planes_run_side_by_side_and_leave_nothing(control_plane: ControlPlane) -> None:
    with ControlPlane() as other:
        assert other.url != control_plane.url
        assert other.is_ready()
        assert control_plane.is_ready()
        pids = [process.pid for process in other.processes.running]

    assert len(pids) == 2
    assert not any(start_time(pid) for pid in pids)
    assert not other.directory.exists()


def test_a_failed_start_shows_the_log_and_leaves_nothing(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path / "plane", Options(api_server=("--no-such-flag",)))

    with pytest.raises(StartError, match="unknown flag: --no-such-flag"):
        plane.start()

    assert plane.processes.running == []


def test_controllers_move_objects_where_a_test_asks_for_them(
    managed_control_plane: ControlPlane, managed_namespace: str
) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few"},
        "spec": {"hard": {"configmaps": "5"}},
    }
    path = f"/api/v1/namespaces/{managed_namespace}/resourcequotas"
    managed_control_plane.post(path, quota)

    def is_counted() -> bool:
        return "used" in json.loads(managed_control_plane.get(f"{path}/few"))["status"]

    wait_until(is_counted, what="the quota's status", seconds=30)
