"""Workspaces on a real node, by the commands that an admin types."""

from __future__ import annotations

import json
import subprocess
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rigs.cli import Cli
from tests.rigs.definitions import kubectl_program
from tests.rigs.images import WORKSPACE_TAG
from tests.rigs.waiting import wait_until

NewFleet = Callable[..., Cli]
# The wait itself gives up after 300 s: a failure must be told as one, not as a time that is over.
SECONDS_UNTIL_TOLD = 30


@pytest.fixture(scope="module")
def running(new_fleet: NewFleet) -> Cli:
    """Two workspaces that are up; tests that use it leave them so."""
    cli = new_fleet(["john", "jane"])
    cli.run("deploy", "--all", "--timeout", "120").expect()
    return cli


def status(cli: Cli, name: str) -> dict[str, Any]:
    workspaces: list[dict[str, Any]] = cli("status", "-o", "json").expect().json()["workspaces"]
    return next(item for item in workspaces if item["name"] == name)


def edit_user(cli: Cli, name: str, **sections: dict[str, Any]) -> None:
    file = Path(cli.environment["KUBECODER_FLEET"]) / "users" / f"{name}.yaml"
    document = yaml.safe_load(file.read_text())
    for key, values in sections.items():
        document[key] = {**document.get(key, {}), **values}
    file.write_text(yaml.safe_dump(document, sort_keys=False))


def in_shell(cli: Cli, name: str, script: str) -> str:
    return cli.run("shell", name, "--", "sh", "-c", script).expect().stdout.strip()


def test_a_new_fleet_is_up_after_one_deploy(running: Cli) -> None:
    for name in ("john", "jane"):
        found = status(running, name)
        assert (found["ready"], found["restarts"], found["revision_outcome"]) == (True, 0, "ready")


def test_a_second_deploy_changes_nothing(running: Cli) -> None:
    result = running("deploy", "--all", "-o", "json").expect().json()

    assert {item["result"] for item in result["workspaces"]} == {"unchanged"}


def test_status_shows_each_workspace_with_its_version_and_its_disk(running: Cli) -> None:
    table = running("status").expect().stdout

    titles, *rows = (line.split() for line in table.splitlines())
    columns = [dict(zip(titles, row, strict=True)) for row in rows]
    assert [(row["NAME"], row["VERSION"], row["STATUS"], row["DISK"]) for row in columns] == [
        ("jane", WORKSPACE_TAG, "Running", "50Gi"),
        ("john", WORKSPACE_TAG, "Running", "50Gi"),
    ]


def test_logs_follow_what_a_workspace_prints(running: Cli) -> None:
    with running.running("logs", "john", "--follow") as process:
        assert process.stdout
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
        reader.start()
        # What was there before comes first; with it the stream is open, and whatever comes now is followed.
        wait_until(lambda: lines, what="the lines so far", seconds=20)
        in_shell(running, "john", "echo seen-in-the-log > /proc/1/fd/1")

        wait_until(lambda: any("seen-in-the-log" in line for line in lines), what="the followed line", seconds=20)
        process.kill()
        reader.join(10)


def test_a_shell_passes_the_exit_code_on(running: Cli) -> None:
    result = running.run("shell", "john", "--", "sh", "-c", "exit 7")

    assert (result.exit_code, result.stdout, result.stderr) == (7, "", "")


def test_a_shell_keeps_stdin_stdout_and_stderr_apart(running: Cli) -> None:
    result = running.run("shell", "john", "--", "sh", "-c", "cat; echo wrong >&2", stdin="right\n")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "right\n", "wrong\n")


def test_a_port_of_a_workspace_comes_to_this_machine(running: Cli) -> None:
    with running.running("forward", "john", "0:6090") as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{url}/health", timeout=10) as answer:
            assert answer.status == 200


