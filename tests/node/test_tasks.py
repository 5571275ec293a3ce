"""Claude tasks in workspaces that really run: reached through the cluster, joined, and respected by what ends a pod."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from agent.demo.messages import digest
from kubecoder.cluster import Cluster
from kubecoder.models.manifest import Manifest, ObjectRef
from tests.node.model import ENVIRONMENT, MODEL_LOG, script, start_model
from tests.node.pods import wait_for as wait_until_pod
from tests.node.test_workspaces import edit_user, in_shell, status
from tests.rigs.cli import Cli
from tests.rigs.node import Node
from tests.rigs.terminal import Terminal
from tests.rigs.waiting import wait_until


@pytest.fixture(scope="module")
def fleet(new_fleet: Callable[..., Cli]) -> Cli:
    """john's workspace, whose Claude talks to the scripted model beside it."""
    cli = new_fleet(["john"], user={"env": ENVIRONMENT})
    cli.run("deploy", "--all", "--timeout", "180", seconds=240).expect()
    start_model(cli, "john")
    return cli


def task(cli: Cli, identity: str) -> dict[str, Any]:
    found: dict[str, Any] = cli("task", "status", identity, "-o", "json").expect().json()
    return found


def wait_for(cli: Cli, identity: str, *words: str) -> dict[str, Any]:
    def seen() -> dict[str, Any]:
        found = task(cli, identity)
        return found if {found["status"], found.get("activity")} & {*words} else {}

    return wait_until(seen, what=f"{identity} is {' or '.join(words)}", seconds=90, every=0.5)


def asking(cli: Cli, name: str) -> str:
    """Launch a task that asks for permission, and return its id."""
    identity = cli("task", "run", script({"bash": f"touch {name}"}, "Done."), "--name", name).expect().stdout.strip()
    wait_until(lambda: task(cli, identity).get("pending_permission"), what="the request", seconds=90, every=0.5)
    return identity


def test_a_task_is_run_approved_and_read_through_the_cluster(fleet: Cli) -> None:
    identity = asking(fleet, "approved")
    fleet("task", "approve", "approved", "--yes").expect()
    fleet("task", "wait", identity, "--timeout", "60s").expect()
    assert in_shell(fleet, "john", "ls /home/dev/approved") == "/home/dev/approved"
    assert "Done." in fleet("task", "transcript", identity).expect().stdout
    everywhere = fleet("task", "run", "--all", script("Everywhere."), "--wait", "-o", "json").expect().json()
    assert [item["result"] for item in everywhere["workspaces"]] == ["launched"]


def test_the_session_is_joined_on_a_terminal_through_the_cluster(fleet: Cli) -> None:
    identity = asking(fleet, "joined")
    terminal = Terminal(fleet, "task", "attach", identity)
    try:
        terminal.wait_for("joined")  # tmux may draw a space as a step
        terminal.type("\x02d")
        terminal.wait_for("[detached")
        assert terminal.close() == 0
    finally:
        terminal.kill()
    assert task(fleet, identity)["activity"] == "waiting_permission"
    fleet("task", "kill", identity).expect()


def test_what_ends_a_pod_leaves_working_tasks_alone_unless_told_otherwise(fleet: Cli) -> None:
    identity = asking(fleet, "respected")
    pod = status(fleet, "john")["pod"]
    edit_user(fleet, "john", resources={"limits": {"memory": "1200Mi"}})

    blocked = fleet("deploy", "john").expect(5)
    assert "1 task is at work: respected (waiting_permission)" in blocked.stderr
    assert "--interrupt-tasks" in blocked.stderr
    for command in (("restart", "john"), ("stop", "john"), ("delete", "john", "--yes")):
        assert "respected (waiting_permission)" in fleet(*command).expect(5).stderr
    assert "its pod would be replaced" in fleet("deploy", "john", "--dry-run").expect().stderr
    assert status(fleet, "john")["pod"] == pod
    assert task(fleet, identity)["activity"] == "waiting_permission"

    fleet.run("deploy", "john", "--interrupt-tasks", "--timeout", "180", seconds=240).expect()

    assert status(fleet, "john")["pod"] != pod
    assert wait_for(fleet, identity, "interrupted")["status"] == "interrupted"
    start_model(fleet, "john")
    fleet("task", "resume", identity, script("Here again.")).expect()
    fleet("task", "wait", identity, "--timeout", "60s").expect()
    assert "Here again." in fleet("task", "transcript", identity).expect().stdout

    asking(fleet, "again")
    refused = fleet("rollback", "john").expect(5).stderr
    assert "again (" in refused, refused
    fleet("task", "kill", "again").expect()


def test_an_idle_session_keeps_nobody_from_restarting(fleet: Cli) -> None:
    fleet("task", "run", script("Hello."), "--wait").expect()
    fleet.run("restart", "john", seconds=240).expect()
    start_model(fleet, "john")


def test_a_killed_container_loses_no_task_and_its_conversation_goes_on(
    fleet: Cli, node: Node, cluster: Cluster
) -> None:
    identity = asking(fleet, "survivor")
    john = status(fleet, "john")
    ref = ObjectRef("v1", "Pod", john["namespace"], john["pod"])
    before = container(cluster.get(ref))

    node.containerd.ctr("tasks", "kill", "--signal", "SIGKILL", before["containerID"].removeprefix("containerd://"))

    def is_back(pod: Manifest) -> bool:
        now = container(pod)
        return bool(now["restartCount"] == before["restartCount"] + 1 and now["ready"])

    wait_until_pod(cluster, ref, is_back)
    assert wait_for(fleet, identity, "interrupted")["status"] == "interrupted"
    start_model(fleet, "john")
    fleet("task", "resume", identity, script("Still here.")).expect()
    fleet("task", "wait", identity, "--timeout", "60s").expect()
    assert "Still here." in fleet("task", "transcript", identity).expect().stdout
    seen = [json.loads(line) for line in in_shell(fleet, "john", f"cat {MODEL_LOG}").splitlines()]
    turns = [entry for entry in seen if entry["event"] == "request" and entry["kind"] == "turn"]
    assert turns[-1]["history"] == [digest(task(fleet, identity)["prompt"]), digest(script("Still here."))]


def container(pod: Manifest) -> dict[str, Any]:
    statuses: list[dict[str, Any]] = pod["status"]["containerStatuses"]
    return next(entry for entry in statuses if entry["name"] == "ide")