def test_kubectl_users_feel_at_home(running: Cli) -> None:
    ours = kubectl(running, "get", "all", "--selector", "app.kubernetes.io/part-of=kubecoder", "--output", "name")
    kinds = {line.rpartition("/")[0] for line in ours.splitlines() if "/ws-john" in line}
    assert kinds == {"pod", "service", "deployment.apps", "replicaset.apps"}
    said = kubectl(running, "rollout", "status", "deployment/ws-john", "--timeout", "20s")
    assert "successfully rolled out" in said
    events = kubectl(running, "events", "--for", "deployment/ws-john")
    assert "ScalingReplicaSet" in events
    deployment = json.loads(kubectl(running, "get", "deployment/ws-john", "--show-managed-fields", "-o", "json"))
    managers = {(item["manager"], item["operation"]) for item in deployment["metadata"]["managedFields"]}
    assert managers == {
        ("kubecoder", "Apply"),
        ("kubecoder-scale", "Apply"),
        ("kube-controller-manager", "Update"),
    }


def kubectl(cli: Cli, *argv: str) -> str:
    """Run kubectl in the namespace of john's workspace."""
    connection = ("--kubeconfig", cli.environment["KUBECONFIG"], "--namespace", str(status(cli, "john")["namespace"]))
    done = subprocess.run([kubectl_program(), *connection, *argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_check_of_a_workspace_passes_or_warns(running: Cli) -> None:
    result = running.run("test", "--all", "-o", "json", seconds=300)

    checks = [(item["name"], check) for item in result.json()["workspaces"] for check in item["checks"]]
    assert [(name, check) for name, check in checks if check["result"] == "fail"] == []
    assert len(checks) >= 20
    from_another = {name: check["evidence"] for name, check in checks if check["name"] == "from-another-pod"}
    assert from_another["john"] == "jane can connect to 4180 and 6090 alone, which ask for a sign-in or a token"
    assert result.exit_code == 0


def test_a_rollback_brings_the_earlier_settings_back_as_a_new_revision(new_fleet: NewFleet) -> None:
    cli = new_fleet(["john"])
    cli("deploy", "--all").expect()
    edit_user(cli, "john", resources={"limits": {"memory": "3Gi"}})
    cli("deploy", "john").expect()
    assert memory_limit(cli) == 3 * 2**30

    cli("rollback", "john", "--yes").expect()

    assert memory_limit(cli) == 2**30
    assert status(cli, "john")["revision"] == 3


def memory_limit(cli: Cli) -> int:
    files = "/sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes"
    return int(in_shell(cli, "john", f"cat {files} 2>/dev/null; true"))


def test_a_stopped_workspace_stays_stopped_when_it_is_deployed_and_starts_again(new_fleet: NewFleet) -> None:
    cli = new_fleet(["john"])
    cli("deploy", "--all").expect()

    cli("stop", "john").expect()
    edit_user(cli, "john", user={"env": [{"name": "GREETING", "value": "hello"}]})
    cli("deploy", "--all").expect()
    wait_until(lambda: status(cli, "john")["stopped"], what="john is stopped", seconds=30)

    cli("start", "john").expect()
    assert status(cli, "john")["ready"]
    assert in_shell(cli, "john", "echo $GREETING") == "hello"


def test_a_deleted_workspace_keeps_its_home_for_the_next_deploy(new_fleet: NewFleet) -> None:
    cli = new_fleet(["john"])
    cli("deploy", "--all").expect()
    in_shell(cli, "john", "echo precious > ~/notes")

    cli("delete", "john", "--yes").expect()
    cli("deploy", "--all").expect()

    assert in_shell(cli, "john", "cat ~/notes") == "precious"


def test_an_image_that_does_not_exist_fails_in_seconds_and_the_other_workspace_is_up(new_fleet: NewFleet) -> None:
    cli = new_fleet(["john", "jane"])
    edit_user(cli, "john", image={"tag": "no-such-tag"})

    result = cli("deploy", "--all", "-o", "json").expect(1)

    outcomes = {item["name"]: item for item in result.json()["workspaces"]}
    assert outcomes["john"]["seconds"] < SECONDS_UNTIL_TOLD
    assert "no-such-tag" in json.dumps(outcomes["john"])
    assert "ErrImagePull" in json.dumps(outcomes["john"]) or "ImagePullBackOff" in json.dumps(outcomes["john"])
    assert status(cli, "jane")["ready"]
